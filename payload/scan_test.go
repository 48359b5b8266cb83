package payload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/flowcheck/flowcheck/message/jsonscan"
)

func field(names ...string) []Elem {
	path := make([]Elem, len(names))
	for i, name := range names {
		path[i] = Elem{Name: name}
	}
	return path
}

func item(path []Elem, i int) []Elem {
	return append(path, Elem{Index: i, IsIndex: true})
}

func TestExtract(t *testing.T) {
	const body = ` {"s":"text","esc":"a\u00e9\n","n":-42,"big":123456789012345678901,"f":1.5,"exp":1e5,"exact":0.1000000000000000055,` +
		`"t":true,"x":false,"null":null,"o":{"in":{"deep":"d"},"":"unnamed"},"l":[1,[2,3],{"k":"v"}],"a\u0062c":"named","d":1,"d":2} `
	cases := []struct {
		path []Elem
		want string // kind and JSON
	}{
		{field("s"), `String "text"`},
		{field("esc"), `String "aé\n"`},
		{field("n"), `Int -42`},
		{field("big"), `Number 123456789012345678901`},
		{field("f"), `Float 1.5`},
		{field("exp"), `Float 100000`},
		{field("exact"), `Number 0.1000000000000000055`},
		{field("t"), `Bool true`},
		{field("x"), `Bool false`},
		{field("null"), `Nil null`},
		{field("missing"), `Nil null`},
		{field("s", "in"), `Nil null`},
		{field("o", "in", "deep"), `String "d"`},
		{field("o", "in"), `Object {"deep":"d"}`},
		{field("o", ""), `String "unnamed"`},
		{item(field("l"), 0), `Int 1`},
		{item(item(field("l"), 1), 1), `Int 3`},
		{append(item(field("l"), 2), Elem{Name: "k"}), `String "v"`},
		{item(field("l"), 3), `Nil null`},
		{item(field("l"), -1), `Nil null`},
		{item(field("o"), 0), `Nil null`},
		{field("l", "0"), `Nil null`},
		{field("l"), `List [1,[2,3],{"k":"v"}]`},
		{field("abc"), `String "named"`},
		{field("d"), `Int 2`},
		{field("d"), `Int 2`},
	}
	var all [][]Elem
	for _, c := range cases {
		all = append(all, c.path)
	}
	together := make([]Value, len(all)+1)
	together[len(all)] = OfInt(99)
	if err := NewPaths(all).Extract([]byte(body), together); err != nil {
		t.Fatal(err)
	}
	if together[len(all)].Int() != 99 {
		t.Error("a slot beyond the paths was touched")
	}
	for i, c := range cases {
		alone := []Value{OfInt(1)}
		if err := NewPaths([][]Elem{c.path}).Extract([]byte(body), alone); err != nil {
			t.Fatal(err)
		}
		for _, v := range []Value{alone[0], together[i]} {
			if got := fmt.Sprintf("%s %s", kindNames[v.Kind()], AppendJSON(nil, v)); got != c.want {
				t.Errorf("%v: got %s, want %s", c.path, got, c.want)
			}
		}
	}
	whole := make([]Value, 1)
	if err := NewPaths([][]Elem{{}}).Extract([]byte(`[1]`), whole); err != nil || string(AppendJSON(nil, whole[0])) != "[1]" {
		t.Errorf("the empty path: %v, %v", whole[0], err)
	}
}

var kindNames = [...]string{Nil: "Nil", Bool: "Bool", Int: "Int", Float: "Float", Number: "Number", String: "String", List: "List", Object: "Object"}

func TestARepeatedNameForgetsTheEarlierMember(t *testing.T) {
	paths := NewPaths([][]Elem{field("a", "x"), field("a", "y"), item(field("a"), 0)})
	out := make([]Value, 3)
	for body, want := range map[string]string{
		`{"a":{"x":1},"a":{"y":2}}`: "null 2 null",
		`{"a":{"x":1,"y":1},"a":5}`: "null null null",
		`{"a":[7],"a":{"x":1}}`:     "1 null null",
		`{"a":{"x":1},"a":[7]}`:     "null null 7",
	} {
		if err := paths.Extract([]byte(body), out); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%s %s %s", AppendJSON(nil, out[0]), AppendJSON(nil, out[1]), AppendJSON(nil, out[2])); got != want {
			t.Errorf("%s: got %s, want %s", body, got, want)
		}
	}
}

