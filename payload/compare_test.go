package payload

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestCompareNumbers(t *testing.T) {
	n := OfNumber
	for _, c := range []struct {
		a, b Value
		want int
	}{
		{OfInt(1), OfFloat(1), 0},
		{OfInt(1), OfFloat(1.5), -1},
		{OfInt(-1), OfFloat(-1.5), 1},
		{OfFloat(0.5), OfInt(0), 1},
		{OfInt(9007199254740993), OfFloat(9007199254740992), 1},
		{OfInt(1 << 60), OfFloat(1 << 60), 0},
		{OfInt(math.MaxInt64), OfFloat(1 << 63), -1},
		{OfInt(math.MinInt64), OfFloat(-1 << 63), 0},
		{OfInt(math.MinInt64), OfFloat(-1e300), 1},
		{OfInt(0), OfFloat(math.Copysign(0, -1)), 0},
		{n("18446744073709551615"), n("18446744073709551616"), -1},
		{n("18446744073709551615"), OfInt(math.MaxInt64), 1},
		{n("-18446744073709551615"), OfInt(math.MinInt64), -1},
		{n("10e399"), n("1e400"), 0},
		{n("1e400"), n("2e400"), -1},
		{n("1e400"), n("1e401"), -1},
		{n("-1e400"), n("-1e401"), 1},
		{n("0.1000000000000000000001"), OfFloat(0.1), 1},
		{n("0.1000000000000000000000"), OfFloat(0.1), 0},
		{n("0e9999"), OfInt(0), 0},
		{n("-0.0"), OfInt(0), 0},
		{n("1e999999999"), n("1e999999998"), 1},
		{n("1e999999999999999999999"), n("1e999999999999999999999"), 0},
	} {
		got, ok := Compare(c.a, c.b)
		back, ok2 := Compare(c.b, c.a)
		if got != c.want || back != -c.want || !ok || !ok2 {
			t.Errorf("Compare(%s, %s) = %d, %t and back %d, %t; want %d",
				Plain(c.a), Plain(c.b), got, ok, back, ok2, c.want)
		}
		if Equal(c.a, c.b) != (c.want == 0) {
			t.Errorf("Equal(%s, %s) = %t", Plain(c.a), Plain(c.b), c.want != 0)
		}
		if same := string(AppendKey(nil, c.a)) == string(AppendKey(nil, c.b)); same != (c.want == 0) {
			t.Errorf("keys of %s and %s are the same: %t", Plain(c.a), Plain(c.b), same)
		}
	}
}

func TestCompareRefuses(t *testing.T) {
	nan := OfFloat(math.NaN())
	for _, c := range [][2]Value{
		{{}, {}},
		{OfInt(1), {}},
		{OfInt(1), OfString("1")},
		{OfBool(true), OfBool(false)},
		{nan, nan},
		{nan, OfInt(1)},
		{OfInt(1), nan},
		{OfList(nil), OfList(nil)},
		{OfDuration(1), OfInt(1)},
		{OfNumber("1e999999999999999999999"), OfInt(1)},
		{OfNumber("x"), OfInt(1)},
	} {
		if _, ok := Compare(c[0], c[1]); ok {
			t.Errorf("Compare(%s, %s) is ok", Plain(c[0]), Plain(c[1]))
		}
	}
	if Equal(nan, nan) {
		t.Error("NaN equals itself")
	}
}

