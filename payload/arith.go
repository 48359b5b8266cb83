package payload

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// maxDigits bounds the numbers that arithmetic keeps exact; the result of what
// is larger is nil.
const maxDigits = 1000

// Add returns a+b, in decimals: 0.1+0.2 is 0.3. Integers and Numbers are added
// exactly, whatever their size; with a Float a sum of more than floatDigits digits
// is the nearest Float. It is nil for what is no number, and where the sum is not
// finite.
func Add(a, b Value) Value {
	if a.kind == Int && b.kind == Int {
		if sum := a.Int() + b.Int(); (sum > a.Int()) == (b.Int() > 0) {
			return OfInt(sum)
		}
	} else if x, y, ok := smallPair(a, b); ok {
		if sum, ok := x.add(y); ok {
			return OfFloat(sum)
		}
	}
	return arithmetic(a, b,
		func(x, y float64) float64 { return x + y },
		func(x, y scaled) scaled {
			x, y = x.sameScale(y)
			return scaled{new(big.Int).Add(x.n, y.n), x.exp}
		})
}

// Multiply returns a×b, as exact as Add.
func Multiply(a, b Value) Value {
	if a.kind == Int && b.kind == Int && exactFloat(a) && exactFloat(b) {
		if x, y := a.Int(), b.Int(); x == 0 || x*y/x == y {
			return OfInt(x * y)
		}
	} else if x, y, ok := smallPair(a, b); ok {
		if product, ok := x.multiply(y); ok {
			return OfFloat(product)
		}
	}
	return arithmetic(a, b,
		func(x, y float64) float64 { return x * y },
		func(x, y scaled) scaled { return scaled{new(big.Int).Mul(x.n, y.n), x.exp + y.exp} })
}

// Divide returns a/b, the Float nearest to the quotient of the decimals; nil for
// division by 0.
func Divide(a, b Value) Value {
	if a.kind == Int && b.kind == Int && exactFloat(a) && exactFloat(b) {
		return divideFloats(a, b)
	}
	x, ok1 := scaledOf(a)
	y, ok2 := scaledOf(b)
	switch {
	case (a.kind == Float || b.kind == Float) && !(ok1 && ok2):
		return divideFloats(a, b)
	case !ok1 || !ok2 || y.n.Sign() == 0:
		return Value{}
	}
	x, y = x.sameScale(y)
	f, _ := new(big.Rat).SetFrac(x.n, y.n).Float64()
	return finite(f)
}

func divideFloats(a, b Value) Value {
	x, ok1 := ToFloat(a)
	y, ok2 := ToFloat(b)
	if !ok1 || !ok2 || y == 0 {
		return Value{}
	}
	return finite(x / y)
}

// Remainder returns a%b of two integers, with the sign of a; nil for b = 0 and
// for what is no integer.
func Remainder(a, b Value) Value {
	if a.kind == Float || b.kind == Float {
		return Value{}
	}
	x, ok1 := scaledOf(a)
	y, ok2 := scaledOf(b)
	if !ok1 || !ok2 {
		return Value{}
	}
	x, y = x.sameScale(y)
	if x.exp < 0 || y.n.Sign() == 0 {
		return Value{}
	}
	return scaled{new(big.Int).Rem(x.n, y.n), x.exp}.value()
}

// Negate returns -v; nil for what is no number.
func Negate(v Value) Value {
	switch v.kind {
	case Int:
		if v.Int() != math.MinInt64 {
			return OfInt(-v.Int())
		}
		return OfNumber("9223372036854775808")
	case Float:
		return OfFloat(-v.Float())
	case Number:
		if text, ok := strings.CutPrefix(v.Text(), "-"); ok {
			return ParseNumber(text)
		}
		return ParseNumber("-" + v.Text())
	default:
		return Value{}
	}
}

// ToFloat returns the float64 nearest to a number; ok is false for what is no
// number, or has none.
func ToFloat(v Value) (f float64, ok bool) {
	switch v.kind {
	case Int:
		return float64(v.Int()), true
	case Float:
		return v.Float(), true
	case Number:
		f, err := strconv.ParseFloat(v.Text(), 64)
		return f, err == nil
	default:
		return 0, false
	}
}

// Truncate returns the integer that is left of a number without its fraction,
// as an Int or, beyond int64, a Number; nil for what is no number.
func Truncate(v Value) Value {
	if v.kind == Int {
		return v
	}
	if v.kind == Float && math.Abs(v.Float()) < 1<<63 {
		return OfInt(int64(v.Float()))
	}
	x, ok := scaledOf(v)
	if !ok {
		return Value{}
	}
	if x.exp < 0 {
		x = scaled{new(big.Int).Quo(x.n, tenTo(-x.exp)), 0}
	}
	return x.value()
}

func arithmetic(a, b Value, floats func(x, y float64) float64, exact func(x, y scaled) scaled) Value {
	x, ok1 := scaledOf(a)
	y, ok2 := scaledOf(b)
	withFloat := a.kind == Float || b.kind == Float
	switch {
	case ok1 && ok2 && withFloat:
		return exact(x, y).rounded()
	case ok1 && ok2:
		return exact(x, y).value()
	case withFloat:
		x, ok1 := ToFloat(a)
		y, ok2 := ToFloat(b)
		if ok1 && ok2 {
			return finite(floats(x, y))
		}
	}
	return Value{}
}

// floatDigits is how many digits arithmetic with a Float keeps: those of
// decimal128 (IEEE 754).
const floatDigits = 34

