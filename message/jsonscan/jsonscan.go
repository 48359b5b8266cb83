// Package jsonscan walks over JSON text (RFC 8259) without building anything.
//
// The recording reader and the body decoder both stand on it. Every function
// takes the whole text and an index into it, and returns the index behind what
// it read. Nothing allocates: a fault is a small code with the index where the
// text goes wrong, and the caller makes an error of it once, with Fault.At.
//
// It takes exactly what encoding/json takes, but for two things: text that is
// not UTF-8 is a fault, and so is nesting deeper than MaxDepth.
package jsonscan

// MaxDepth is how deep arrays and objects may be nested.
const MaxDepth = 512

// Check returns what is wrong with data, which must be one value with nothing
// but space around it; nil if it is JSON.
func Check(data []byte) error {
	end, f := Value(data, Space(data, 0), MaxDepth)
	if f == OK {
		if end = Space(data, end); end < len(data) {
			f = Trailing
		}
	}
	return f.At(data, end)
}

// Space returns the index of the first byte from i on that is no space.
func Space(data []byte, i int) int {
	for i < len(data) && data[i] <= ' ' {
		if c := data[i]; c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			break
		}
		i++
	}
	return i
}

// Value walks over the value that begins at i, with no space before it; depth
// is how many levels it may nest.
func Value(data []byte, i, depth int) (int, Fault) {
	if i >= len(data) {
		return i, Cut
	}
	switch data[i] {
	case '"':
		end, _, f := String(data, i)
		return end, f
	case '{':
		return object(data, i, depth)
	case '[':
		return array(data, i, depth)
	case 't':
		return word(data, i, "true")
	case 'f':
		return word(data, i, "false")
	case 'n':
		return word(data, i, "null")
	default:
		end, _, f := Number(data, i)
		return end, f
	}
}

func object(data []byte, i, depth int) (int, Fault) {
	i, more, f := Open(data, i, depth)
	for more && f == OK {
		if _, i, _, f = Name(data, i); f != OK {
			break
		}
		if i, f = Value(data, i, depth-1); f != OK {
			break
		}
		i, more, f = Next(data, i, '}')
	}
	return i, f
}

func array(data []byte, i, depth int) (int, Fault) {
	i, more, f := Open(data, i, depth)
	for more && f == OK {
		if i, f = Value(data, i, depth-1); f != OK {
			break
		}
		i, more, f = Next(data, i, ']')
	}
	return i, f
}

// Open enters the object or array whose bracket is at i: it returns the index
// of the first name or item and true, or the index behind an empty one.
func Open(data []byte, i, depth int) (next int, more bool, f Fault) {
	if depth <= 0 {
		return i, false, Depth
	}
	closer := data[i] + 2 // '{'+2 is '}', '['+2 is ']'
	i++
	if i < len(data) && data[i] <= ' ' {
		i = Space(data, i)
	}
	if i < len(data) && data[i] == closer {
		return i + 1, false, OK
	}
	return i, true, OK
}

// Name reads the name of a member at i. The name stands, with its quotes, in
// data[i:end]; its value begins at value.
func Name(data []byte, i int) (end, value int, escaped bool, f Fault) {
	if i >= len(data) {
		return i, i, false, Cut
	}
	if data[i] != '"' {
		return i, i, false, Unexpected
	}
	end, escaped, f = String(data, i)
	if f != OK {
		return end, end, escaped, f
	}
	if end+1 < len(data) && data[end] == ':' && data[end+1] > ' ' {
		return end, end + 1, escaped, OK
	}
	i = Space(data, end)
	if i >= len(data) {
		return end, i, escaped, Cut
	}
	if data[i] != ':' {
		return end, i, escaped, Unexpected
	}
	return end, Space(data, i+1), escaped, OK
}

// Next goes on behind an item or member that ended at i: to the next one, or
// out of the object or array that closer closes.
func Next(data []byte, i int, closer byte) (next int, more bool, f Fault) {
	if i < len(data) && data[i] <= ' ' {
		i = Space(data, i)
	}
	if i >= len(data) {
		return i, false, Cut
	}
	switch data[i] {
	case ',':
		i++
		if i < len(data) && data[i] <= ' ' {
			i = Space(data, i)
		}
		return i, true, OK
	case closer:
		return i + 1, false, OK
	default:
		return i, false, Unexpected
	}
}

// word walks over true, false or null.
func word(data []byte, i int, want string) (int, Fault) {
	if len(data)-i >= len(want) && string(data[i:i+len(want)]) == want {
		return i + len(want), OK
	}
	for n := 0; n < len(want); n++ {
		if i+n >= len(data) {
			return i + n, Cut
		}
		if data[i+n] != want[n] {
			return i + n, Unexpected
		}
	}
	return i, Unexpected
}
