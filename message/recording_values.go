package message

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unsafe"

	"github.com/flowcheck/flowcheck/message/jsonscan"
)

// key is a string or {"base64":…}.
func (d *Decoder) key() ([]byte, error) {
	s := d.spans[fKey]
	if s.end == 0 {
		return nil, nil
	}
	switch d.line[s.start] {
	case '"':
		return d.bytesAt(s), nil
	case '{':
		if raw, _, ok, err := d.wrappedBytes(s.start); err != nil {
			return nil, fmt.Errorf("key: %w", err)
		} else if ok {
			return raw, nil
		}
	}
	return nil, errors.New(`key: want a string or {"base64":…}`)
}

// payload takes the one form of it that the line has; nil is a tombstone.
func (d *Decoder) payload() ([]byte, error) {
	body, text, coded := d.spans[fBody], d.spans[fText], d.spans[fBase64]
	if body.end > 0 && text.end > 0 || body.end > 0 && coded.end > 0 || text.end > 0 && coded.end > 0 {
		return nil, errors.New("more than one of body, text and base64")
	}
	switch {
	case body.end > 0:
		return d.line[body.start:body.end:body.end], nil
	case text.end > 0:
		if d.line[text.start] != '"' {
			return nil, errors.New("text: want a string")
		}
		return d.bytesAt(text), nil
	case coded.end > 0:
		if d.line[coded.start] != '"' {
			return nil, errors.New("base64: want a string")
		}
		payload, err := d.fromBase64(d.bytesAt(coded))
		if err != nil {
			err = fmt.Errorf("base64: %w", err)
		}
		return payload, err
	default:
		return nil, nil
	}
}

// fromBase64 never returns nil without an error: no bytes are an empty payload.
func (d *Decoder) fromBase64(text []byte) ([]byte, error) {
	from := len(d.bytes)
	room := base64.StdEncoding.DecodedLen(len(text))
	d.bytes = slices.Grow(d.bytes, room)
	n, err := base64.StdEncoding.Decode(d.bytes[from:from+room], text)
	if err != nil {
		return nil, fmt.Errorf("not base64: %w", err)
	}
	d.bytes = d.bytes[:from+n]
	return d.bytes[from : from+n : from+n], nil
}

// wrappedBytes reads {"base64":"AAE="} at i; not ok is any other object.
func (d *Decoder) wrappedBytes(i int) (raw []byte, end int, ok bool, err error) {
	i, more, _ := jsonscan.Open(d.line, i, 1)
	if !more {
		return nil, i, false, nil
	}
	nameEnd, value, _, _ := jsonscan.Name(d.line, i)
	if string(d.line[i:nameEnd]) != `"base64"` || d.line[value] != '"' {
		return nil, i, false, nil
	}
	s := span{start: value}
	s.end, s.escaped, _ = jsonscan.String(d.line, value)
	if i, more, _ = jsonscan.Next(d.line, s.end, '}'); more {
		return nil, i, false, nil
	}
	raw, err = d.fromBase64(d.bytesAt(s))
	return raw, i, true, err
}

var errHeaders = errors.New("headers: want [[name, value], …]")

// headerList reads the list of pairs at i. The line was walked over before, so
// that it cannot be cut or malformed here.
func (d *Decoder) headerList(i int) ([]Header, error) {
	if d.line[i] != '[' {
		return nil, errHeaders
	}
	from := len(d.headers)
	i, more, _ := jsonscan.Open(d.line, i, 1)
	for more {
		h, end, err := d.header(i)
		if err != nil {
			return nil, err
		}
		d.headers = append(d.headers, h)
		i, more, _ = jsonscan.Next(d.line, end, ']')
	}
	if from == len(d.headers) {
		return nil, nil
	}
	return d.headers[from:len(d.headers):len(d.headers)], nil
}

// headerSpan tells of headers that were read while the line was walked over: the
// first of them, and where they end in the line; 0 is none.
type headerSpan struct{ first, end int }

