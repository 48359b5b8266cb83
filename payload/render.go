package payload

import (
	"bytes"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendJSON appends v as compact JSON, its members in their order. Times are
// RFC 3339, durations as Go writes them, NaN and infinities by name, all as
// strings.
func AppendJSON(b []byte, v Value) []byte {
	w := writer{b: b, limit: math.MaxInt}
	w.value(v, 0)
	return w.b
}

// AppendJSONWithin is AppendJSON up to about limit bytes; ok is false where that
// was not all.
func AppendJSONWithin(b []byte, v Value, limit int) (json []byte, ok bool) {
	w := writer{b: b, limit: limit}
	w.value(v, 0)
	return w.b, !w.cut
}

// Plain returns v as text: a string as it is, a time or a duration without
// quotes, anything else as JSON.
func Plain(v Value) string {
	switch v.kind {
	case String, Number:
		return v.Text()
	case Time:
		return v.Time().Format(time.RFC3339Nano)
	case Duration:
		return v.Duration().String()
	default:
		return string(AppendJSON(nil, v))
	}
}

// Short returns v for a report: as JSON on one line, cut with … at about limit
// bytes, times and durations without quotes. It costs no more than it shows.
func Short(v Value, limit int) string {
	if v.kind == Time || v.kind == Duration {
		return Plain(v)
	}
	w := writer{limit: limit}
	w.value(v, 0)
	return string(w.b)
}

// writer writes JSON until it is full.
type writer struct {
	b     []byte
	limit int
	cut   bool
}

// ellipsis tells that it was full.
func (w *writer) ellipsis() {
	w.b = append(w.b, "…"...)
	w.cut = true
}

func (w *writer) value(v Value, depth int) {
	switch v.kind {
	case Bool:
		w.b = strconv.AppendBool(w.b, v.Bool())
	case Int:
		w.b = strconv.AppendInt(w.b, v.Int(), 10)
	case Float:
		w.b = appendFloat(w.b, v.Float())
	case Number:
		w.number(v.Text())
	case String:
		w.quoted(v.Text())
	case Time, Duration:
		w.quoted(Plain(v))
	case List:
		w.list(v.List(), depth)
	case Object:
		w.object(v, depth)
	default:
		w.b = append(w.b, "null"...)
	}
}

func (w *writer) number(text string) {
	if room := w.limit - len(w.b); len(text) > max(room, 8) {
		w.b = append(w.b, text[:max(room, 8)]...)
		w.ellipsis()
		return
	}
	w.b = append(w.b, text...)
}

func (w *writer) list(items []Value, depth int) {
	w.b = append(w.b, '[')
	for i, item := range items {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		if len(w.b) >= w.limit || depth >= maxNesting {
			w.ellipsis()
			break
		}
		w.value(item, depth+1)
	}
	w.b = append(w.b, ']')
}

func (w *writer) object(v Value, depth int) {
	w.b = append(w.b, '{')
	for i, m := range v.Distinct() {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		if len(w.b) >= w.limit || depth >= maxNesting {
			w.ellipsis()
			break
		}
		w.quoted(m.Name)
		w.b = append(w.b, ':')
		w.value(m.Value, depth+1)
	}
	w.b = append(w.b, '}')
}

// quoted writes a JSON string. Control characters, 0x7f to 0x9f among them, are
// escaped, so that none reaches a terminal; what is no UTF-8 is U+FFFD.
func (w *writer) quoted(s string) {
	const hex = "0123456789abcdef"
	w.b = append(w.b, '"')
	for _, r := range s {
		if len(w.b) > w.limit {
			w.ellipsis()
			break
		}
		switch {
		case r == '"' || r == '\\':
			w.b = append(w.b, '\\', byte(r))
		case r == '\n':
			w.b = append(w.b, '\\', 'n')
		case r == '\t':
			w.b = append(w.b, '\\', 't')
		case r == '\r':
			w.b = append(w.b, '\\', 'r')
		case r < 0x20 || r >= 0x7f && r < 0xa0:
			w.b = append(w.b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			w.b = utf8.AppendRune(w.b, r)
		}
	}
	w.b = append(w.b, '"')
}

// appendFloat writes a float as encoding/json does, but a whole one within int64
// with all its digits, as it is compared.
func appendFloat(b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return strconv.AppendQuote(b, strconv.FormatFloat(f, 'g', -1, 64))
	}
	if f == math.Trunc(f) && f >= -1<<63 && f < 1<<63 {
		return strconv.AppendInt(b, int64(f), 10)
	}
	if abs := math.Abs(f); abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	}
	start := len(b)
	b = strconv.AppendFloat(b, f, 'e', -1, 64)
	if n := len(b); n-start >= 4 && bytes.Equal(b[n-4:n-1], []byte("e-0")) {
		b[n-2], b = b[n-1], b[:n-1] // 1e-07 → 1e-7
	}
	return b
}