func TestEqualDeep(t *testing.T) {
	at := time.Unix(5, 0)
	obj := func(kv ...any) Value {
		var members []Member
		for i := 0; i < len(kv); i += 2 {
			members = append(members, Member{kv[i].(string), FromAny(kv[i+1])})
		}
		return OfObject(members)
	}
	list := func(items ...any) Value { return FromAny(items) }
	many := make(map[string]any)
	for _, r := range "abcdefghijklmnop" {
		many[string(r)] = string(r)
	}
	reversed := make([]Member, 0, len(many))
	for _, m := range FromAny(many).Object() {
		reversed = append([]Member{m}, reversed...)
	}
	for _, c := range []struct {
		a, b Value
		want bool
	}{
		{Value{}, Value{}, true},
		{Value{}, Unknowable(), true},
		{Value{}, OfBool(false), false},
		{OfBool(true), OfBool(true), true},
		{OfString("a"), OfString("a"), true},
		{OfString("a"), OfString("b"), false},
		{OfString("1"), OfNumber("1"), false},
		{OfTime(at), OfTime(at.UTC()), true},
		{OfTime(at), OfTime(at.Add(1)), false},
		{OfDuration(1), OfInt(1), false},
		{list(), list(), true},
		{list(1, list("x")), list(1.0, list("x")), true},
		{list(1), list(1, 2), false},
		{list(1, 2), list(2, 1), false},
		{obj("a", 1, "b", 2), obj("b", 2, "a", 1), true},
		{obj("a", 1, "a", 2), obj("a", 2), true},
		{obj("a", 2, "a", 1), obj("a", 2, "a", 3), false},
		{obj("a", 1), obj("a", nil), false},
		{obj("a", nil), obj("b", nil), false},
		{obj(), list(), false},
		{FromAny(many), OfObject(reversed), true},
	} {
		if Equal(c.a, c.b) != c.want || Equal(c.b, c.a) != c.want {
			t.Errorf("Equal(%s, %s) is not %t", Plain(c.a), Plain(c.b), c.want)
		}
		if same := string(AppendKey(nil, c.a)) == string(AppendKey(nil, c.b)); same != c.want {
			t.Errorf("keys of %s and %s are the same: %t", Plain(c.a), Plain(c.b), same)
		}
	}
}

func TestEqualWithinGivesUp(t *testing.T) {
	long := OfString(strings.Repeat("x", 6400))
	long2 := OfString(strings.Repeat("x", 6400))
	list := OfList([]Value{OfInt(1), OfInt(2), OfInt(3)})
	if equal, left := EqualWithin(long, long2, 50); equal || left >= 0 {
		t.Errorf("long texts within 50: %t, %d left", equal, left)
	}
	if equal, left := EqualWithin(long, long2, 200); !equal || left < 0 {
		t.Errorf("long texts within 200: %t, %d left", equal, left)
	}
	if equal, left := EqualWithin(list, list, 3); equal || left >= 0 {
		t.Errorf("list within 3: %t, %d left", equal, left)
	}
	if equal, left := EqualWithin(list, list, 4); !equal || left != 0 {
		t.Errorf("list within 4: %t, %d left", equal, left)
	}
}

// drawValue makes any Value that messages may hold.
func drawValue(t *rapid.T, depth int) Value {
	kinds := 7
	if depth > 0 {
		kinds = 9
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return Value{}
	case 1:
		return OfBool(rapid.Bool().Draw(t, "bool"))
	case 2:
		return OfInt(rapid.Int64().Draw(t, "int"))
	case 3:
		return OfFloat(rapid.Float64().Draw(t, "float"))
	case 4:
		return OfString(rapid.String().Draw(t, "string"))
	case 5:
		return ParseNumber(rapid.StringMatching(`-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?(e[+-]?[0-9]{1,3})?`).Draw(t, "number"))
	case 6:
		return OfInt(rapid.Int64Range(-3, 3).Draw(t, "small"))
	case 7:
		items := make([]Value, rapid.IntRange(0, 3).Draw(t, "items"))
		for i := range items {
			items[i] = drawValue(t, depth-1)
		}
		return OfList(items)
	}
	members := make([]Member, rapid.IntRange(0, 12).Draw(t, "members"))
	for i := range members {
		name := rapid.StringMatching(`[a-e]`).Draw(t, "name")
		members[i] = Member{Name: name, Value: drawValue(t, depth-1)}
	}
	return OfObject(members)
}

// Equal, Compare and AppendKey must tell the same of any two values.
func TestEqualAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawValue(t, 2), drawValue(t, 2)
		if rapid.Bool().Draw(t, "same") {
			b = FromAny(ToAny(a))
		}
		equal := Equal(a, b)
		if equal != Equal(b, a) || !Equal(a, a) {
			t.Fatalf("%s, %s: not symmetric or not reflexive", Plain(a), Plain(b))
		}
		if order, ok := Compare(a, b); ok && (order == 0) != equal {
			t.Fatalf("%s, %s: equal %t, order %d", Plain(a), Plain(b), equal, order)
		}
		if same := string(AppendKey(nil, a)) == string(AppendKey(nil, b)); same != equal {
			t.Fatalf("%s, %s: equal %t, same key %t", Plain(a), Plain(b), equal, same)
		}
	})
}