// plainHeaders reads headers in the form that nearly all have, of plain texts and
// without space between them, at i. It reports whether they have it.
func (d *Decoder) plainHeaders(i int) bool {
	first, strings := len(d.headers), len(d.strings)
	for i < len(d.line) && (d.line[i] == ',' || d.line[i] == '[' && first == len(d.headers)) {
		name, end := d.plainText(i+1, '[')
		value, end := d.plainText(end, ',')
		if end+1 >= len(d.line) || d.line[end] != ']' {
			break
		}
		d.headers = append(d.headers, Header{Name: view(name), Value: d.boxed(value)})
		if i = end + 1; d.line[i] == ']' {
			d.plain = headerSpan{first, i + 1}
			return true
		}
	}
	d.headers, d.strings, d.plain = d.headers[:first], d.strings[:strings], headerSpan{}
	return false
}

// plainText reads a string without escapes that stands behind the byte before at
// i; the end of the line where there is none.
func (d *Decoder) plainText(i int, before byte) (text []byte, end int) {
	if i+1 >= len(d.line) || d.line[i] != before || d.line[i+1] != '"' {
		return nil, len(d.line)
	}
	end, escaped, fault := jsonscan.String(d.line, i+1)
	if escaped || fault != jsonscan.OK {
		return nil, len(d.line)
	}
	return d.line[i+2 : end-1 : end-1], end
}

// header reads the pair at i, and returns the index behind it.
func (d *Decoder) header(i int) (Header, int, error) {
	if d.line[i] != '[' {
		return Header{}, i, errHeaders
	}
	i, more, _ := jsonscan.Open(d.line, i, 1)
	if !more || d.line[i] != '"' {
		return Header{}, i, errHeaders
	}
	name := span{start: i}
	name.end, name.escaped, _ = jsonscan.String(d.line, i)
	if i, more, _ = jsonscan.Next(d.line, name.end, ']'); !more {
		return Header{}, i, errHeaders
	}
	h := Header{Name: d.stringAt(name)}
	var err error
	if h.Value, i, err = d.value(i); err != nil {
		return Header{}, i, fmt.Errorf("headers: %s: %w", clip(h.Name), err)
	}
	if i, more, _ = jsonscan.Next(d.line, i, ']'); more {
		return Header{}, i, errHeaders
	}
	return h, i, nil
}

// properties reads the object at i.
func (d *Decoder) properties(i int) (map[string]any, error) {
	if d.line[i] != '{' {
		return nil, errors.New("properties: want an object")
	}
	i, more, _ := jsonscan.Open(d.line, i, 1)
	if !more {
		return nil, nil
	}
	table := d.table()
	for more {
		name := span{start: i}
		name.end, i, name.escaped, _ = jsonscan.Name(d.line, i)
		key := d.intern(d.stringAt(name))
		v, end, err := d.value(i)
		if err != nil {
			return nil, fmt.Errorf("properties: %s: %w", clip(key), err)
		}
		table[key] = v
		i, more, _ = jsonscan.Next(d.line, end, '}')
	}
	return table, nil
}

// table returns an empty map that was used before the last Reset, or a new one.
func (d *Decoder) table() map[string]any {
	if d.tablesUsed == len(d.tables) {
		d.tables = append(d.tables, make(map[string]any))
	}
	table := d.tables[d.tablesUsed]
	d.tablesUsed++
	clear(table)
	return table
}

// value reads the value of a header or property at i. Text and bytes, by far
// the most frequent, share the line's or the decoder's; the rest is made anew.
func (d *Decoder) value(i int) (any, int, error) {
	switch d.line[i] {
	case '"':
		s := span{start: i}
		s.end, s.escaped, _ = jsonscan.String(d.line, i)
		return d.boxed(d.bytesAt(s)), s.end, nil
	case '{':
		if raw, end, ok, err := d.wrappedBytes(i); ok {
			return d.boxed(raw), end, err
		}
	}
	return valueAt(d.line, i, tables)
}