// rounded is value for what was reckoned with a Float.
func (s scaled) rounded() Value {
	text := s.n.String()
	f, err := strconv.ParseFloat(text+"e"+strconv.Itoa(s.exp), 64)
	if err != nil {
		return Value{}
	}
	if digits := strings.Trim(text, "-0"); len(digits) > floatDigits {
		return OfFloat(f)
	}
	if v := s.value(); v.kind == Number {
		return v
	}
	return OfFloat(f)
}

// small is n / 10^scale, to reckon with without allocations: scale is at most 15,
// and so many digits n has at most.
type small struct {
	n     int64
	scale int
}

const smallDigits = 15

var powers = [...]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// smallPair is two numbers of which one at least is a Float.
func smallPair(a, b Value) (x, y small, ok bool) {
	if a.kind != Float && b.kind != Float {
		return x, y, false
	}
	if x, ok = smallOf(a); ok {
		y, ok = smallOf(b)
	}
	return x, y, ok
}

func smallOf(v Value) (s small, ok bool) {
	if v.kind == Int {
		return small{n: v.Int()}, v.Int() < powers[smallDigits] && v.Int() > -powers[smallDigits]
	}
	var buf [64]byte
	d, ok := decimalOf(v, buf[:0])
	if !ok {
		return small{}, false
	}
	for _, c := range d.digits {
		if s.n >= powers[smallDigits-1] {
			return small{}, false
		}
		s.n = s.n*10 + int64(c-'0')
	}
	if s.scale = len(d.digits) - d.exp; s.scale < 0 || s.scale > smallDigits {
		return small{}, len(d.digits) == 0
	}
	if d.neg {
		s.n = -s.n
	}
	return s, true
}

func (s small) add(t small) (sum float64, ok bool) {
	if s.scale < t.scale {
		s, t = t, s
	}
	up := powers[s.scale-t.scale]
	if scaled := t.n * up; scaled/up == t.n && scaled < powers[smallDigits] && scaled > -powers[smallDigits] {
		return small{s.n + scaled, s.scale}.float()
	}
	return 0, false
}

func (s small) multiply(t small) (product float64, ok bool) {
	n := s.n * t.n
	if s.n != 0 && n/s.n != t.n || s.scale+t.scale > smallDigits {
		return 0, false
	}
	return small{n, s.scale + t.scale}.float()
}

// float is the Float that is written as s: so few digits have one, and both
// operands of the division are exact.
func (s small) float() (f float64, ok bool) {
	if s.n >= powers[smallDigits] || s.n <= -powers[smallDigits] {
		return 0, false
	}
	return float64(s.n) / float64(powers[s.scale]), true
}

func finite(f float64) Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Value{}
	}
	return OfFloat(f)
}

// exactFloat reports whether a float64 holds an Int exactly.
func exactFloat(v Value) bool { return v.Int() >= -1<<53 && v.Int() <= 1<<53 }

// scaled is n × 10^exp.
type scaled struct {
	n   *big.Int
	exp int
}

// scaledOf returns a number to reckon with; ok is false for what is no number
// or of too many digits.
func scaledOf(v Value) (s scaled, ok bool) {
	if v.kind == Int {
		return scaled{n: big.NewInt(v.Int())}, true
	}
	var buf [64]byte
	d, ok := decimalOf(v, buf[:0])
	if !ok || len(d.digits) > maxDigits || d.exp > maxDigits || d.exp < -maxDigits {
		return scaled{}, false
	}
	if len(d.digits) == 0 {
		return scaled{n: new(big.Int)}, true
	}
	n, _ := new(big.Int).SetString(string(d.digits), 10)
	if d.neg {
		n.Neg(n)
	}
	return scaled{n, d.exp - len(d.digits)}, true
}

// sameScale gives both the smaller exponent, and none above 0.
func (s scaled) sameScale(t scaled) (x, y scaled) {
	exp := min(s.exp, t.exp, 0)
	return s.atScale(exp), t.atScale(exp)
}

func (s scaled) atScale(exp int) scaled {
	if s.exp == exp || s.n.Sign() == 0 {
		return scaled{s.n, exp}
	}
	return scaled{new(big.Int).Mul(s.n, tenTo(s.exp-exp)), exp}
}

func tenTo(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// value returns s as the kind of Value that keeps it; nil where it has too many
// digits.
func (s scaled) value() Value {
	if s.exp > 0 && s.exp <= 60 || s.n.Sign() == 0 {
		s = s.atScale(0)
	}
	if s.exp == 0 && s.n.IsInt64() {
		return OfInt(s.n.Int64())
	}
	text := s.n.String()
	if len(text) > 2*maxDigits || s.exp > maxDigits || s.exp < -2*maxDigits {
		return Value{}
	}
	if s.exp != 0 {
		text += "e" + strconv.Itoa(s.exp)
	}
	return plainNumber(ParseNumber(text))
}

// plainNumber writes a Number without an exponent where that is not longer than
// a line.
func plainNumber(v Value) Value {
	var buf [64]byte
	d, ok := decimalOf(v, buf[:0])
	if v.kind != Number || !ok || d.exp < -20 || d.exp > 60 || len(d.digits) > 60 {
		return v
	}
	var text []byte
	if d.neg {
		text = append(text, '-')
	}
	if d.exp <= 0 {
		text = append(text, "0."...)
	}
	for i := min(d.exp, 0); i < max(d.exp, len(d.digits)); i++ {
		if i == d.exp && i > 0 {
			text = append(text, '.')
		}
		if i >= 0 && i < len(d.digits) {
			text = append(text, d.digits[i])
		} else {
			text = append(text, '0')
		}
	}
	return OfNumber(string(text))
}