func TestAFaultEmptiesEverySlot(t *testing.T) {
	paths := NewPaths([][]Elem{field("a"), field("b", "c")})
	for body, want := range map[string]string{
		``:                                 "not JSON: it ends too early, at byte 1",
		`{"a":1,"b":{"c":2}`:               "not JSON: it ends too early, at byte 19",
		`{"a":1,"b":{"c":2}} {}`:           `not JSON: '{' after the end at byte 21`,
		`{"a":1,"b":{"c":2},"z":[1,]}`:     `not JSON: unexpected ']' at byte 27`,
		`{"a":tru}`:                        `not JSON: unexpected '}' at byte 9`,
		"{\"a\":1,\"\xff\":1}":             "not JSON: bytes that are no UTF-8 at byte 9",
		`{"a":` + strings.Repeat("[", 600): "not JSON: more than 512 levels of nesting at byte 517",
		`{"z":` + strings.Repeat("[", 600): "not JSON: more than 512 levels of nesting at byte 517",
	} {
		out := []Value{OfInt(1), OfInt(2)}
		err := paths.Extract([]byte(body), out)
		if err == nil || err.Error() != want {
			t.Errorf("%.30q: got %v, want %s", body, err, want)
		}
		if !out[0].IsNil() || !out[1].IsNil() {
			t.Errorf("%.30q: slots are filled", body)
		}
		if _, err := Decode([]byte(body)); err == nil || err.Error() != want {
			t.Errorf("Decode %.30q: got %v, want %s", body, err, want)
		}
	}
}

// drawJSON writes JSON text, with few names so that they repeat.
func drawJSON(t *rapid.T, b *bytes.Buffer, depth int) {
	space := rapid.SampledFrom([]string{"", "", "", " ", "\n\t"})
	b.WriteString(space.Draw(t, "space"))
	defer func() { b.WriteString(space.Draw(t, "space")) }()
	kind := rapid.IntRange(0, 5).Draw(t, "kind")
	if depth == 0 {
		kind %= 4
	}
	switch kind {
	case 0:
		b.WriteString(rapid.SampledFrom([]string{"null", "true", "false"}).Draw(t, "word"))
	case 1:
		b.WriteString(numberText().Draw(t, "number"))
	case 2, 3:
		b.WriteString(rapid.SampledFrom([]string{`""`, `"plain"`, `"\u0061\n\ud83d\ude00\ud800"`, `"é"`, `"a longer text without anything else"`}).Draw(t, "text"))
	case 4:
		b.WriteByte('[')
		for i := range rapid.IntRange(0, 3).Draw(t, "items") {
			if i > 0 {
				b.WriteByte(',')
			}
			drawJSON(t, b, depth-1)
		}
		b.WriteByte(']')
	default:
		b.WriteByte('{')
		for i := range rapid.IntRange(0, 4).Draw(t, "members") {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(rapid.SampledFrom([]string{`"a"`, `"b"`, `""`, `"\u0061"`, ` "é" `}).Draw(t, "name") + ":")
			drawJSON(t, b, depth-1)
		}
		b.WriteByte('}')
	}
}

func numberText() *rapid.Generator[string] {
	return rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?`)
}

func drawPath(t *rapid.T) []Elem {
	elem := rapid.SampledFrom([]Elem{{Name: "a"}, {Name: "b"}, {Name: ""}, {Name: "é"}, {IsIndex: true}, {Index: 1, IsIndex: true}})
	return rapid.SliceOfN(elem, 0, 3).Draw(t, "path")
}

// walk goes down a path the slow way.
func walk(v Value, path []Elem) Value {
	for _, e := range path {
		switch items := v.List(); {
		case !e.IsIndex:
			v = v.Member(e.Name)
		case e.Index < len(items):
			v = items[e.Index]
		default:
			v = Value{}
		}
	}
	return v
}

func TestExtractTakesWhatDecodeHas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var text bytes.Buffer
		drawJSON(t, &text, 4)
		whole, err := Decode(text.Bytes())
		if err != nil {
			t.Fatalf("%s: %v", text.Bytes(), err)
		}
		var paths [][]Elem
		for range rapid.IntRange(1, 5).Draw(t, "paths") {
			paths = append(paths, drawPath(t))
		}
		out := make([]Value, len(paths))
		if err := NewPaths(paths).Extract(text.Bytes(), out); err != nil {
			t.Fatal(err)
		}
		for i, path := range paths {
			if want := walk(whole, path); !same(out[i], want) {
				t.Fatalf("%s: %v: got %s, want %s", text.Bytes(), path, AppendJSON(nil, out[i]), AppendJSON(nil, want))
			}
		}
	})
}

func same(a, b Value) bool {
	return a.Kind() == b.Kind() && bytes.Equal(AppendJSON(nil, a), AppendJSON(nil, b))
}

// agrees holds Decode and Extract against encoding/json.
func agrees(t interface{ Fatalf(string, ...any) }, data []byte) {
	v, err := Decode(data)
	out := make([]Value, 2)
	if extractErr := NewPaths([][]Elem{field("a"), item(field("b"), 0)}).Extract(data, out); fmt.Sprint(extractErr) != fmt.Sprint(err) {
		t.Fatalf("%q: Extract says %v, Decode %v", data, extractErr, err)
	}
	if valid := Valid(data); valid != (err == nil) {
		t.Fatalf("%q: Valid says %v, Decode %v", data, valid, err)
	}
	var std any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	stdErr := d.Decode(&std)
	if !json.Valid(data) || !utf8.Valid(data) {
		if err == nil {
			t.Fatalf("%q: decoded, and is no JSON", data)
		}
		return
	}
	if syntax := (*jsonscan.Error)(nil); errors.As(err, &syntax) && syntax.Fault == jsonscan.Depth {
		return
	}
	if err != nil || stdErr != nil {
		t.Fatalf("%q: got %v, encoding/json says %v", data, err, stdErr)
	}
	if diff := cmp.Diff(ToAny(FromAny(std)), ToAny(v)); diff != "" {
		t.Fatalf("%q (-encoding/json +got):\n%s", data, diff)
	}
}

func TestDecodeAgreesWithEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var text bytes.Buffer
		drawJSON(t, &text, 4)
		data := text.Bytes()
		if rapid.Bool().Draw(t, "spoilt") {
			at := rapid.IntRange(0, len(data)).Draw(t, "at")
			patch := rapid.SampledFrom([]string{"", ",", `"`, `\`, "\x00", "\xff", "]", "}", "1", "-", ".", "e", " ", ":", "nul"}).Draw(t, "patch")
			data = append(append(bytes.Clone(data[:at]), patch...), data[min(len(data), at+rapid.IntRange(0, 2).Draw(t, "cut")):]...)
		}
		agrees(t, data)
	})
}

