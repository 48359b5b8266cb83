package message

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unsafe"

	"github.com/flowcheck/flowcheck/message/jsonscan"
)

// times returns time and seen; seen is time where the line has time only.
func (d *Decoder) times() (at, seen time.Time, err error) {
	if at, err = d.time(fTime); err != nil {
		return at, seen, err
	}
	if d.spans[fSeen].end == 0 {
		if d.spans[fTime].end == 0 {
			err = errors.New("neither time nor seen")
		}
		return at, at, err
	}
	seen, err = d.time(fSeen)
	return at, seen, err
}

func (d *Decoder) time(f field) (time.Time, error) {
	s := d.spans[f]
	if s.end == 0 {
		return time.Time{}, nil
	}
	text, err := d.text(f)
	if err != nil {
		return time.Time{}, err
	}
	t, ok := d.clock.parse(unsafe.Slice(unsafe.StringData(text), len(text)))
	if !ok {
		return time.Time{}, fmt.Errorf("%s: %q is no RFC 3339 time", fieldNames[f], clip(text))
	}
	return t, nil
}

// position takes a bare integer, too. It may be kept: an opaque name is copied.
func (d *Decoder) position() (Position, error) {
	s := d.spans[fPosition]
	if s.end > 0 && d.line[s.start] != '"' {
		raw := d.line[s.start:s.end]
		if _, integer, fault := jsonscan.Number(raw, 0); fault == jsonscan.OK && integer {
			return ParsePosition(string(raw)), nil
		}
	}
	text, err := d.text(fPosition)
	p := ParsePosition(text)
	p.ID = strings.Clone(p.ID)
	return p, err
}

func (d *Decoder) flag(f field) (bool, error) {
	s := d.spans[f]
	if s.end == 0 {
		return false, nil
	}
	switch d.line[s.start] {
	case 't':
		return true, nil
	case 'f':
		return false, nil
	default:
		return false, fmt.Errorf("%s: want true or false", fieldNames[f])
	}
}

// text returns what a string field holds; "" where the line lacks it.
func (d *Decoder) text(f field) (string, error) {
	s := d.spans[f]
	if s.end == 0 {
		return "", nil
	}
	if d.line[s.start] != '"' {
		return "", fmt.Errorf("%s: want a string", fieldNames[f])
	}
	return d.stringAt(s), nil
}

// stringAt returns the text of the string at s, sharing the line's bytes where
// it can.
func (d *Decoder) stringAt(s span) string {
	return view(d.bytesAt(s))
}

// bytesAt is stringAt as bytes.
func (d *Decoder) bytesAt(s span) []byte {
	inner := d.line[s.start+1 : s.end-1 : s.end-1]
	if !s.escaped {
		return inner
	}
	from := len(d.bytes)
	d.bytes = jsonscan.Unescape(d.bytes, inner)
	return d.bytes[from:len(d.bytes):len(d.bytes)]
}

// channelName keeps the names of channels: the engine keeps them, too.
func (d *Decoder) channelName(name string) string {
	for _, known := range d.channels {
		if known == name {
			return known
		}
	}
	kept := d.intern(name)
	d.channels[d.channel%len(d.channels)] = kept
	d.channel++
	return kept
}

// intern returns a copy of name that stays, the same one each time.
func (d *Decoder) intern(name string) string {
	const most = 4096
	if kept, ok := d.names[name]; ok {
		return kept
	}
	kept := string([]byte(name))
	if d.names == nil {
		d.names = make(map[string]string)
	}
	if len(d.names) < most {
		d.names[kept] = kept
	}
	return kept
}

// view makes a string of b without a copy.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// clip cuts a text from a file down to what an error can show.
func clip(s string) string {
	const most = 60
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
