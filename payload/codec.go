package payload

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/flowcheck/flowcheck/message"
)

// Body is what a Codec is given of a message.
type Body struct {
	// Data is the payload or, for a codec of keys, the key. It is not nil, and must
	// not change while what was decoded of it is in use.
	Data []byte
	// Headers are the message's. A codec that takes an envelope off puts a slice
	// here that has what the envelope says before them, and leaves theirs alone.
	Headers []message.Header
	// Properties are the message's.
	Properties map[string]any
	// Line is where the recording has the message: what the Book had learnt by then
	// counts. 0: all that it has.
	Line int
}

// Encoded is what a Codec made of a value: the payload, and the headers and the
// content type ("" is not said) that tell what it is.
type Encoded struct {
	Data        []byte
	Headers     []message.Header
	ContentType string
}

// Codec turns the bodies, or the keys, of one channel into Values and back. It
// does no I/O, and is safe for concurrent use.
type Codec interface {
	// Decode decodes a body. A *Fault tells that the body is malformed: where it
	// could be decoded all the same, and only violates its schema, the Value is
	// there too. An *Unavailable tells that nothing can be said of the body.
	Decode(b *Body) (Value, error)
	// Encode encodes a value. The error names the place in it that does not fit.
	Encode(v Value) (Encoded, error)
	// Needs returns the schemas of a registry that a body names, or that encoding
	// needs, where b is nil. What is wrong with the body, Decode tells.
	Needs(b *Body) []SchemaRef
}

// JSONText is what a Codec may implement, too.
type JSONText interface {
	// IsJSONText reports whether a body is JSON text as it is on the wire, so that
	// the codec but checks it.
	IsJSONText() bool
}

// Setup is what a channel says of its bodies, or of its keys.
type Setup struct {
	Channel string
	// Topic is the name by which a registry knows the channel.
	Topic string
	// Key: the codec is for keys.
	Key bool
	// Format, Framing and Envelope are names, "" where the channel says none;
	// Encodings are the outermost first.
	Format, Framing, Envelope string
	Encodings                 []string
	// Registry tells that schemas come from one.
	Registry bool
	Schema   SchemaSpec
	// ReadFile reads a file by its path from the folder of the flow file.
	ReadFile func(path string) ([]byte, error)
	// Book has what is known of the registry.
	Book *Book
}

// SchemaSpec is what a channel says of its schema: a file, the message in it,
// and where imports are found; or a registry's subject, and its version ("" is
// the latest). Root is the name of an XML document's root.
type SchemaSpec struct {
	File, Message, Subject, Version, Root string
	Imports                               []string
}

// Opener makes the codec of a channel. The error tells what is wrong with what
// the channel says, or with its schema.
type Opener func(Setup) (Codec, error)

// Fault is what is wrong with a body. It implements error.
type Fault struct {
	// Path leads to it, as in an expression, "" for the whole.
	Path string
	// Reason tells it, and the way out where there is one.
	Reason string
	// Violation: the body could be decoded, and violates its schema.
	Violation bool
	// More are further violations.
	More []Fault
}

// shownFaults is how many violations an error tells.
const shownFaults = 3

// Error returns the path and the reason, and those of a few more.
func (f *Fault) Error() string {
	text := f.one()
	for i := range f.More {
		if i == shownFaults-1 {
			return text + fmt.Sprintf("; and %d more", len(f.More)-i)
		}
		text += "; " + f.More[i].one()
	}
	return text
}

func (f *Fault) one() string {
	if f.Path == "" {
		return f.Reason
	}
	return f.Path + ": " + f.Reason
}

// Faultf makes a Fault of the whole body.
func Faultf(format string, args ...any) *Fault { return &Fault{Reason: fmt.Sprintf(format, args...)} }

// Unavailable tells why nothing can be said of a body: its schema could not be
// had. It implements error.
type Unavailable struct{ Reason string }

// Error returns the reason.
func (u *Unavailable) Error() string { return u.Reason }

// PathTo spells a place in a body as an expression does.
func PathTo(path []Elem) string {
	var b strings.Builder
	b.WriteString("body")
	for _, e := range path {
		switch {
		case e.IsIndex:
			fmt.Fprintf(&b, "[%d]", e.Index)
		case isName(e.Name):
			b.WriteString("." + e.Name)
		default:
			fmt.Fprintf(&b, "[%q]", e.Name)
		}
	}
	return b.String()
}

func isName(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// dumped is how many bytes Dump shows.
const dumped = 32

// Dump shows the beginning of data as hex and as text, for a report.
func Dump(data []byte) string {
	part, more := data, ""
	if len(part) > dumped {
		part, more = part[:dumped], fmt.Sprintf(" … (%d bytes)", len(data))
	}
	if len(part) == 0 {
		return "no bytes"
	}
	text := make([]byte, len(part))
	for i, c := range part {
		if text[i] = c; c < 0x20 || c >= 0x7f {
			text[i] = '.'
		}
	}
	digits := hex.EncodeToString(part)
	var b strings.Builder
	for i := 0; i < len(digits); i += 2 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(digits[i : i+2])
	}
	return b.String() + " |" + string(text) + "|" + more
}
