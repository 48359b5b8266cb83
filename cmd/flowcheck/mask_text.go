package main

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// shortest is how many characters a value has that is replaced within a longer
// text: a shorter one could be anything, and is where it stands alone.
const shortest = 4

// span is where a value stands from the beginning of its first word.
type span struct{ before, length int }

// index notes by its first word how long a value is, so that texts can be
// searched for all values at once.
func (m *masker) index(value string) {
	start := strings.IndexFunc(value, inWord)
	if start < 0 {
		return
	}
	word := value[start : start+wordAt(value[start:])]
	s := span{before: start, length: len(value)}
	if !slices.Contains(m.spans[word], s) {
		m.spans[word] = append(m.spans[word], s)
		slices.SortFunc(m.spans[word], func(a, b span) int { return b.length - a.length }) // the longest first
	}
}

// within replaces the values that stand in a longer text as words of their own.
func (m *masker) within(text string) string {
	if len(m.spans) == 0 {
		return text
	}
	var out strings.Builder
	done := 0
	for at := 0; at < len(text); {
		length := wordAt(text[at:])
		if length == 0 {
			_, size := utf8.DecodeRuneInString(text[at:])
			at += size
			continue
		}
		start, end := m.found(text, at, text[at:at+length])
		at += length
		if end == 0 || start < done {
			continue
		}
		out.WriteString(text[done:start])
		out.WriteString(m.hash(text[start:end]))
		done, at = end, max(at, end)
	}
	if done == 0 {
		return text
	}
	out.WriteString(text[done:])
	return out.String()
}

// found is the longest value whose first word stands at a place; end 0 is none.
func (m *masker) found(text string, at int, word string) (start, end int) {
	for _, s := range m.spans[word] {
		start, end = at-s.before, at-s.before+s.length
		if start >= 0 && end <= len(text) && m.values[text[start:end]] && apart(text, start, end) {
			return start, end
		}
	}
	return 0, 0
}

// apart reports whether a part of a text is no part of a longer word; a short one
// must stand alone in an element or in quotes.
func apart(text string, start, end int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:start])
	after, _ := utf8.DecodeRuneInString(text[end:])
	if utf8.RuneCountInString(text[start:end]) < shortest {
		return strings.ContainsRune(`>"'`, before) && strings.ContainsRune(`<"'`, after)
	}
	first, _ := utf8.DecodeRuneInString(text[start:])
	last, _ := utf8.DecodeLastRuneInString(text[:end])
	return !(inWord(before) && inWord(first)) && !(inWord(after) && inWord(last))
}

// wordAt is the length of the word that a text begins with.
func wordAt(text string) int {
	if end := strings.IndexFunc(text, func(r rune) bool { return !inWord(r) }); end >= 0 {
		return end
	}
	return len(text)
}

func inWord(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}
