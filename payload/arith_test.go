package payload

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestArithmetic(t *testing.T) {
	n, i, f := ParseNumber, OfInt, OfFloat
	minInt := i(math.MinInt64)
	for _, c := range []struct {
		name string
		got  Value
		want Value
		kind Kind
	}{
		{"1+2", Add(i(1), i(2)), i(3), Int},
		{"1+0.5", Add(i(1), f(0.5)), f(1.5), Float},
		{"max+1", Add(i(math.MaxInt64), i(1)), n("9223372036854775808"), Number},
		{"min+-1", Add(minInt, i(-1)), n("-9223372036854775809"), Number},
		{"big-big", Add(n("18446744073709551616"), n("-18446744073709551615")), i(1), Int},
		{"exact decimals", Add(n("0.1234567890123456789"), i(1)), n("1.1234567890123456789"), Number},
		{"small decimals", Add(n("0.0000000000000000000001234567"), i(0)), n("1.234567e-22"), Float},
		{"number and float", Add(n("18446744073709551616"), f(0.5)), n("18446744073709551616.5"), Number},
		{"0.1+0.2", Add(f(0.1), f(0.2)), f(0.3), Float},
		{"0.3-0.1", Add(f(0.3), f(-0.1)), f(0.2), Float},
		{"0.3*3", Multiply(f(0.3), i(3)), f(0.9), Float},
		{"0.3/3", Divide(f(0.3), i(3)), f(0.1), Float},
		{"0.1*0.1", Multiply(f(0.1), f(0.1)), f(0.01), Float},
		{"0.5+0.5", Add(f(0.5), f(0.5)), f(1), Float},
		{"0.1+-0.1", Add(f(0.1), f(-0.1)), f(0), Float},
		{"1e300+1", Add(f(1e300), i(1)), f(1e300), Float},
		{"many digits", Multiply(f(1.234567890123456), f(1.234567890123456)), n("1.524157875323881726870921383936"), Number},
		{"more digits than are kept", Multiply(n("1.234567890123456789012345"), f(1.234567890123457)), f(1.524157875323884), Float},
		{"with infinity", Add(f(math.Inf(1)), f(1)), Value{}, Nil},
		{"with NaN", Multiply(f(math.NaN()), f(0.5)), Value{}, Nil},
		{"infinite", Add(f(math.MaxFloat64), f(math.MaxFloat64)), Value{}, Nil},
		{"text", Add(i(1), OfString("1")), Value{}, Nil},
		{"too many digits", Add(n("1e5000"), i(1)), Value{}, Nil},
		{"3*4", Multiply(i(3), i(-4)), i(-12), Int},
		{"min*-1", Multiply(minInt, i(-1)), n("9223372036854775808"), Number},
		{"2^40*2^40", Multiply(i(1<<40), i(1<<40)), n("1208925819614629174706176"), Number},
		{"huge product", Multiply(n("1e900"), n("1e900")), Value{}, Nil},
		{"7/2", Divide(i(7), i(2)), f(3.5), Float},
		{"4/2", Divide(i(4), i(2)), f(2), Float},
		{"1/0", Divide(i(1), i(0)), Value{}, Nil},
		{"1/0.0", Divide(i(1), f(0)), Value{}, Nil},
		{"number/0", Divide(n("1e400"), i(0)), Value{}, Nil},
		{"number/number", Divide(n("1e400"), n("2e400")), f(0.5), Float},
		{"text/1", Divide(OfString("1"), i(1)), Value{}, Nil},
		{"-7%3", Remainder(i(-7), i(3)), i(-1), Int},
		{"big%10", Remainder(n("18446744073709551615"), i(10)), i(5), Int},
		{"1%0", Remainder(i(1), i(0)), Value{}, Nil},
		{"1.5%1", Remainder(f(1.5), i(1)), Value{}, Nil},
		{"-min", Negate(minInt), n("9223372036854775808"), Number},
		{"-(-big)", Negate(n("-9223372036854775809")), n("9223372036854775809"), Number},
		{"-(big)", Negate(n("9223372036854775808")), minInt, Int},
		{"-nothing", Negate(OfNumber("")), Value{}, Nil},
		{"-text", Negate(OfString("1")), Value{}, Nil},
		{"trunc 1.9", Truncate(f(-1.9)), i(-1), Int},
		{"trunc number", Truncate(n("18446744073709551615.7")), n("18446744073709551615"), Number},
		{"trunc 1e20", Truncate(f(1e20)), n("1e20"), Number},
		{"trunc NaN", Truncate(f(math.NaN())), Value{}, Nil},
		{"trunc text", Truncate(OfString("1")), Value{}, Nil},
	} {
		if !Equal(c.got, c.want) || c.got.Kind() != c.kind {
			t.Errorf("%s = %s of kind %d, want %s of kind %d", c.name, Plain(c.got), c.got.Kind(), Plain(c.want), c.kind)
		}
	}
	if text := Plain(Add(n("-0.1234567890123456789"), i(-1))); text != "-1.1234567890123456789" {
		t.Errorf("written as %s", text)
	}
	if text := Plain(Add(n("-0.01234567890123456789"), i(0))); text != "-0.01234567890123456789" {
		t.Errorf("written as %s", text)
	}
	if text := Plain(Multiply(n("123456789012345678901"), i(100))); text != "12345678901234567890100" {
		t.Errorf("written as %s", text)
	}
}

