package compare

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/flowcheck/flowcheck/flows"
)

// renamer puts the names of ids where their values stand, so that a chain can be
// compared with one that has other ids.
type renamer struct{ values, names [][]byte }

func newRenamer(f *flows.Flow, c *Chain) *renamer {
	all := slices.Clone(c.Aliases)
	for _, id := range c.IDs {
		all = append(all, Alias{id.Value, f.IDs[id.Name].Name})
	}
	// The longest first: one id may be part of another.
	slices.SortStableFunc(all, func(a, b Alias) int {
		if len(a.Value) != len(b.Value) {
			return len(b.Value) - len(a.Value)
		}
		return strings.Compare(a.Value, b.Value)
	})
	r := &renamer{}
	for _, a := range all {
		if a.Value != "" {
			r.values = append(r.values, []byte(a.Value))
			r.names = append(r.names, []byte("‹"+a.As+"›"))
		}
	}
	return r
}

// value returns the JSON text with its ids as what they stand for.
func (r *renamer) value(text []byte) []byte {
	for i, id := range r.values {
		if bytes.Contains(text, id) {
			text = replaceWhole(text, id, r.names[i])
		}
	}
	return text
}

// replaceWhole replaces the id where it is no part of a longer word or number.
func replaceWhole(text, id, name []byte) []byte {
	var out []byte
	rest := text
	for {
		at := bytes.Index(rest, id)
		if at < 0 {
			break
		}
		end := at + len(id)
		before, _ := utf8.DecodeLastRune(text[:len(text)-len(rest)+at])
		after, _ := utf8.DecodeRune(rest[end:])
		out = append(out, rest[:at]...)
		if wordy(before) || wordy(after) {
			out = append(out, id...)
		} else {
			out = append(out, name...)
		}
		rest = rest[end:]
	}
	if out == nil {
		return text
	}
	return append(out, rest...)
}

func wordy(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
