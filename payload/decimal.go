package payload

import (
	"bytes"
	"cmp"
	"math"
	"strconv"
)

// decimal is a number's exact value, ±0.digits × 10^exp: no leading or trailing
// zeros among the digits, none at all for 0. It never expands the exponent, so
// that 1e999999999 costs no more than 1.
type decimal struct {
	digits []byte
	exp    int
	neg    bool
}

// maxExponent bounds the exponent of a decimal; a number beyond it has no
// decimal.
const maxExponent = 1 << 40

// decimalOf returns v's decimal, for which buf may serve as memory; ok is false
// for what is no number, and for NaN and infinities.
func decimalOf(v Value, buf []byte) (d decimal, ok bool) {
	switch v.kind {
	case Int:
		return parseDecimal(strconv.AppendInt(buf, int64(v.num), 10))
	case Float:
		f := v.Float()
		if f == math.Trunc(f) && f >= -1<<63 && f < 1<<63 {
			return parseDecimal(strconv.AppendInt(buf, int64(f), 10))
		}
		return parseDecimal(strconv.AppendFloat(buf, f, 'e', -1, 64))
	case Number:
		return parseDecimal(append(buf, v.Text()...))
	default:
		return decimal{}, false
	}
}

// parseDecimal reads a JSON number, in place.
func parseDecimal(text []byte) (d decimal, ok bool) {
	d.neg = len(text) > 0 && text[0] == '-'
	if d.neg {
		text = text[1:]
	}
	whole := countDigits(text)
	if whole == 0 || whole > 1 && text[0] == '0' {
		return decimal{}, false
	}
	d.digits, d.exp = text[:whole], whole
	if rest := text[whole:]; len(rest) > 0 && rest[0] == '.' {
		n := countDigits(rest[1:])
		if n == 0 {
			return decimal{}, false
		}
		copy(rest, rest[1:n+1])
		d.digits, text = text[:whole+n], rest[n+1:]
	} else {
		text = rest
	}
	if len(text) > 0 {
		e, ok := parseExponent(text)
		if !ok {
			return decimal{}, false
		}
		d.exp += e
	}
	zeros := len(d.digits)
	d.digits = bytes.TrimLeft(d.digits, "0")
	d.exp -= zeros - len(d.digits)
	d.digits = bytes.TrimRight(d.digits, "0")
	if len(d.digits) == 0 {
		return decimal{}, true
	}
	return d, true
}

func parseExponent(text []byte) (e int, ok bool) {
	if len(text) < 2 || text[0] != 'e' && text[0] != 'E' {
		return 0, false
	}
	digits := text[1:]
	if digits[0] == '+' || digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || countDigits(digits) != len(digits) {
		return 0, false
	}
	e, err := strconv.Atoi(string(text[1:]))
	return e, err == nil && e < maxExponent && e > -maxExponent
}

func countDigits(text []byte) int {
	for i, c := range text {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(text)
}

// compareNumbers orders two numbers. Two that have no decimal are equal if they
// are the same text, and not ordered otherwise.
func compareNumbers(a, b Value) (order int, ok bool) {
	switch {
	case a.kind == Int && b.kind == Int:
		return cmp.Compare(int64(a.num), int64(b.num)), true
	case a.kind == Float && b.kind == Float:
		x, y := a.Float(), b.Float()
		return cmp.Compare(x, y), x == x && y == y
	case a.kind == Int && b.kind == Float:
		return compareIntFloat(int64(a.num), b.Float())
	case a.kind == Float && b.kind == Int:
		order, ok = compareIntFloat(int64(b.num), a.Float())
		return -order, ok
	}
	var one, two [64]byte
	x, ok1 := decimalOf(a, one[:0])
	y, ok2 := decimalOf(b, two[:0])
	if !ok1 || !ok2 {
		return 0, a.kind == Number && b.kind == Number && a.Text() == b.Text()
	}
	return x.compare(y), true
}

// compareIntFloat is exact where the conversion of either would round.
func compareIntFloat(n int64, f float64) (order int, ok bool) {
	switch {
	case f != f:
		return 0, false
	case f >= 1<<63:
		return -1, true
	case f < -1<<63:
		return 1, true
	}
	whole := math.Trunc(f)
	if order := cmp.Compare(n, int64(whole)); order != 0 {
		return order, true
	}
	return cmp.Compare(whole, f), true
}

func (d decimal) compare(e decimal) int {
	if s, t := d.sign(), e.sign(); s != t || s == 0 {
		return cmp.Compare(s, t)
	}
	order := cmp.Compare(d.exp, e.exp)
	if order == 0 {
		order = bytes.Compare(d.digits, e.digits)
	}
	return order * d.sign()
}

func (d decimal) sign() int {
	switch {
	case len(d.digits) == 0:
		return 0
	case d.neg:
		return -1
	}
	return 1
}

// textLen is the length of a String's or a Number's text.
func (v Value) textLen() uint64 {
	if v.kind == String || v.kind == Number {
		return v.num
	}
	return 0
}