func TestNumbersAreAsParseNumberHasThem(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, text string) {
		got, err := Decode([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if want := ParseNumber(text); got.Kind() != want.Kind() || got.num != want.num && want.Kind() != Number || got.Text() != want.Text() {
			t.Fatalf("%s: got %v %s, want %v %s", text, got.Kind(), AppendJSON(nil, got), want.Kind(), AppendJSON(nil, want))
		}
	}
	for _, text := range []string{
		"0", "-0", "-0.0", "0.0", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "999999999999999999", "1000000000000000000",
		"0.1", "0.30000000000000004", "123456789012345.6", "12345678901234.5", "0.000000000000001", "1.0", "1e0", "1E-400", "1e400", "0e999999999999",
		"1e999999999999999999999", "999999999999999.5", "0.1000000000000000055511151231257827", "5e-324",
	} {
		check(t, text)
	}
	rapid.Check(t, func(t *rapid.T) { check(t, numberText().Draw(t, "number")) })
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(order))
	f.Add([]byte(`{"a":[1,-2.5e3,true,false,null,"\u00e9\n"],"b":[{}],"a":1} `))
	f.Fuzz(func(t *testing.T, data []byte) { agrees(t, data) })
}

// order is a body of about 460 bytes, of the kind that flowcheck reads all day.
const order = `{"type":"OrderPlaced","orderId":"o-7f3a9c21-0001","account":"acc-004217","seq":1042,"total":142.50,"currency":"EUR",` +
	`"placedAt":"2026-11-22T10:00:00.001Z","customer":{"id":"c-99812","name":"Jane Q. Example","email":"jane@example.org"},` +
	`"lines":[{"sku":"A1-BLUE-XL","qty":2,"price":42.25},{"sku":"B7-RED-S","qty":1,"price":58.00}],` +
	`"shipTo":{"street":"1 Long Road","city":"Springfield","zip":"12345","country":"US"},"notes":"leave at the door","gift":false}`

func TestExtractAllocatesNothing(t *testing.T) {
	paths := NewPaths([][]Elem{field("type"), field("orderId"), field("total"), field("customer", "id"), append(item(field("lines"), 1), Elem{Name: "qty"})})
	out := make([]Value, 5)
	data := []byte(order)
	if n := testing.AllocsPerRun(100, func() {
		if err := paths.Extract(data, out); err != nil || out[4].Int() != 1 {
			t.Fatal(err, out)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkExtract(b *testing.B) {
	paths := NewPaths([][]Elem{field("type"), field("orderId"), field("total")})
	out := make([]Value, 3)
	data := []byte(order)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := paths.Extract(data, out); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	data := []byte(order)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecodeMap is the obvious way, to compare with.
func BenchmarkDecodeMap(b *testing.B) {
	data := []byte(order)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		var v map[string]any
		if err := json.Unmarshal(data, &v); err != nil {
			b.Fatal(err)
		}
	}
}
