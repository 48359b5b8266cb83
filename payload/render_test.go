package payload

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestRender(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 1e6, time.UTC)
	object := OfObject([]Member{
		{"b", OfInt(1)}, {"a", OfList([]Value{OfBool(true), {}, OfFloat(0.5)})}, {"b", OfString("x")},
	})
	for _, c := range []struct {
		v                  Value
		json, plain, short string
	}{
		{Value{}, "null", "null", "null"},
		{OfBool(false), "false", "false", "false"},
		{OfInt(-5), "-5", "-5", "-5"},
		{OfFloat(42.5), "42.5", "42.5", "42.5"},
		{OfFloat(1e21), "1e+21", "1e+21", "1e+21"},
		{OfFloat(1 << 55), "36028797018963968", "36028797018963968", "36028797018963968"},
		{OfFloat(1e-7), "1e-7", "1e-7", "1e-7"},
		{OfFloat(math.Inf(1)), `"+Inf"`, `"+Inf"`, `"+Inf"`},
		{OfNumber("18446744073709551615"), "18446744073709551615", "18446744073709551615", "18446744073709551615"},
		{OfString("a\"\\\n\t\r\x00\x7f\u009b<é\xff"), `"a\"\\\n\t\r\u0000\u007f\u009b<é` + "\ufffd" + `"`, "a\"\\\n\t\r\x00\x7f\u009b<é\xff", `"a\"\\\n\t\r\u0000\u007f\u009b<é` + "\ufffd" + `"`},
		{OfTime(at), `"2026-11-22T10:00:00.001Z"`, "2026-11-22T10:00:00.001Z", "2026-11-22T10:00:00.001Z"},
		{OfDuration(1500 * time.Millisecond), `"1.5s"`, "1.5s", "1.5s"},
		{object, `{"a":[true,null,0.5],"b":"x"}`, `{"a":[true,null,0.5],"b":"x"}`, `{"a":[true,null,0.5],"b":"x"}`},
	} {
		if got := string(AppendJSON(nil, c.v)); got != c.json {
			t.Errorf("AppendJSON = %s, want %s", got, c.json)
		}
		if got := Plain(c.v); got != c.plain {
			t.Errorf("Plain = %s, want %s", got, c.plain)
		}
		if got := Short(c.v, 60); got != c.short {
			t.Errorf("Short = %s, want %s", got, c.short)
		}
	}
}

func TestShortIsCut(t *testing.T) {
	items := make([]Value, 1000)
	for i := range items {
		items[i] = OfInt(7)
	}
	for _, c := range []struct {
		v    Value
		want string
	}{
		{OfString("abcdefghijklmnop"), `"abcdefghij…"`},
		{OfString("äöüäöüäöü"), `"äöüäö…"`},
		{OfList(items), "[7,7,7,7,7,…]"},
		{OfObject([]Member{{"first", OfInt(1)}, {"second", OfInt(2)}, {"third", OfInt(3)}}), `{"first":1,…}`},
		{OfNumber(strings.Repeat("9", 40)), "9999999999…"},
	} {
		if got := Short(c.v, 10); got != c.want {
			t.Errorf("Short = %s, want %s", got, c.want)
		}
	}
}

func TestConvert(t *testing.T) {
	for _, c := range []struct {
		in   any
		kind Kind
		want string
	}{
		{nil, Nil, "null"},
		{int8(-1), Int, "-1"},
		{uint16(7), Int, "7"},
		{uint64(math.MaxUint64), Number, "18446744073709551615"},
		{float32(0.1), Float, "0.1"},
		{json.Number("12"), Int, "12"},
		{json.Number("12.0"), Float, "12"},
		{json.Number("x"), Nil, "null"},
		{[]byte("raw"), String, "raw"},
		{time.Minute, Duration, "1m0s"},
		{[]string{"a"}, List, `["a"]`},
		{map[string]string{"b": "2", "a": "1"}, Object, `{"a":"1","b":"2"}`},
		{map[string]any{"b": []any{1, nil}, "a": true}, Object, `{"a":true,"b":[1,null]}`},
		{OfInt(3), Int, "3"},
		{struct{}{}, Nil, "null"},
	} {
		if v := FromAny(c.in); v.Kind() != c.kind || Plain(v) != c.want {
			t.Errorf("FromAny(%v) = %s of kind %d, want %s of kind %d", c.in, Plain(v), v.Kind(), c.want, c.kind)
		}
	}
	endless := make([]any, 1)
	endless[0] = endless
	if v := FromAny(endless); v.Kind() != List {
		t.Error("a list within itself is no list")
	}
}

func TestParseNumber(t *testing.T) {
	for _, c := range []struct {
		text string
		kind Kind
	}{
		{"0", Int},
		{"-0", Int},
		{"9223372036854775807", Int},
		{"9223372036854775808", Number},
		{"-9223372036854775808", Int},
		{"0.1", Float},
		{"1.0", Float},
		{"1e2", Float},
		{"1E+2", Float},
		{"0.30000000000000004", Float},
		{"0.1234567890123456789", Number},
		{"1e400", Number},
		{"1e-400", Number},
		{"100000000000000000000000", Number},
		{"12345678901234567890123", Number},
		{"9007199254740993.0", Number},
		{"9007199254740992.0", Float},
		{"1e99999999999999999999", Number},
		{"-1e99999999999999999999", Number},
		{"", Nil},
		{"-", Nil},
		{"01", Nil},
		{"1.", Nil},
		{".5", Nil},
		{"1e", Nil},
		{"1e+", Nil},
		{"+1", Nil},
		{"1e+-2", Nil},
		{"0x10", Nil},
		{"1_000", Nil},
		{"NaN", Nil},
		{" 1", Nil},
		{"1 ", Nil},
	} {
		if v := ParseNumber(c.text); v.Kind() != c.kind {
			t.Errorf("ParseNumber(%q) is of kind %d, want %d", c.text, v.Kind(), c.kind)
		}
	}
}

// Whatever is rendered as JSON reads back as the same value.
func TestJSONReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawValue(t, 2)
		dec := json.NewDecoder(strings.NewReader(string(AppendJSON(nil, v))))
		dec.UseNumber()
		var x any
		if err := dec.Decode(&x); err != nil {
			t.Fatalf("%s: %v", Plain(v), err)
		}
		if !Equal(FromAny(x), v) {
			t.Fatalf("%s reads back as %s", Plain(v), Plain(FromAny(x)))
		}
	})
}