// boxed is any(string(text)) without an allocation: the interface points to a
// slot that Reset gives back, where Go would point it to a copy.
func (d *Decoder) boxed(text []byte) any {
	d.strings = append(d.strings, view(text))
	v := any("")
	(*[2]unsafe.Pointer)(unsafe.Pointer(&v))[1] = unsafe.Pointer(&d.strings[len(d.strings)-1])
	return v
}

// dialect tells how valueAt reads objects.
type dialect bool

const (
	// plain JSON.
	plain dialect = false
	// tables as headers have them: an object whose only member is "base64" or
	// "time" is bytes or a time. (A table of that very shape on the wire comes
	// back as what it looks like.)
	tables dialect = true
)

// ParseValue reads the value of a header as a recording spells it: a table, for
// instance, that was handed on as its JSON text. Nothing of it shares text's
// bytes.
func ParseValue(text string) (any, error) {
	data := []byte(text)
	if err := jsonscan.Check(data); err != nil {
		return nil, err
	}
	v, _, err := valueAt(data, jsonscan.Space(data, 0), tables)
	return v, err
}

// valueAt reads the JSON value at i of data, which is known to be well-formed.
// Nothing of it shares data's bytes.
func valueAt(data []byte, i int, as dialect) (any, int, error) {
	switch data[i] {
	case '"':
		s, end := textAt(data, i)
		return s, end, nil
	case '{':
		return objectAt(data, i, as)
	case '[':
		return listAt(data, i, as)
	case 't':
		return true, i + len("true"), nil
	case 'f':
		return false, i + len("false"), nil
	case 'n':
		return nil, i + len("null"), nil
	default:
		return numberAt(data, i)
	}
}

// textAt copies the string at i.
func textAt(data []byte, i int) (string, int) {
	end, escaped, _ := jsonscan.String(data, i)
	inner := data[i+1 : end-1]
	if escaped {
		return view(jsonscan.Unescape(make([]byte, 0, len(inner)), inner)), end
	}
	return string(inner), end
}

// numberAt makes an int64 where the number is written as an integer and fits,
// else a float64.
func numberAt(data []byte, i int) (any, int, error) {
	end, integer, _ := jsonscan.Number(data, i)
	text := string(data[i:end])
	if integer {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, end, nil
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, end, fmt.Errorf("%s is beyond a 64-bit float", clip(text))
	}
	return f, end, nil
}

func listAt(data []byte, i int, as dialect) (any, int, error) {
	list := []any{}
	i, more, _ := jsonscan.Open(data, i, 1)
	for more {
		v, end, err := valueAt(data, i, as)
		if err != nil {
			return nil, i, err
		}
		list = append(list, v)
		i, more, _ = jsonscan.Next(data, end, ']')
	}
	return list, i, nil
}

func objectAt(data []byte, i int, as dialect) (any, int, error) {
	table := map[string]any{}
	i, more, _ := jsonscan.Open(data, i, 1)
	for more {
		name, _ := textAt(data, i)
		_, value, _, _ := jsonscan.Name(data, i)
		v, end, err := valueAt(data, value, as)
		if err != nil {
			return nil, i, err
		}
		table[name] = v
		i, more, _ = jsonscan.Next(data, end, '}')
	}
	if as == plain {
		return table, i, nil
	}
	v, err := unwrapped(table)
	return v, i, err
}

// unwrapped is what a table stands for: bytes, a time, or itself.
func unwrapped(table map[string]any) (any, error) {
	if len(table) != 1 {
		return table, nil
	}
	if text, ok := table["base64"].(string); ok {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("not base64: %w", err)
		}
		return view(raw), nil
	}
	if text, ok := table["time"].(string); ok {
		if t, ok := parseTime([]byte(text)); ok {
			return t, nil
		}
	}
	return table, nil
}
