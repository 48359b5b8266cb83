package message

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/message/jsonscan"
)

// recordingVersion is the format that this package reads and writes.
const recordingVersion = "recording/1"

const (
	// DefaultMaxLine is how long a line may be, in bytes, unless the Reader's
	// MaxLine says otherwise.
	DefaultMaxLine = 64 << 20
	// maxHeaderLine bounds the first line, so that a large file of another
	// kind is refused at once.
	maxHeaderLine = 1 << 20
	readSize      = 64 << 10
)

// Reader reads a recording, uncompressed, line by line:
//
//	file → line → Decoder → Event
//
// It is not safe for concurrent use.
type Reader struct {
	// MaxLine is how long a line may be, in bytes; 0 is DefaultMaxLine.
	MaxLine int
	// Bodies, where it is set, walks over the bodies; see Decoder.
	Bodies BodyScanner

	source  io.Reader
	buffer  []byte // what was read and not yet handed out is buffer[next:]
	next    int
	ended   error // why source gave no more
	number  int
	header  RecordingHeader
	decoder Decoder

	unfinished bool // the line taken last had no line feed
}

// NewReader reads a recording's first line from r. The error says if r is no
// recording, or one of a newer version.
func NewReader(r io.Reader) (*Reader, error) {
	reader := &Reader{source: r, buffer: make([]byte, 0, readSize)}
	line, err := reader.line(maxHeaderLine)
	if errors.Is(err, io.EOF) {
		return nil, errors.New("not a flowcheck recording: it is empty")
	}
	if errors.Is(err, errLong) {
		return nil, errors.New("not a flowcheck recording: the first line is no header")
	}
	if err != nil {
		return nil, err
	}
	if reader.header, err = parseHeader(line); err != nil {
		return nil, err
	}
	return reader, nil
}

// Header returns the first line.
func (r *Reader) Header() RecordingHeader { return r.header }

// Line returns the number of the line that Next read last, from 1.
func (r *Reader) Line() int { return r.number }

// Next returns the next observation or mark; io.EOF is the end. An error names
// the line that cannot be read, and there is no going on behind it.
//
// The Observation is valid until the next call, which uses its memory again:
// Observation.Clone keeps one for longer. Its Channel and Position may be kept,
// and so may a Mark.
func (r *Reader) Next() (Event, error) {
	r.decoder.Bodies = r.Bodies
	for {
		line, err := r.line(r.maxLine())
		if err != nil {
			return Event{}, err
		}
		if jsonscan.Space(line, 0) == len(line) {
			continue
		}
		r.decoder.Reset()
		event, err := r.decoder.Decode(line)
		if err != nil {
			return Event{}, r.lineError(err)
		}
		if event != (Event{}) {
			return event, nil
		}
	}
}

func (r *Reader) maxLine() int {
	if r.MaxLine > 0 {
		return r.MaxLine
	}
	return DefaultMaxLine
}

// Split takes the next lines out of r, some hundreds of kilobytes of them: a
// Reader of their own, for another goroutine, that ends where r goes on, or
// with the error that r ends with. io.EOF: there are no more lines. The memory
// of done, a Reader from an earlier Split that was read to its end, is used
// again; nil is none.
func (r *Reader) Split(done *Reader) (*Reader, error) {
	cut, searched := 0, r.next
	for {
		if cut = bytes.LastIndexByte(r.buffer[searched:], '\n'); cut >= 0 {
			cut += searched + 1
			break
		}
		pending := len(r.buffer) - r.next
		if r.ended != nil || pending > r.maxLine() {
			cut = len(r.buffer)
			break
		}
		r.fill()
		searched = r.next + pending
	}
	if cut == r.next && errors.Is(r.ended, io.EOF) {
		return nil, io.EOF
	}
	if done == nil {
		done = &Reader{buffer: make([]byte, 0, readSize)}
	}
	part, spare := done, done.buffer[:0]
	part.MaxLine, part.header, part.number, part.unfinished = r.MaxLine, r.header, r.number, false
	part.buffer, part.next, part.ended = r.buffer[:cut], r.next, io.EOF
	if cut == len(r.buffer) && r.ended != nil {
		part.ended = r.ended
	}
	r.number += bytes.Count(r.buffer[r.next:cut], []byte{'\n'})
	r.buffer, r.next = append(spare, r.buffer[cut:]...), 0
	if !errors.Is(part.ended, io.EOF) {
		r.ended = io.EOF // the part tells it
	}
	return part, nil
}

