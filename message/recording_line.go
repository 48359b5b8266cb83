package message

import (
	"errors"

	"github.com/flowcheck/flowcheck/message/jsonscan"
)

// field is a name that a line of a recording may have.
type field uint8

const (
	unknownField field = iota
	fMark
	fChannel
	fTime
	fClock
	fSeen
	fPosition
	fRedelivered
	fKey
	fHeaders
	fProperties
	fBody
	fText
	fBase64
	fReason
	fName
	fIDs
	fOutcome
	fID
	fCase
	fProbe
	fSchema
	fieldCount
)

var fieldNames = [fieldCount]string{
	"", "mark", "channel", "time", "clock", "seen", "position", "redelivered", "key", "headers",
	"properties", "body", "text", "base64", "reason", "name", "ids", "outcome", "id", "case", "probe", "schema",
}

// fieldTexts are the names as lines have them; that of the unknown fits none.
var fieldTexts = func() (texts [fieldCount]string) {
	texts[unknownField] = "\n"
	for f := unknownField + 1; f < fieldCount; f++ {
		texts[f] = `"` + fieldNames[f] + `":`
	}
	return texts
}()

// fieldNamed finds a field by its name.
//
//nolint:cyclop // a table, which a switch searches fastest
func fieldNamed(name []byte) field {
	switch string(name) {
	case "mark":
		return fMark
	case "channel":
		return fChannel
	case "time":
		return fTime
	case "clock":
		return fClock
	case "seen":
		return fSeen
	case "position":
		return fPosition
	case "redelivered":
		return fRedelivered
	case "key":
		return fKey
	case "headers":
		return fHeaders
	case "properties":
		return fProperties
	case "body":
		return fBody
	case "text":
		return fText
	case "base64":
		return fBase64
	case "reason":
		return fReason
	case "name":
		return fName
	case "ids":
		return fIDs
	case "outcome":
		return fOutcome
	case "id":
		return fID
	case "case":
		return fCase
	case "probe":
		return fProbe
	case "schema":
		return fSchema
	default:
		return unknownField
	}
}

// span is where the JSON of a field's value stands in the line; the zero span
// is that of a field which the line lacks, or has as null.
type span struct {
	start, end int
	escaped    bool
}

// Decoder decodes single lines of a recording, the first one excepted. It
// allocates next to nothing: what it returns shares the bytes of the line and
// the decoder's own buffers.
//
// An Event from Decode is valid until the next Reset, and as long as the
// line's bytes stay as they are; Observation.Clone keeps one for longer. Marks
// may be kept, and so may an Observation's Channel and Position. The zero Decoder is ready; it is not safe for concurrent use.
type Decoder struct {
	// Bodies, where it is set, walks over the bodies in the Decoder's stead.
	Bodies BodyScanner

	line  []byte
	scan  uint64
	spans [fieldCount]span

	// What the events since the last Reset are made of. Growing moves none of
	// what was handed out: the old arrays live as long as they are used.
	observations []Observation
	headers      []Header
	strings      []string
	bytes        []byte
	tables       []map[string]any
	tablesUsed   int

	clock    clock
	channels [8]string // names of those that were read lately
	channel  int       // how many there have been
	names    map[string]string

	order [fieldCount]field // of the members of the line before
	plain headerSpan
}

// BodyScanner takes what it needs out of a body while it makes sure of its
// JSON, so that no byte of a line is walked over twice.
type BodyScanner interface {
	// ScanBody walks over the value at i of line, the body of a message on the
	// channel, exactly as jsonscan.Value does, MaxDepth-1 levels deep. It returns
	// a name for what it has kept of it, which comes back as Observation.Scan; 0
	// is nothing.
	ScanBody(channel, line []byte, i int) (scan uint64, end int, fault jsonscan.Fault)
}

// Reset makes room for the next events: those handed out before are no longer
// valid.
func (d *Decoder) Reset() {
	d.observations = d.observations[:0]
	d.headers = d.headers[:0]
	d.strings = d.strings[:0]
	d.tablesUsed = 0
	if cap(d.bytes) > maxKept {
		d.bytes = nil
	}
	d.bytes = d.bytes[:0]
}

// maxKept is the largest buffer, in bytes, that a Decoder keeps for next time.
const maxKept = 1 << 20

// Decode decodes one line. An empty Event without an error is a line that says
// nothing to this version: a mark that it does not know.
func (d *Decoder) Decode(line []byte) (Event, error) {
	if err := d.walk(line); err != nil {
		return Event{}, err
	}
	if d.spans[fMark].end > 0 {
		mark, err := d.mark()
		return Event{Mark: mark}, err
	}
	observation, err := d.observation()
	if err != nil {
		return Event{}, err
	}
	return Event{Observation: observation}, nil
}

