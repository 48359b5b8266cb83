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
// What it gives out is good until it is reset.
type renamer struct {
	all           []Alias
	values, names [][]byte
	room          []byte
}

// reset makes it the renamer of a chain.
func (r *renamer) reset(f *flows.Flow, c *Chain) {
	r.all = append(r.all[:0], c.Aliases...)
	for _, id := range c.IDs {
		r.all = append(r.all, Alias{id.Value, f.IDs[id.Name].Name})
	}
	// The longest first: one id may be part of another.
	slices.SortStableFunc(r.all, func(a, b Alias) int {
		if len(a.Value) != len(b.Value) {
			return len(b.Value) - len(a.Value)
		}
		return strings.Compare(a.Value, b.Value)
	})
	r.values, r.names, r.room = r.values[:0], r.names[:0], r.room[:0]
	for _, a := range r.all {
		if a.Value != "" {
			r.values = append(r.values, r.keep(a.Value))
			r.names = append(r.names, r.keep("‹", a.As, "›"))
		}
	}
}

// keep puts text into the room.
func (r *renamer) keep(parts ...string) []byte {
	from := len(r.room)
	for _, p := range parts {
		r.room = append(r.room, p...)
	}
	return r.room[from:len(r.room):len(r.room)]
}

// value returns the JSON text with its ids as what they stand for.
func (r *renamer) value(text []byte) []byte {
	for i, id := range r.values {
		if bytes.Contains(text, id) {
			text = r.replaceWhole(text, id, r.names[i])
		}
	}
	return text
}

// replaceWhole replaces the id where it is no part of a longer word or number.
func (r *renamer) replaceWhole(text, id, name []byte) []byte {
	from, rest := len(r.room), text
	for {
		at := bytes.Index(rest, id)
		if at < 0 {
			break
		}
		end := at + len(id)
		before, _ := utf8.DecodeLastRune(text[:len(text)-len(rest)+at])
		after, _ := utf8.DecodeRune(rest[end:])
		r.room = append(r.room, rest[:at]...)
		if wordy(before) || wordy(after) {
			r.room = append(r.room, id...)
		} else {
			r.room = append(r.room, name...)
		}
		rest = rest[end:]
	}
	r.room = append(r.room, rest...)
	return r.room[from:len(r.room):len(r.room)]
}

func wordy(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