// Integers are reckoned as math/big does, whatever their size.
func TestIntegersAreExact(t *testing.T) {
	integer := rapid.Custom(func(t *rapid.T) *big.Int {
		n, _ := new(big.Int).SetString(rapid.StringMatching(`-?(0|[1-9][0-9]{0,30})`).Draw(t, "n"), 10)
		return n
	})
	rapid.Check(t, func(t *rapid.T) {
		x, y := integer.Draw(t, "x"), integer.Draw(t, "y")
		a, b := ParseNumber(x.String()), ParseNumber(y.String())
		if a.Kind() == Float || b.Kind() == Float {
			t.Skip("a float that is whole")
		}
		same := func(op string, got Value, want *big.Int) {
			if !Equal(got, ParseNumber(want.String())) {
				t.Fatalf("%s %s %s = %s, want %s", x, op, y, Plain(got), want)
			}
		}
		same("+", Add(a, b), new(big.Int).Add(x, y))
		same("*", Multiply(a, b), new(big.Int).Mul(x, y))
		same("-", Add(a, Negate(b)), new(big.Int).Sub(x, y))
		if y.Sign() != 0 {
			same("%", Remainder(a, b), new(big.Int).Rem(x, y))
			f, _ := new(big.Rat).SetFrac(x, y).Float64()
			if got := Divide(a, b); got.Float() != f {
				t.Fatalf("%s / %s = %s, want %g", x, y, Plain(got), f)
			}
		}
	})
}

// Decimals of a few digits are reckoned as math/big does, whichever kind they are
// kept as.
func TestDecimalsAreExact(t *testing.T) {
	decimal := rapid.StringMatching(`-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,8})?`)
	rapid.Check(t, func(t *rapid.T) {
		one, two := decimal.Draw(t, "x"), decimal.Draw(t, "y")
		x, _ := new(big.Rat).SetString(one)
		y, _ := new(big.Rat).SetString(two)
		a, b := ParseNumber(one), ParseNumber(two)
		same := func(op string, got Value, want *big.Rat) {
			if !Equal(got, ParseNumber(want.FloatString(20))) {
				t.Fatalf("%s %s %s = %s, want %s", one, op, two, Plain(got), want.FloatString(20))
			}
		}
		same("+", Add(a, b), new(big.Rat).Add(x, y))
		same("*", Multiply(a, b), new(big.Rat).Mul(x, y))
		same("-", Add(a, Negate(b)), new(big.Rat).Sub(x, y))
		if y.Sign() != 0 {
			f, _ := new(big.Rat).Quo(x, y).Float64()
			if got := Divide(a, b); got.Float() != f {
				t.Fatalf("%s / %s = %s, want %g", one, two, Plain(got), f)
			}
		}
	})
}

func BenchmarkAddFloats(b *testing.B) {
	x, y := OfFloat(19.99), OfFloat(0.01)
	b.ReportAllocs()
	for b.Loop() {
		Add(x, y)
	}
}
