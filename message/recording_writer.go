package message

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/flowcheck/flowcheck/message/jsonscan"
)

// Writer writes a recording. Each line goes to the underlying writer in one
// Write, so that a full disk breaks one line at most: cut the file at
// Written, and it is a recording up to there.
//
// It is not safe for concurrent use.
type Writer struct {
	w       io.Writer
	line    []byte
	written int64
	err     error
}

// NewWriter writes the header line to w. If that fails, the first Write says so.
func NewWriter(w io.Writer, h RecordingHeader) *Writer {
	writer := &Writer{w: w}
	line, err := appendHeaderLine(nil, h)
	if err != nil {
		writer.err = err
		return writer
	}
	writer.err = writer.put(line)
	return writer
}

// Write writes one event, which must have an Observation or a Mark. An event
// that cannot be written as a line is an error of its own, and nothing is
// written. After an error of the underlying writer nothing more is written, and
// every Write returns that error.
func (w *Writer) Write(e Event) error {
	if w.err != nil {
		return w.err
	}
	var err error
	switch {
	case e.Observation != nil:
		w.line, err = appendObservation(w.line[:0], e.Observation)
	case e.Mark != nil:
		w.line, err = appendMark(w.line[:0], e.Mark)
	default:
		err = errors.New("an event with neither an observation nor a mark")
	}
	if err == nil && len(w.line) > DefaultMaxLine {
		err = fmt.Errorf("a line of %d bytes, more than a reader takes", len(w.line))
	}
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	w.err = w.put(w.line)
	if cap(w.line) > maxKept {
		w.line = nil
	}
	return w.err
}

// Written returns how many bytes of whole lines the underlying writer took.
func (w *Writer) Written() int64 { return w.written }

func (w *Writer) put(line []byte) error {
	n, err := w.w.Write(line)
	if err == nil && n < len(line) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	w.written += int64(len(line))
	return nil
}

func appendHeaderLine(dst []byte, h RecordingHeader) ([]byte, error) {
	dst = append(dst, `{"flowcheck":"`+recordingVersion+`","flow":`...)
	dst = jsonscan.AppendString(dst, h.Flow)
	var err error
	if dst, err = appendTime(dst, "started", h.Started); err != nil {
		return dst, err
	}
	if len(h.Brokers) > 0 {
		dst = append(dst, `,"brokers":{`...)
		for i, name := range slices.Sorted(maps.Keys(h.Brokers)) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = jsonscan.AppendString(dst, name)
			dst = append(dst, `:{"kind":`...)
			dst = jsonscan.AppendString(dst, h.Brokers[name].Kind)
			dst = append(dst, `,"id":`...)
			dst = jsonscan.AppendString(dst, h.Brokers[name].ID)
			if hosts := h.Brokers[name].Hosts; hosts != "" {
				dst = append(dst, `,"hosts":`...)
				dst = jsonscan.AppendString(dst, hosts)
			}
			dst = append(dst, '}')
		}
		dst = append(dst, '}')
	}
	if len(h.Channels) > 0 {
		dst = append(dst, `,"channels":[`...)
		for i, name := range h.Channels {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = jsonscan.AppendString(dst, name)
		}
		dst = append(dst, ']')
	}
	if h.Probes {
		dst = append(dst, `,"probes":true`...)
	}
	return append(dst, '}', '\n'), nil
}

func appendObservation(dst []byte, o *Observation) ([]byte, error) {
	if o.Channel == "" {
		return dst, errors.New("an observation without a channel")
	}
	if o.Time.IsZero() && o.Seen.IsZero() {
		return dst, errors.New("an observation with neither time nor seen")
	}
	dst = append(dst, `{"channel":`...)
	dst = jsonscan.AppendString(dst, o.Channel)
	dst, err := appendTime(dst, "time", o.Time)
	if err != nil {
		return dst, err
	}
	if o.ProducerClock {
		dst = append(dst, `,"clock":"producer"`...)
	}
	if dst, err = appendTime(dst, "seen", o.Seen); err != nil {
		return dst, err
	}
	if o.Position.Kind != NoPosition {
		dst = appendText(dst, "position", o.Position.String())
	}
	if o.Redelivered {
		dst = append(dst, `,"redelivered":true`...)
	}
	if o.Key != nil {
		dst = append(dst, `,"key":`...)
		dst = appendBytes(dst, view(o.Key))
	}
	if dst, err = appendHeaders(dst, o.Headers); err != nil {
		return dst, err
	}
	if len(o.Properties) > 0 {
		dst = append(dst, `,"properties":`...)
		if dst, err = appendValue(dst, o.Properties, tables, 0); err != nil {
			return dst, fmt.Errorf("properties: %w", err)
		}
	}
	dst = appendPayload(dst, o.Payload)
	return append(dst, '}', '\n'), nil
}

// appendPayload writes the form that keeps the payload to the byte.
func appendPayload(dst, payload []byte) []byte {
	switch {
	case payload == nil:
		return dst
	case isBody(payload):
		return append(append(dst, `,"body":`...), payload...)
	case utf8.Valid(payload):
		return appendText(dst, "text", view(payload))
	default:
		dst = append(dst, `,"base64":"`...)
		return append(appendBase64(dst, view(payload)), '"')
	}
}

