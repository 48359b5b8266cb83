package expression

import (
	"math"
	"time"

	"github.com/flowcheck/flowcheck/payload"
)

func (c *compiler) operator(n *operator) func(*Frame) payload.Value {
	l, r := c.value(n.l), c.value(n.r)
	switch n.op {
	case "??":
		return func(f *Frame) payload.Value {
			if v := l(f); !v.IsNil() {
				return v
			}
			return r(f)
		}
	case "..":
		return func(f *Frame) payload.Value { return f.numbersFrom(l(f), r(f)) }
	case "+":
		return func(f *Frame) payload.Value { return f.add(l(f), r(f)) }
	}
	compute := map[string]func(a, b payload.Value) payload.Value{
		"-": subtract, "*": multiply, "/": divide, "%": modulo, "**": power,
	}[n.op]
	return func(f *Frame) payload.Value { return compute(l(f), r(f)) }
}

// numbersFrom is a..b.
func (f *Frame) numbersFrom(from, to payload.Value) payload.Value {
	a, ok1 := whole(from)
	b, ok2 := whole(to)
	if !ok1 || !ok2 {
		return payload.Value{}
	}
	if b < a {
		return payload.OfList(nil)
	}
	n := uint64(b) - uint64(a)
	if n >= uint64(f.bytes/valueBytes) {
		f.exceed()
		return payload.Value{}
	}
	if !f.room(int(n+1)*valueBytes) || !f.work(int(n+1)) {
		return payload.Value{}
	}
	items := make([]payload.Value, n+1)
	for i := range items {
		items[i] = payload.OfInt(a + int64(i))
	}
	return payload.OfList(items)
}

// add is + of numbers, texts, durations, or a time and a duration.
func (f *Frame) add(a, b payload.Value) payload.Value {
	switch {
	case isNumber(a) && isNumber(b):
		return payload.Add(a, b)
	case a.Kind() == payload.String && b.Kind() == payload.String:
		if !f.room(len(a.Text()) + len(b.Text())) {
			return payload.Value{}
		}
		return payload.OfString(a.Text() + b.Text())
	case a.Kind() == payload.Time && b.Kind() == payload.Duration:
		return payload.OfTime(a.Time().Add(b.Duration()))
	case a.Kind() == payload.Duration && b.Kind() == payload.Time:
		return payload.OfTime(b.Time().Add(a.Duration()))
	case a.Kind() == payload.Duration && b.Kind() == payload.Duration:
		return durationOf(payload.Add(nanoseconds(a), nanoseconds(b)))
	}
	return payload.Value{}
}

func isNumber(v payload.Value) bool {
	return v.Kind() >= payload.Int && v.Kind() <= payload.Number
}

func nanoseconds(v payload.Value) payload.Value { return payload.OfInt(int64(v.Duration())) }

// durationOf makes a duration of nanoseconds; nil where they are too many.
func durationOf(v payload.Value) payload.Value {
	switch v.Kind() {
	case payload.Int:
		return payload.OfDuration(time.Duration(v.Int()))
	case payload.Float:
		if f := v.Float(); math.Abs(f) < math.MaxInt64 {
			return payload.OfDuration(time.Duration(f))
		}
	default:
	}
	return payload.Value{}
}

func subtract(a, b payload.Value) payload.Value {
	switch {
	case isNumber(a) && isNumber(b):
		return payload.Add(a, negative(b))
	case a.Kind() == payload.Time && b.Kind() == payload.Time:
		return payload.OfDuration(a.Time().Sub(b.Time()))
	case a.Kind() == payload.Time && b.Kind() == payload.Duration && b.Duration() != math.MinInt64:
		return payload.OfTime(a.Time().Add(-b.Duration()))
	case a.Kind() == payload.Duration && b.Kind() == payload.Duration:
		return durationOf(subtract(nanoseconds(a), nanoseconds(b)))
	}
	return payload.Value{}
}

// negative is -v of a number or a duration.
func negative(v payload.Value) payload.Value {
	if v.Kind() == payload.Duration {
		return durationOf(negative(nanoseconds(v)))
	}
	return payload.Negate(v)
}

// multiply is * of numbers, or of a duration and a number.
func multiply(a, b payload.Value) payload.Value {
	switch {
	case isNumber(a) && isNumber(b):
		return payload.Multiply(a, b)
	case a.Kind() == payload.Duration && isNumber(b):
		return durationOf(payload.Multiply(nanoseconds(a), b))
	case isNumber(a) && b.Kind() == payload.Duration:
		return durationOf(payload.Multiply(a, nanoseconds(b)))
	}
	return payload.Value{}
}

// divide is / of numbers, always a Float; of a duration by a number; or of two
// durations, how often the one goes into the other.
func divide(a, b payload.Value) payload.Value {
	switch {
	case isNumber(a) && isNumber(b):
		return payload.Divide(a, b)
	case a.Kind() == payload.Duration && isNumber(b):
		return durationOf(payload.Divide(nanoseconds(a), b))
	case a.Kind() == payload.Duration && b.Kind() == payload.Duration:
		return payload.Divide(nanoseconds(a), nanoseconds(b))
	}
	return payload.Value{}
}

// modulo is % of integers; its sign is the dividend's.
func modulo(a, b payload.Value) payload.Value {
	if a.Kind() == payload.Int && b.Kind() == payload.Int && b.Int() != 0 {
		return payload.OfInt(a.Int() % b.Int())
	}
	return payload.Remainder(a, b)
}

// power is **, always a Float; nil where it is not finite.
func power(a, b payload.Value) payload.Value {
	x, ok1 := payload.ToFloat(a)
	y, ok2 := payload.ToFloat(b)
	if !ok1 || !ok2 {
		return payload.Value{}
	}
	return finite(math.Pow(x, y))
}

func finite(f float64) payload.Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return payload.Value{}
	}
	return payload.OfFloat(f)
}
