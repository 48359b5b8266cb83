package message

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// anyLine draws a line, often a little wrong, whose members stand in any order,
// some of them twice. tight is without spaces, loose has some.
func anyLine(t *rapid.T) (tight, loose string) {
	headers := rapid.SampledFrom([]string{
		`[]`, `[["a","b"]]`, `[["a","b"],["a",""],["type","paid"]]`, `[["a",1]]`, `[["a\n","b"]]`, `[["a","b\u0041"]]`, `[["é","ü"]]`,
		`[["a"]]`, `[["a","b","c"]]`, `[["a","b"]`, `[["a","b"],]`, `[["a","b"]["c","d"]]`, `[,["a","b"]]`, `{}`, `"a"`, `null`, `[[["a"],"b"]]`,
		`[["a",{"base64":"AAE="}],["b","c"]]`, `[["a",1"]]`, `[[a","b"]]`, `[["a","b"],["c",2]]`,
	})
	second := rapid.Map(rapid.IntRange(0, 61), func(n int) string { return fmt.Sprintf("%02d", n) })
	parts := []string{
		`"channel":"` + rapid.SampledFrom([]string{"orders", "payments", "m\\u0061ils"}).Draw(t, "channel") + `"`,
		`"seen":"2026-01-01T00:` + rapid.SampledFrom([]string{"00", "01", "60"}).Draw(t, "minute") + `:` + second.Draw(t, "second") +
			rapid.SampledFrom([]string{"Z", ".5Z", ".123456789123Z", "+01:00", ".5+01:00", "", ".Z", "ZZ"}).Draw(t, "zone") + `"`,
	}
	more := rapid.SampledFrom([]func() string{
		func() string { return `"headers":` + headers.Draw(t, "headers") },
		func() string { return `"body":{"a":1}` },
		func() string { return `"body":null` },
		func() string { return `"key":"k"` },
		func() string { return `"un\"known":1` },
		func() string { return `"position":"` + anyPosition(t) + `"` },
		func() string { return `"channel":"refunds"` },
	})
	for range rapid.IntRange(0, 4).Draw(t, "more") {
		parts = append(parts, more.Draw(t, "part")())
	}
	parts = rapid.Permutation(parts).Draw(t, "order")
	tight = "{" + strings.Join(parts, ",") + "}"
	return tight, "{ " + strings.ReplaceAll(strings.Join(parts, " , "), `[[`, "[ [") + " }"
}

func anyPosition(t *rapid.T) string {
	return rapid.SampledFrom([]string{
		"", "0@0", "3@1042", "17", "2147483648@1", "1@12345678901234567890", "-1@2", "+5", "1@", "@1", "1@2@3", "0x1", "123456789012345678", "9223372036854775807",
	}).Draw(t, "position")
}

// TestWhatALineSaysDoesNotDependOnTheLineBefore: a Decoder guesses from the lines
// that it has read how the next is written.
func TestWhatALineSaysDoesNotDependOnTheLineBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var used Decoder
		for range rapid.IntRange(1, 4).Draw(t, "lines") {
			tight, loose := anyLine(t)
			want, wantErr := new(Decoder).Decode([]byte(loose))
			for _, line := range []string{tight, loose} {
				used.Reset()
				got, err := used.Decode([]byte(line))
				if (err == nil) != (wantErr == nil) || !reflect.DeepEqual(got, want) {
					t.Fatalf("%s\nsays %+v, %v; a fresh one says %+v, %v", line, got, err, want, wantErr)
				}
			}
		}
	})
}

func TestClockAgreesWithParseTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c clock
		for range 4 {
			s := anyTime().Draw(t, "time").Format("2006-01-02T15:04:05.999999999Z07:00")
			for _, s := range []string{s, s[:17] + "07.5Z", s[:17] + "61Z", s[:17] + "0", s[:17] + "x1Z"} {
				got, ok := c.parse([]byte(s))
				want, wantOK := parseTime([]byte(s))
				if got != want || ok != wantOK {
					t.Fatalf("%s: %v, %v; parseTime says %v, %v", s, got, ok, want, wantOK)
				}
			}
		}
	})
}

func TestParsePosition(t *testing.T) {
	for text, want := range map[string]Position{
		"": {}, "0@0": At(0, 0), "2147483647@12": At(2147483647, 12), "2147483648@1": Named("2147483648@1"), "17": Nth(17), "+5": Nth(5),
		"9223372036854775807": Nth(9223372036854775807), "9223372036854775808": Named("9223372036854775808"), "1@9223372036854775807": At(1, 9223372036854775807),
		"-1@2": Named("-1@2"), "1@": Named("1@"), "@1": Named("@1"), "1@2@3": Named("1@2@3"), "1@x": Named("1@x"), "7x": Named("7x"),
	} {
		if got := ParsePosition(text); got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}
