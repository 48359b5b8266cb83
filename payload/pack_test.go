package payload

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// anyPacked draws values of every kind, to the depth.
func anyPacked(depth int) *rapid.Generator[Value] {
	scalars := rapid.OneOf(
		rapid.SampledFrom([]Value{{}, Unknowable()}),
		rapid.Map(rapid.Bool(), OfBool),
		rapid.Map(rapid.Int64(), OfInt),
		rapid.Map(rapid.Float64(), OfFloat),
		rapid.Map(rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 12.5, 0.1, math.MaxFloat64, math.Inf(1), math.SmallestNonzeroFloat64}), OfFloat),
		rapid.Map(rapid.String(), OfString),
		rapid.Just(OfNumber("12345678901234567890.5")),
		rapid.Map(rapid.Int64(), func(n int64) Value { return OfDuration(time.Duration(n)) }),
		rapid.Custom(func(t *rapid.T) Value {
			at := time.Unix(rapid.Int64Range(-1e11, 1e11).Draw(t, "second"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanos")).UTC()
			if zone := rapid.IntRange(-50_000, 50_000).Draw(t, "zone"); rapid.Bool().Draw(t, "zoned") && zone != 0 {
				at = at.In(time.FixedZone("", zone))
			}
			return OfTime(at)
		}),
	)
	if depth == 0 {
		return scalars
	}
	inner := rapid.Deferred(func() *rapid.Generator[Value] { return anyPacked(depth - 1) })
	return rapid.OneOf(
		scalars,
		rapid.Map(rapid.SliceOfN(inner, 0, 4), OfList),
		rapid.Custom(func(t *rapid.T) Value {
			members := make([]Member, rapid.IntRange(0, 4).Draw(t, "members"))
			for i := range members {
				members[i] = Member{Name: rapid.String().Draw(t, "name"), Value: inner.Draw(t, "value")}
			}
			return OfObject(members)
		}),
	)
}

func TestWhatIsPackedComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(anyPacked(3), 1, 4).Draw(t, "values")
		var b []byte
		for _, v := range values {
			b = Pack(b, v)
		}
		for _, want := range values {
			var got Value
			if got, b = Unpack(b); got.Kind() != want.Kind() || string(AppendJSON(nil, got)) != string(AppendJSON(nil, want)) {
				t.Fatalf("%s came back as %s", AppendJSON(nil, want), AppendJSON(nil, got))
			}
			if got.IsUnknowable() != want.IsUnknowable() {
				t.Fatal("unknowable is not nil")
			}
			if math.Float64bits(got.Float()) != math.Float64bits(want.Float()) {
				t.Fatalf("%v came back as %v", want.Float(), got.Float())
			}
		}
		if len(b) > 0 {
			t.Fatalf("%d bytes too many", len(b))
		}
	})
}

func TestPackedSize(t *testing.T) {
	for want, v := range map[int]Value{1: OfBool(true), 2: OfInt(-7), 5: OfFloat(12.5), 9: OfFloat(0.1), 6: OfString("paid")} {
		if got := len(Pack(nil, v)); got != want {
			t.Errorf("%s takes %d bytes, not %d", AppendJSON(nil, v), got, want)
		}
	}
}
