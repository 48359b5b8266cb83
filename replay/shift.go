package replay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Shift moves times of messages, so that what was recent is recent again.
type Shift struct {
	paths map[string]bool // body.a.b, headers["x"]
	by    time.Duration
}

// NewShift takes paths such as body.placedAt, body.lines[0].at and headers["at"].
func NewShift(paths []string) (*Shift, error) {
	s := &Shift{paths: map[string]bool{}}
	for _, p := range paths {
		if !strings.HasPrefix(p, "body.") && !strings.HasPrefix(p, "body[") && !strings.HasPrefix(p, `headers["`) {
			return nil, fmt.Errorf(`%q is no path: write body.placedAt or headers["placed-at"]`, p)
		}
		s.paths[p] = true
	}
	return s, nil
}

// Times moves the times at the paths by a duration. A path that a message does
// not have is passed over; a value there that is no time is an error.
func (p *Plan) Times(s *Shift, by time.Duration) error {
	if len(s.paths) == 0 {
		return nil
	}
	moved := *s
	moved.by = by
	for i := range p.Shipments {
		if err := moved.shipment(&p.Shipments[i]); err != nil {
			return fmt.Errorf("--shift: %s: %w", p.Shipments[i].place(), err)
		}
	}
	return nil
}

func (s *Shift) shipment(of *Shipment) error {
	m := &of.Message
	for i, h := range m.Headers {
		path := "headers[" + strconv.Quote(h.Name) + "]"
		if !s.paths[path] {
			continue
		}
		text, isText := h.Value.(string)
		if n, isNumber := h.Value.(int64); isNumber {
			text = strconv.FormatInt(n, 10)
		} else if !isText {
			return fmt.Errorf("%s is no time", path)
		}
		moved, err := s.moved(path, text)
		if err != nil {
			return err
		}
		if isText {
			m.Headers[i].Value = moved
		} else if m.Headers[i].Value, err = strconv.ParseInt(moved, 10, 64); err != nil {
			return err
		}
	}
	if len(m.Payload) == 0 || !json.Valid(m.Payload) {
		return nil
	}
	var err error
	m.Payload, err = editJSON(m.Payload, func(path string, token []byte) ([]byte, error) {
		if !s.paths[path] {
			return token, nil
		}
		return s.token(path, token)
	})
	return err
}

// token moves a JSON value.
func (s *Shift) token(path string, token []byte) ([]byte, error) {
	if token[0] != '"' {
		moved, err := s.moved(path, string(token))
		return []byte(moved), err
	}
	var text string
	if err := json.Unmarshal(token, &text); err != nil {
		return nil, err
	}
	moved, err := s.moved(path, text)
	return strconv.AppendQuote(nil, moved), err
}

// moved is a time some time later, spelt as it was: RFC 3339 with as many digits,
// or a number of seconds, or thousandths of them, since 1970.
func (s *Shift) moved(path, text string) (string, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		unit := time.Second
		for limit := int64(100_000_000_000); n >= limit && unit > 1; limit *= 1000 {
			unit /= 1000
		}
		return strconv.FormatInt(n+int64(s.by/unit), 10), nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return "", fmt.Errorf("%s = %.40q is no time: RFC 3339 and numbers since 1970 are", path, text)
	}
	layout := "2006-01-02T15:04:05"
	if dot := strings.IndexByte(text, '.'); dot > 0 {
		n := len(strings.TrimLeft(text[dot+1:], digits))
		layout += "." + strings.Repeat("0", len(text)-dot-1-n)
	}
	return at.Add(s.by).Format(layout + "Z07:00"), nil
}

// errDeep: nobody nests so deep.
var errDeep = errors.New("the body nests too deep")

const maxDepth = 200

// editor walks over JSON text and writes it anew, byte for byte but for the values
// that edit changes.
type editor struct {
	in   []byte
	dec  *json.Decoder
	out  bytes.Buffer
	done int64 // of in
	edit func(path string, token []byte) ([]byte, error)
}

func editJSON(in []byte, edit func(path string, token []byte) ([]byte, error)) ([]byte, error) {
	e := &editor{in: in, dec: json.NewDecoder(bytes.NewReader(in)), edit: edit}
	e.dec.UseNumber()
	if err := e.value("body", 0); err != nil {
		return nil, err
	}
	e.out.Write(in[e.done:])
	return e.out.Bytes(), nil
}

func (e *editor) value(path string, depth int) error {
	if depth > maxDepth {
		return errDeep
	}
	token, err := e.dec.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		for e.dec.More() {
			name, err := e.dec.Token()
			if err != nil {
				return err
			}
			if err := e.value(member(path, fmt.Sprint(name)), depth+1); err != nil {
				return err
			}
		}
		_, err = e.dec.Token()
		return err
	case json.Delim('['):
		for i := 0; e.dec.More(); i++ {
			if err := e.value(fmt.Sprintf("%s[%d]", path, i), depth+1); err != nil {
				return err
			}
		}
		_, err = e.dec.Token()
		return err
	}
	return e.scalar(path, e.dec.InputOffset())
}

// scalar edits the value that ends at an offset.
func (e *editor) scalar(path string, end int64) error {
	from := end
	if e.in[end-1] == '"' {
		for from--; ; { // to the quote that no odd number of backslashes escapes
			from = int64(bytes.LastIndexByte(e.in[:from], '"'))
			before := bytes.TrimRight(e.in[:from], `\`)
			if (from-int64(len(before)))%2 == 0 {
				break
			}
		}
	} else {
		from = int64(bytes.LastIndexAny(e.in[:end], "[{:, \t\r\n")) + 1
	}
	token, err := e.edit(path, e.in[from:end])
	if err != nil {
		return err
	}
	e.out.Write(e.in[e.done:from])
	e.out.Write(token)
	e.done = end
	return nil
}

func member(path, name string) string {
	for i, r := range name {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return path + "[" + strconv.Quote(name) + "]"
		}
	}
	return path + "." + name
}
