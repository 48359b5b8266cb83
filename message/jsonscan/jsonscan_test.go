package jsonscan

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestCheckSaysWhatIsWrongAndWhere(t *testing.T) {
	cases := map[string]string{
		``:                   "not JSON: it ends too early, at byte 1",
		`{"a":1`:             "not JSON: it ends too early, at byte 7",
		`{"a":1,}`:           `not JSON: unexpected '}' at byte 8`,
		`[1 2]`:              `not JSON: unexpected '2' at byte 4`,
		`{"a" 1}`:            `not JSON: unexpected '1' at byte 6`,
		`{a:1}`:              `not JSON: unexpected 'a' at byte 2`,
		`{"a":1} x`:          `not JSON: 'x' after the end at byte 9`,
		"\"a\nb\"":           "not JSON: control character 0x0a in a string at byte 3",
		"\"a\xff\"":          "not JSON: bytes that are no UTF-8 at byte 3",
		"\"\xed\xa0\x80\"":   "not JSON: bytes that are no UTF-8 at byte 2",
		`"\x"`:               "not JSON: unknown escape in a string at byte 3",
		`"\u12g4"`:           "not JSON: unknown escape in a string at byte 6",
		`"\u12`:              "not JSON: it ends too early, at byte 6",
		`01`:                 `not JSON: unexpected '1' at byte 2`,
		`1.`:                 "not JSON: it ends too early, at byte 3",
		`1.e5`:               `not JSON: unexpected 'e' at byte 3`,
		`1e+`:                "not JSON: it ends too early, at byte 4",
		`-`:                  "not JSON: it ends too early, at byte 2",
		`nul`:                "not JSON: it ends too early, at byte 4",
		`nulL`:               `not JSON: unexpected 'L' at byte 4`,
		"\ufeff{}":           `not JSON: unexpected 'ï' at byte 1`,
		"\v1":                `not JSON: unexpected '\v' at byte 1`,
		`"12345678` + "\x01": "not JSON: control character 0x01 in a string at byte 10",
	}
	for text, want := range cases {
		if err := Check([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestCheckTakesAllOfJSON(t *testing.T) {
	for _, text := range []string{
		`null`, ` true `, "\t\r\n[ ]", `{}`, `{ }`, `0`, `-0`, `-0.0e-10`, `1E400`, `1e5`, `""`, `"\ud800"`, `"é😀"`,
		`{"a":[1,{"b":null}] , "a" : "\"\\\/\b\f\n\r\t\u00e9" }`, `"` + strings.Repeat("x", 100) + `\n"`, "\"\x7f\"",
	} {
		if err := Check([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// The plain runs of a string are walked over eight bytes at a time.
func TestStringsOfEveryLength(t *testing.T) {
	for _, special := range []string{"", "é", `\n`, "\x7f"} {
		for before := range 20 {
			for after := range 20 {
				text := []byte(`"` + strings.Repeat("a", before) + special + strings.Repeat("b", after) + `"`)
				for behind := range 10 {
					end, escaped, f := String(append(bytes.Clone(text), "          "[:behind]...), 0)
					if f != OK || end != len(text) || escaped != (special == `\n`) {
						t.Fatalf("%s and %d spaces: end %d, escaped %v, fault %d", text, behind, end, escaped, f)
					}
				}
			}
		}
	}
}

func TestDepth(t *testing.T) {
	nested := func(n int) []byte {
		return []byte(strings.Repeat("[", n) + strings.Repeat("]", n))
	}
	if err := Check(nested(MaxDepth)); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	err := Check(nested(MaxDepth + 1))
	if want := "not JSON: more than 512 levels of nesting at byte 513"; err == nil || err.Error() != want {
		t.Errorf("beyond the limit: got %v, want %s", err, want)
	}
	if err := Check([]byte(strings.Repeat(`{"a":`, 1_000_000))); err == nil {
		t.Error("a million open objects: no error")
	}
}

// sameAsStandard holds data against encoding/json, which takes what Check
// takes but for the two exceptions in the package comment.
func sameAsStandard(t interface{ Fatalf(string, ...any) }, data []byte) {
	err := Check(data)
	want := json.Valid(data)
	if want && !utf8.Valid(data) {
		want = false
	}
	if want && err != nil && strings.Contains(err.Error(), "nesting") {
		return
	}
	if (err == nil) != want {
		t.Fatalf("%q: got %v, encoding/json says %v", data, err, want)
	}
}

// almostJSON is JSON with a few bytes spoilt.
func almostJSON(t *rapid.T) []byte {
	data, err := json.Marshal(anyValue(4).Draw(t, "value"))
	if err != nil {
		t.Fatal(err)
	}
	if rapid.Bool().Draw(t, "indent") {
		var b bytes.Buffer
		_ = json.Indent(&b, data, "", " ")
		data = b.Bytes()
	}
	for range rapid.IntRange(0, 2).Draw(t, "faults") {
		at := rapid.IntRange(0, len(data)).Draw(t, "at")
		patch := rapid.SampledFrom([]string{"", ",", "\"", "\\", "\x00", "\xff", "é", "]", "}", "1", "-", ".", "e", " ", ":"}).Draw(t, "patch")
		end := min(len(data), at+rapid.IntRange(0, 2).Draw(t, "cut"))
		data = append(append(bytes.Clone(data[:at]), patch...), data[end:]...)
	}
	return data
}

func anyValue(depth int) *rapid.Generator[any] {
	scalars := rapid.OneOf(
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Int64().AsAny(), rapid.Float64().AsAny(), rapid.String().AsAny(),
	)
	if depth == 0 {
		return scalars
	}
	inner := rapid.Deferred(func() *rapid.Generator[any] { return anyValue(depth - 1) })
	return rapid.OneOf(scalars, rapid.SliceOfN(inner, 0, 4).AsAny(), rapid.MapOfN(rapid.String(), inner, 0, 4).AsAny())
}

func TestCheckAgreesWithEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { sameAsStandard(t, almostJSON(t)) })
}

func TestUnescapeAgreesWithEncodingJSON(t *testing.T) {
	parts := rapid.SampledFrom([]string{
		`\"`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t`, `\u0041`, `\u00e9`, `\u0000`, `\ud83d`, `\ude00`, `\uD83D\uDE00`, "a", "é", "😀", "plain text",
	})
	rapid.Check(t, func(t *rapid.T) {
		text := `"` + strings.Join(rapid.SliceOf(parts).Draw(t, "parts"), "") + `"`
		var want string
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		end, _, f := String([]byte(text), 0)
		if f != OK || end != len(text) {
			t.Fatalf("%s: fault %d at %d", text, f, end)
		}
		if got := string(Unescape(nil, []byte(text[1:end-1]))); got != want {
			t.Fatalf("%s: got %q, want %q", text, got, want)
		}
	})
}

func TestAppendStringReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		text := AppendString(nil, s)
		if err := Check(text); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		var got string
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); utf8.ValidString(s) && got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte(order))
	f.Add([]byte(`{"a":[1,-2.5e3,true,false,null,"\u00e9\n"]} `))
	f.Fuzz(func(t *testing.T, data []byte) {
		sameAsStandard(t, data)
		if end, _, fault := String(append([]byte{'"'}, data...), 0); fault == OK {
			Unescape(nil, data[:end-2])
		}
	})
}

// order is a body of 460 bytes, of the kind that flowcheck reads all day.
const order = `{"type":"OrderPlaced","orderId":"o-7f3a9c21-0001","account":"acc-004217","seq":1042,"total":142.50,"currency":"EUR",` +
	`"placedAt":"2026-11-22T10:00:00.001Z","customer":{"id":"c-99812","name":"Jane Q. Example","email":"jane@example.org"},` +
	`"lines":[{"sku":"A1-BLUE-XL","qty":2,"price":42.25},{"sku":"B7-RED-S","qty":1,"price":58.00}],` +
	`"shipTo":{"street":"1 Long Road","city":"Springfield","zip":"12345","country":"US"},"notes":"leave at the door","gift":false}`

func BenchmarkCheck(b *testing.B) {
	data := []byte(order)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if Check(data) != nil {
			b.Fatal("not JSON")
		}
	}
}
