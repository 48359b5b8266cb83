package expression

import (
	"math"
	"slices"

	"github.com/flowcheck/flowcheck/payload"
)

var numberFunctions = map[string]*function{
	"abs":     {one: abs},
	"ceil":    {one: rounded(math.Ceil)},
	"floor":   {one: rounded(math.Floor)},
	"round":   {one: rounded(math.Round)},
	"max":     {many: extreme(1)},
	"min":     {many: extreme(-1)},
	"mean":    {many: mean},
	"median":  {many: median},
	"bitand":  {two: onInts(func(x, y int64) int64 { return x & y })},
	"bitor":   {two: onInts(func(x, y int64) int64 { return x | y })},
	"bitxor":  {two: onInts(func(x, y int64) int64 { return x ^ y })},
	"bitnand": {two: onInts(func(x, y int64) int64 { return x &^ y })},
	"bitshl":  {two: shift(func(x, y int64) int64 { return x << y })},
	"bitshr":  {two: shift(func(x, y int64) int64 { return x >> y })},
	"bitushr": {two: shift(func(x, y int64) int64 { return int64(uint64(x) >> y) })},
	"bitnot":  {one: bitnot},
}

// abs is the absolute value of a number or a duration.
func abs(_ *Frame, v payload.Value) payload.Value {
	zero := payload.OfInt(0)
	if v.Kind() == payload.Duration {
		zero = payload.OfDuration(0)
	}
	order, ok := payload.Compare(v, zero)
	switch {
	case !ok || v.Kind() == payload.String || v.Kind() == payload.Time:
		return payload.Value{}
	case order < 0:
		return negative(v)
	}
	return v
}

// rounded rounds a number; an Int is left as it is, with all its digits.
func rounded(fn func(float64) float64) func(*Frame, payload.Value) payload.Value {
	return func(_ *Frame, v payload.Value) payload.Value {
		if v.Kind() == payload.Int {
			return v
		}
		x, ok := payload.ToFloat(v)
		if !ok {
			return payload.Value{}
		}
		return finite(fn(x))
	}
}

// each calls do for every item of args, and of lists among them, until it is
// false.
func (f *Frame) each(args []payload.Value, do func(payload.Value) bool) bool {
	for _, v := range args {
		if !f.work(1) {
			return false
		}
		ok := false
		if v.Kind() == payload.List {
			ok = f.each(v.List(), do)
		} else {
			ok = do(v)
		}
		if !ok {
			return false
		}
	}
	return true
}

// extreme is max (sign 1) or min (sign -1) of numbers, or of texts, times or
// durations.
func extreme(sign int) func(*Frame, []payload.Value) payload.Value {
	return func(f *Frame, args []payload.Value) payload.Value {
		var best payload.Value
		if !f.each(args, func(v payload.Value) bool {
			order, ok := payload.Compare(v, v)
			if !best.IsNil() {
				order, ok = payload.Compare(v, best)
			}
			if best.IsNil() || order*sign > 0 {
				best = v
			}
			return ok
		}) {
			return payload.Value{}
		}
		return best
	}
}

// floats are the numbers among args and the lists within them; false where one
// is no number.
func (f *Frame) floats(args []payload.Value) (numbers []float64, ok bool) {
	ok = f.each(args, func(v payload.Value) bool {
		x, ok := payload.ToFloat(v)
		numbers = append(numbers, x)
		return ok && f.room(8)
	})
	return numbers, ok
}

func mean(f *Frame, args []payload.Value) payload.Value {
	numbers, ok := f.floats(args)
	if !ok {
		return payload.Value{}
	}
	sum := 0.0
	for _, x := range numbers {
		sum += x
	}
	return finite(sum / float64(max(1, len(numbers))))
}

func median(f *Frame, args []payload.Value) payload.Value {
	numbers, ok := f.floats(args)
	if !ok || !f.sorting(len(numbers)) {
		return payload.Value{}
	}
	slices.Sort(numbers)
	n := len(numbers)
	switch {
	case n == 0:
		return payload.OfFloat(0)
	case n%2 == 1:
		return finite(numbers[n/2])
	}
	return finite((numbers[n/2-1] + numbers[n/2]) / 2)
}

func onInts(fn func(x, y int64) int64) func(*Frame, payload.Value, payload.Value) payload.Value {
	return func(_ *Frame, a, b payload.Value) payload.Value {
		if a.Kind() != payload.Int || b.Kind() != payload.Int {
			return payload.Value{}
		}
		return payload.OfInt(fn(a.Int(), b.Int()))
	}
}

func shift(fn func(x, y int64) int64) func(*Frame, payload.Value, payload.Value) payload.Value {
	on := onInts(fn)
	return func(f *Frame, a, b payload.Value) payload.Value {
		if b.Int() < 0 {
			return payload.Value{}
		}
		return on(f, a, b)
	}
}

func bitnot(_ *Frame, a payload.Value) payload.Value {
	if a.Kind() != payload.Int {
		return payload.Value{}
	}
	return payload.OfInt(^a.Int())
}