// ErrCut says that a recording ends in the middle of a line. What stands before
// it is whole.
var ErrCut = errors.New("the recording is cut off in the middle of this line; without it the rest can be read")

var errLong = errors.New("the line is longer than allowed")

// lineError puts the number of the line before err, and says it if the line is
// one that was never written to its end.
func (r *Reader) lineError(err error) error {
	var syntax *jsonscan.Error
	if r.unfinished && errors.As(err, &syntax) && syntax.Fault == jsonscan.Cut {
		return fmt.Errorf("line %d: %w", r.number, ErrCut)
	}
	return fmt.Errorf("line %d: %w", r.number, err)
}

// line returns the next line without its line feed, which the last may lack.
func (r *Reader) line(most int) ([]byte, error) {
	searched := r.next
	for {
		n := bytes.IndexByte(r.buffer[searched:], '\n')
		if n >= 0 {
			return r.take(searched+n, searched+n+1, most)
		}
		pending := len(r.buffer) - r.next
		atEnd := errors.Is(r.ended, io.EOF)
		switch {
		case pending > most || atEnd && pending > 0:
			r.unfinished = true
			return r.take(len(r.buffer), len(r.buffer), most)
		case atEnd:
			return nil, io.EOF
		case r.ended != nil:
			return nil, fmt.Errorf("line %d: %w", r.number+1, r.ended)
		}
		r.fill()
		searched = r.next + pending
	}
}

// take hands out the line that ends at end, and goes on at next.
func (r *Reader) take(end, next, most int) ([]byte, error) {
	line := r.buffer[r.next:end]
	r.next = next
	r.number++
	if len(line) > most {
		return nil, r.lineError(fmt.Errorf("%w: more than %d bytes", errLong, most))
	}
	return line, nil
}

// fill reads more behind what is pending, which it moves to the front.
func (r *Reader) fill() {
	pending := copy(r.buffer[:cap(r.buffer)], r.buffer[r.next:])
	r.buffer, r.next = r.buffer[:pending], 0
	if pending == cap(r.buffer) {
		grown := make([]byte, pending, 2*cap(r.buffer))
		copy(grown, r.buffer)
		r.buffer = grown
	}
	for range 100 {
		n, err := r.source.Read(r.buffer[pending:cap(r.buffer)])
		r.buffer = r.buffer[:pending+n]
		r.ended = err
		if n > 0 || err != nil {
			return
		}
	}
	r.ended = io.ErrNoProgress
}

// headerLine is the first line as it stands in the file.
type headerLine struct {
	Flow    string    `json:"flow"`
	Started time.Time `json:"started"`
	Brokers map[string]struct {
		Kind  string `json:"kind"`
		ID    string `json:"id"`
		Hosts string `json:"hosts"`
	} `json:"brokers"`
	Channels []string `json:"channels"`
	Probes   bool     `json:"probes"`
}

func parseHeader(line []byte) (RecordingHeader, error) {
	var version struct {
		Version any `json:"flowcheck"`
	}
	_ = json.Unmarshal(line, &version)
	name, _ := version.Version.(string)
	number, isRecording := strings.CutPrefix(name, "recording/")
	switch {
	case name == "":
		return RecordingHeader{}, errors.New(`not a flowcheck recording: the first line is not {"flowcheck":"` + recordingVersion + `",…}`)
	case !isRecording:
		return RecordingHeader{}, fmt.Errorf("not a flowcheck recording: the first line says %q", clip(name))
	case name != recordingVersion:
		return RecordingHeader{}, fmt.Errorf("a recording of version %q, and this flowcheck reads version 1: take a newer flowcheck", clip(number))
	}
	var h headerLine
	if err := json.Unmarshal(line, &h); err != nil {
		return RecordingHeader{}, fmt.Errorf("line 1: %w", err)
	}
	header := RecordingHeader{Flow: h.Flow, Started: h.Started.UTC(), Channels: h.Channels, Probes: h.Probes}
	for name, b := range h.Brokers {
		if header.Brokers == nil {
			header.Brokers = make(map[string]BrokerIdentity)
		}
		header.Brokers[name] = BrokerIdentity(b)
	}
	return header, nil
}