// walk walks over the whole line and notes where the known fields stand.
func (d *Decoder) walk(line []byte) error {
	d.line, d.scan, d.plain = line, 0, headerSpan{}
	d.spans = [fieldCount]span{}
	i := jsonscan.Space(line, 0)
	if i >= len(line) || line[i] != '{' {
		return errors.New("not a JSON object")
	}
	i, more, fault := jsonscan.Open(line, i, jsonscan.MaxDepth)
	for nth := 0; more && fault == jsonscan.OK; nth++ {
		if i, fault = d.member(i, nth); fault == jsonscan.OK {
			i, more, fault = jsonscan.Next(line, i, '}')
		}
	}
	if fault == jsonscan.OK {
		if i = jsonscan.Space(line, i); i < len(line) {
			fault = jsonscan.Trailing
		}
	}
	return fault.At(line, i)
}

// name reads the name of the nth member, at i. Most lines have their members in
// the order of the line before.
func (d *Decoder) name(i, nth int) (f field, value int, fault jsonscan.Fault) {
	line := d.line
	if nth < len(d.order) {
		guess := fieldTexts[d.order[nth]]
		if value = i + len(guess); value < len(line) && string(line[i:value]) == guess && line[value] > ' ' {
			return d.order[nth], value, jsonscan.OK
		}
	}
	end, value, escaped, fault := jsonscan.Name(line, i)
	if fault != jsonscan.OK {
		return unknownField, value, fault
	}
	name := line[i+1 : end-1]
	if escaped {
		name = jsonscan.Unescape(nil, name)
	}
	f = fieldNamed(name)
	if nth < len(d.order) {
		d.order[nth] = f
	}
	return f, value, jsonscan.OK
}

// member notes where the value of the nth member, which begins at i, stands.
func (d *Decoder) member(i, nth int) (int, jsonscan.Fault) {
	line := d.line
	f, value, fault := d.name(i, nth)
	if fault != jsonscan.OK {
		return value, fault
	}
	s := span{start: value}
	switch {
	case f == fHeaders && d.plainHeaders(value):
		s.end = d.plain.end
	case f == fBody && d.Bodies != nil:
		s.end, fault = d.body(value)
	case value < len(line) && line[value] == '"':
		s.end, s.escaped, fault = jsonscan.String(line, value)
	default:
		s.end, fault = jsonscan.Value(line, value, jsonscan.MaxDepth-1)
	}
	if fault != jsonscan.OK {
		return s.end, fault
	}
	if line[value] == 'n' && f != fBody {
		d.spans[f] = span{} // null is absent; but a body may well be null
	} else {
		d.spans[f] = s
	}
	if f == fChannel {
		d.scan = 0 // a body before it was not scanned as this channel's
	}
	return s.end, jsonscan.OK
}

// body walks over the body at i, once the channel is known by its scanner.
func (d *Decoder) body(i int) (end int, fault jsonscan.Fault) {
	s := d.spans[fChannel]
	if d.scan = 0; s.end == 0 || s.escaped || d.line[s.start] != '"' {
		return jsonscan.Value(d.line, i, jsonscan.MaxDepth-1)
	}
	d.scan, end, fault = d.Bodies.ScanBody(d.line[s.start+1:s.end-1], d.line, i)
	return end, fault
}

// observation makes an observation of the line that was scanned.
func (d *Decoder) observation() (*Observation, error) {
	d.observations = append(d.observations, Observation{})
	o := &d.observations[len(d.observations)-1]
	channel, err := d.text(fChannel)
	if err != nil {
		return nil, err
	}
	if channel == "" {
		return nil, errors.New("no channel and no mark")
	}
	o.Channel = d.channelName(channel)
	if o.Time, o.Seen, err = d.times(); err != nil {
		return nil, err
	}
	clock, err := d.text(fClock)
	if err != nil {
		return nil, err
	}
	o.ProducerClock = clock == "producer"
	if o.Position, err = d.position(); err != nil {
		return nil, err
	}
	if o.Redelivered, err = d.flag(fRedelivered); err != nil {
		return nil, err
	}
	o.Scan = d.scan
	return o, d.message(&o.Message)
}

// message fills in what was published.
func (d *Decoder) message(m *Message) (err error) {
	if m.Key, err = d.key(); err != nil {
		return err
	}
	if m.Payload, err = d.payload(); err != nil {
		return err
	}
	if s := d.spans[fHeaders]; s.end > 0 {
		if d.plain.end == s.end {
			m.Headers = d.headers[d.plain.first:len(d.headers):len(d.headers)]
		} else if m.Headers, err = d.headerList(s.start); err != nil {
			return err
		}
	}
	if s := d.spans[fProperties]; s.end > 0 {
		m.Properties, err = d.properties(s.start)
	}
	return err
}
