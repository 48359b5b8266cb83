package jsonscan

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// String walks over the string whose opening quote is at i. The text between
// the quotes is what the string holds, unless escaped: then see Unescape.
func String(data []byte, i int) (end int, escaped bool, f Fault) {
	for i++; i+8 <= len(data); i += 8 {
		if stops := stopBytes(binary.LittleEndian.Uint64(data[i:])); stops != 0 {
			i += bits.TrailingZeros64(stops) >> 3
			if data[i] == '"' {
				return i + 1, false, OK
			}
			break
		}
	}
	return uncommon(data, i)
}

// uncommon walks over the rest of a string that has more than plain ASCII, or
// stands at the end of the text.
func uncommon(data []byte, i int) (end int, escaped bool, f Fault) {
	for i < len(data) {
		switch c := data[i]; {
		case c == '"':
			return i + 1, escaped, OK
		case c == '\\':
			escaped = true
			i, f = escape(data, i)
		case c < ' ':
			f = Control
		case c >= utf8.RuneSelf:
			i, f = runes(data, i)
		default:
			i = plain(data, i)
		}
		if f != OK {
			return i, escaped, f
		}
	}
	return i, escaped, Cut
}

// plain walks over plain ASCII; the byte at first is known to be that.
func plain(data []byte, first int) int {
	i := first
	for ; i+8 <= len(data); i += 8 {
		if stops := stopBytes(binary.LittleEndian.Uint64(data[i:])); stops != 0 {
			return i + bits.TrailingZeros64(stops)>>3
		}
	}
	return max(i, first+1)
}

// stopBytes has the top bit of a byte set where a plain run of a string ends:
// at a quote, a backslash, a control character, or a byte that is not ASCII.
// Only the lowest such bit is exact: the subtractions borrow upwards.
func stopBytes(x uint64) uint64 {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	// Flipping one bit brings the quote down to just above the control characters.
	return (((x ^ ones*2) - ones*('"'^2+1)) | ((x ^ ones*'\\') - ones) | x) & tops
}

// runes walks over the characters beyond ASCII that begin at i.
func runes(data []byte, i int) (int, Fault) {
	for i < len(data) && data[i] >= utf8.RuneSelf {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n <= 1 {
			if !utf8.FullRune(data[i:]) {
				return len(data), Cut
			}
			return i, NotUTF8
		}
		i += n
	}
	return i, OK
}

// escape walks over the escape whose backslash is at i.
func escape(data []byte, i int) (int, Fault) {
	if i+1 >= len(data) {
		return i + 1, Cut
	}
	switch data[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2, OK
	case 'u':
		for n := i + 2; n < i+6; n++ {
			if n >= len(data) {
				return n, Cut
			}
			if _, ok := hexDigit(data[n]); !ok {
				return n, Escape
			}
		}
		return i + 6, OK
	default:
		return i + 1, Escape
	}
}

func hexDigit(c byte) (uint32, bool) {
	switch {
	case '0' <= c && c <= '9':
		return uint32(c - '0'), true
	case 'a' <= c && c <= 'f':
		return uint32(c-'a') + 10, true
	case 'A' <= c && c <= 'F':
		return uint32(c-'A') + 10, true
	default:
		return 0, false
	}
}

// Number walks over the number at i. It is an integer if it is written as one:
// without a fraction and without an exponent.
func Number(data []byte, i int) (end int, integer bool, f Fault) {
	if i < len(data) && data[i] == '-' {
		i++
	}
	first := i
	if i = digits(data, i); i == first {
		return i, false, missing(data, i)
	}
	if data[first] == '0' && i > first+1 {
		return first + 1, false, Unexpected
	}
	if i >= len(data) || data[i] != '.' && data[i]|' ' != 'e' {
		return i, true, OK
	}
	if data[i] == '.' {
		from := i + 1
		if i = digits(data, from); i == from {
			return i, false, missing(data, i)
		}
	}
	i, f = exponent(data, i)
	return i, false, f
}

// exponent walks over the exponent of a number, if there is one at i.
func exponent(data []byte, i int) (int, Fault) {
	if i >= len(data) || data[i]|' ' != 'e' {
		return i, OK
	}
	i++
	if i < len(data) && (data[i] == '+' || data[i] == '-') {
		i++
	}
	from := i
	if i = digits(data, from); i == from {
		return i, missing(data, i)
	}
	return i, OK
}

func digits(data []byte, i int) int {
	for i < len(data) && data[i]-'0' <= 9 {
		i++
	}
	return i
}

// missing is the fault of a digit that is not there.
func missing(data []byte, i int) Fault {
	if i >= len(data) {
		return Cut
	}
	return Unexpected
}
