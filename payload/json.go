package payload

import (
	"unsafe"

	"github.com/flowcheck/flowcheck/message/jsonscan"
)

// Decode decodes JSON text as a whole. Strings without escapes, and names,
// share the bytes of data: they must not change while the Value is in use. The
// members of an object stand in their order, repeated names included; the last
// of a name counts. The error, a *jsonscan.Error, says what is no JSON where.
func Decode(data []byte) (Value, error) {
	v, end, fault := decode(data, jsonscan.Space(data, 0), jsonscan.MaxDepth)
	if end, fault = atEnd(data, end, fault); fault != jsonscan.OK {
		return Value{}, fault.At(data, end)
	}
	return v, nil
}

// Valid reports whether data is JSON that Decode decodes.
func Valid(data []byte) bool { return jsonscan.Check(data) == nil }

// atEnd makes a fault of what stands behind a value that ends at end.
func atEnd(data []byte, end int, fault jsonscan.Fault) (int, jsonscan.Fault) {
	if fault == jsonscan.OK {
		if end = jsonscan.Space(data, end); end < len(data) {
			fault = jsonscan.Trailing
		}
	}
	return end, fault
}

// decode decodes the value at i, which may nest depth levels.
func decode(data []byte, i, depth int) (Value, int, jsonscan.Fault) {
	if i >= len(data) {
		return Value{}, i, jsonscan.Cut
	}
	switch data[i] {
	case '"':
		end, escaped, fault := jsonscan.String(data, i)
		if fault != jsonscan.OK {
			return Value{}, end, fault
		}
		return OfString(unquoted(data[i:end], escaped)), end, jsonscan.OK
	case '{':
		return decodeObject(data, i, depth)
	case '[':
		return decodeList(data, i, depth)
	case 't', 'f', 'n':
		end, fault := jsonscan.Value(data, i, depth)
		if fault != jsonscan.OK || data[i] == 'n' {
			return Value{}, end, fault
		}
		return OfBool(data[i] == 't'), end, jsonscan.OK
	default:
		end, integer, fault := jsonscan.Number(data, i)
		if fault != jsonscan.OK {
			return Value{}, end, fault
		}
		return number(data[i:end], integer), end, jsonscan.OK
	}
}

func decodeObject(data []byte, i, depth int) (Value, int, jsonscan.Fault) {
	var members []Member
	i, more, fault := jsonscan.Open(data, i, depth)
	for more && fault == jsonscan.OK {
		end, value, escaped, bad := jsonscan.Name(data, i)
		if bad != jsonscan.OK {
			return Value{}, value, bad
		}
		m := Member{Name: unquoted(data[i:end], escaped)}
		if m.Value, i, fault = decode(data, value, depth-1); fault != jsonscan.OK {
			break
		}
		members = append(members, m)
		i, more, fault = jsonscan.Next(data, i, '}')
	}
	return OfObject(members), i, fault
}

func decodeList(data []byte, i, depth int) (Value, int, jsonscan.Fault) {
	var items []Value
	i, more, fault := jsonscan.Open(data, i, depth)
	for more && fault == jsonscan.OK {
		var item Value
		if item, i, fault = decode(data, i, depth-1); fault != jsonscan.OK {
			break
		}
		items = append(items, item)
		i, more, fault = jsonscan.Next(data, i, ']')
	}
	return OfList(items), i, fault
}

// unquoted is what a string means that stands, with its quotes, in text.
func unquoted(text []byte, escaped bool) string {
	inner := text[1 : len(text)-1]
	if escaped {
		inner = jsonscan.Unescape(make([]byte, 0, len(inner)), inner)
	}
	return view(inner)
}

// view makes a string of b without a copy.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// number is ParseNumber of a well-formed number, and does the frequent ones at
// once: integers of 18 digits at most, and fractions of 15, where a float64 is
// exact up to the quotient, which is rounded once.
func number(text []byte, integer bool) Value {
	const intDigits, floatDigits = 18, 15
	digits, negative := text, text[0] == '-'
	if negative {
		digits = text[1:]
	}
	n, fraction := int64(0), 0
	if len(digits) > intDigits {
		return ParseNumber(view(text))
	}
	for i, c := range digits {
		switch {
		case c-'0' <= 9:
			n = n*10 + int64(c-'0')
		case c == '.':
			fraction = len(digits) - i - 1
		default: // an exponent
			return ParseNumber(view(text))
		}
	}
	if negative {
		n = -n
	}
	switch {
	case integer:
		return OfInt(n)
	case len(digits)-1 > floatDigits || n == 0 && negative:
		return ParseNumber(view(text))
	default:
		return OfFloat(float64(n) / tens[fraction])
	}
}

// tens are the powers of ten that a fraction of 15 digits needs.
var tens = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}
