package expression

import (
	"strconv"
	"strings"

	"github.com/flowcheck/flowcheck/payload"
)

var conversions = map[string]*function{
	"type":     {one: typeOf, takesNil: true},
	"int":      {one: toInt},
	"float":    {one: toFloat},
	"string":   {one: toText},
	"toJSON":   {one: toJSON, takesNil: true},
	"fromJSON": {one: fromJSON},
}

func typeOf(_ *Frame, v payload.Value) payload.Value {
	return payload.OfString(typeName(v))
}

func typeName(v payload.Value) string {
	switch v.Kind() {
	case payload.Bool:
		return "bool"
	case payload.Int:
		return "int"
	case payload.Number:
		if strings.ContainsAny(v.Text(), ".eE") {
			return "float"
		}
		return "int"
	case payload.Float:
		return "float"
	case payload.String:
		return "string"
	case payload.Time:
		return "time.Time"
	case payload.Duration:
		return "time.Duration"
	case payload.List:
		return "array"
	case payload.Object:
		return "map"
	default:
		return "nil"
	}
}

// toInt is a number without its fraction, the integer that a text is, or the
// nanoseconds of a duration.
func toInt(_ *Frame, v payload.Value) payload.Value {
	switch v.Kind() {
	case payload.String:
		if n, err := strconv.ParseInt(v.Text(), 10, 64); err == nil {
			return payload.OfInt(n)
		}
		if n := payload.ParseNumber(strings.Clone(v.Text())); typeName(n) == "int" {
			return n
		}
		return payload.Value{}
	case payload.Duration:
		return nanoseconds(v)
	default:
		return payload.Truncate(v)
	}
}

func toFloat(_ *Frame, v payload.Value) payload.Value {
	if v.Kind() == payload.String {
		x, err := strconv.ParseFloat(v.Text(), 64)
		if err != nil {
			return payload.Value{}
		}
		return finite(x)
	}
	x, ok := payload.ToFloat(v)
	if !ok {
		return payload.Value{}
	}
	return finite(x)
}

// toText is a text as it is, and anything else as Plain writes it.
func toText(f *Frame, v payload.Value) payload.Value {
	text, ok := f.plain(v)
	if !ok {
		return payload.Value{}
	}
	return payload.OfString(text)
}

// plain is payload.Plain within the budget.
func (f *Frame) plain(v payload.Value) (text string, ok bool) {
	if v.Kind() == payload.List || v.Kind() == payload.Object {
		return f.json(v)
	}
	text = payload.Plain(v)
	return text, f.room(len(text))
}

func (f *Frame) json(v payload.Value) (text string, ok bool) {
	b, ok := payload.AppendJSONWithin(nil, v, max(min(f.bytes, f.steps), 0))
	if !ok || !f.room(len(b)) || !f.work(len(b)) {
		f.exceed()
		return "", false
	}
	return string(b), true
}

func toJSON(f *Frame, v payload.Value) payload.Value {
	text, ok := f.json(v)
	if !ok {
		return payload.Value{}
	}
	return payload.OfString(text)
}

func fromJSON(f *Frame, v payload.Value) payload.Value {
	text := v.Text()
	if v.Kind() != payload.String || !f.work(len(text)) || !f.room(8*len(text)) {
		return payload.Value{}
	}
	made, err := payload.Decode([]byte(text))
	if err != nil {
		return payload.Value{}
	}
	return made
}
