package memory

import (
	"strings"
	"testing"
)

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, key string
		want         bool
	}{
		{"a.b", "a.b", true},
		{"a.b", "a.c", false},
		{"a.b", "a", false},
		{"a.*", "a.b", true},
		{"a.*", "a", false},
		{"a.*", "a.b.c", false},
		{"a.*", "a.", true}, // the empty word is a word
		{"*", "", false},
		{"*", "a", true},
		{"#", "", true},
		{"#", "a.b.c", true},
		{"a.#", "a", true},
		{"a.#", "a.b.c", true},
		{"a.#", "b", false},
		{"#.z", "z", true},
		{"#.z", "a.b.z", true},
		{"#.z", "a.z.b", false},
		{"a.#.z", "a.z", true},
		{"a.#.z", "a.b.c.z", true},
		{"a.*.#", "a", false},
		{"a.*.#", "a.b", true},
		{"#.#", "", true},
		{"#.*", "a.b", true},
		{"#.*", "", false},
		{"*.#.*", "a.b", true},
		{"*.#.*", "a", false},
		{"", "", true},
		{"", "a", false},
	} {
		if got := matches(c.pattern, c.key); got != c.want {
			t.Errorf("matches(%q, %q) = %t", c.pattern, c.key, got)
		}
	}
}

// A pattern of many # must not cost exponentially.
func TestMatchesIsBounded(t *testing.T) {
	pattern := strings.Repeat("#.", 200) + "end"
	if matches(pattern, strings.Repeat("a.", 500)+"a") {
		t.Fatal("matches without its last word")
	}
}

// FuzzMatches compares with a plain recursive reading of the rule.
func FuzzMatches(f *testing.F) {
	f.Add("a.*.#", "a.b.c")
	f.Add("#.z", "z")
	f.Fuzz(func(t *testing.T, pattern, key string) {
		if len(pattern) > 12 || len(key) > 12 || pattern == "" {
			return
		}
		if want := slow(strings.Split(pattern, "."), words(key)); matches(pattern, key) != want {
			t.Fatalf("matches(%q, %q) = %t", pattern, key, !want)
		}
	})
}

func slow(pattern, key []string) bool {
	switch {
	case len(pattern) == 0:
		return len(key) == 0
	case pattern[0] == "#":
		return slow(pattern[1:], key) || len(key) > 0 && slow(pattern, key[1:])
	default:
		return len(key) > 0 && (pattern[0] == "*" || pattern[0] == key[0]) && slow(pattern[1:], key[1:])
	}
}