// isBody reports whether the payload can stand as it is as a value in a line:
// JSON without line breaks and without space around it, which would be lost.
func isBody(payload []byte) bool {
	if len(payload) == 0 || payload[0] <= ' ' || payload[len(payload)-1] <= ' ' {
		return false
	}
	if slices.Contains(payload, '\n') || slices.Contains(payload, '\r') {
		return false
	}
	end, fault := jsonscan.Value(payload, 0, jsonscan.MaxDepth-1)
	return fault == jsonscan.OK && end == len(payload)
}

func appendHeaders(dst []byte, headers []Header) ([]byte, error) {
	if len(headers) == 0 {
		return dst, nil
	}
	dst = append(dst, `,"headers":[`...)
	for i, h := range headers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '[')
		dst = jsonscan.AppendString(dst, h.Name)
		dst = append(dst, ',')
		var err error
		if dst, err = appendValue(dst, h.Value, tables, 0); err != nil {
			return dst, fmt.Errorf("headers: %s: %w", clip(h.Name), err)
		}
		dst = append(dst, ']')
	}
	return append(dst, ']'), nil
}

func appendMark(dst []byte, m *Mark) ([]byte, error) {
	if m.Seen.IsZero() {
		return dst, fmt.Errorf("%s mark without a time", m.Kind)
	}
	dst = append(dst, `{"mark":`...)
	dst = jsonscan.AppendString(dst, string(m.Kind))
	var err error
	switch m.Kind {
	case MarkScenario, MarkProbe:
		if dst, err = appendScenario(dst, m); err != nil {
			return dst, err
		}
		dst, err = appendTime(dst, "seen", m.Seen)
	case MarkGap:
		dst = appendText(dst, "channel", m.Channel)
		dst, err = appendTime(dst, "seen", m.Seen)
		dst = appendText(dst, "reason", m.Reason)
	case MarkUnsent:
		dst = appendText(dst, "id", m.ID)
		dst, err = appendTime(dst, "seen", m.Seen)
		dst = appendText(dst, "reason", m.Reason)
	case MarkEnd:
		dst, err = appendTime(dst, "seen", m.Seen)
	case MarkFence, MarkAway, MarkBack:
		return appendTapMark(dst, m)
	case MarkSchema:
		if dst, err = appendSchema(dst, m); err != nil {
			return dst, err
		}
		dst, err = appendTime(dst, "seen", m.Seen)
	default:
		return dst, fmt.Errorf("a mark of the unknown kind %q", m.Kind)
	}
	return append(dst, '}', '\n'), err
}

// appendTapMark writes what a durable tap says of itself; dst has the kind.
func appendTapMark(dst []byte, m *Mark) ([]byte, error) {
	dst = appendText(dst, "channel", m.Channel)
	if m.ID != "" {
		dst = appendText(dst, "id", m.ID)
	}
	if m.Position.Kind != NoPosition {
		dst = appendText(dst, "position", m.Position.String())
	}
	dst, err := appendTime(dst, "time", m.Since)
	if err == nil {
		dst, err = appendTime(dst, "seen", m.Seen)
	}
	return append(dst, '}', '\n'), err
}

func appendScenario(dst []byte, m *Mark) ([]byte, error) {
	switch {
	case m.Name != "":
		dst = appendText(dst, "name", m.Name)
	case m.Kind == MarkScenario:
		return dst, errors.New("a scenario mark without a name")
	}
	if m.ID != "" {
		dst = appendText(dst, "id", m.ID)
	}
	if m.Case != nil {
		var err error
		dst = append(dst, `,"case":`...)
		if dst, err = appendValue(dst, m.Case, plain, 0); err != nil {
			return dst, fmt.Errorf("scenario %s: case: %w", clip(m.Name), err)
		}
	}
	if len(m.IDs) > 0 {
		dst = append(dst, `,"ids":{`...)
		for i, name := range slices.Sorted(maps.Keys(m.IDs)) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = jsonscan.AppendString(dst, name)
			dst = append(dst, ':')
			dst = jsonscan.AppendString(dst, m.IDs[name])
		}
		dst = append(dst, '}')
	}
	if m.Outcome != "" {
		dst = appendText(dst, "outcome", m.Outcome)
	}
	return appendProbe(dst, m.Probe)
}

func appendSchema(dst []byte, m *Mark) ([]byte, error) {
	dst = appendText(dst, "channel", m.Channel)
	dst = appendText(dst, "id", m.ID)
	if m.Schema == nil {
		return appendText(dst, "reason", m.Reason), nil
	}
	dst = append(dst, `,"schema":`...)
	dst, err := appendValue(dst, m.Schema, plain, 0)
	if err != nil {
		return dst, fmt.Errorf("schema %s: %w", clip(m.ID), err)
	}
	return dst, nil
}

func appendText(dst []byte, name, text string) []byte {
	dst = append(append(append(dst, ',', '"'), name...), '"', ':')
	return jsonscan.AppendString(dst, text)
}

// appendTime writes nothing for the zero time.
func appendTime(dst []byte, name string, t time.Time) ([]byte, error) {
	if t.IsZero() {
		return dst, nil
	}
	t = t.UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		return dst, fmt.Errorf("%s: the year %d does not fit RFC 3339", name, y)
	}
	dst = append(append(append(dst, ',', '"'), name...), '"', ':', '"')
	return append(t.AppendFormat(dst, time.RFC3339Nano), '"'), nil
}
