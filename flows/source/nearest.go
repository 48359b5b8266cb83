package source

import (
	"slices"
	"strings"
)

// NearestFirst puts the known word that was most likely meant before the others.
func NearestFirst(word string, known []string) []string {
	near := nearest(word, known)
	if near == "" {
		return known
	}
	return append([]string{near}, slices.DeleteFunc(slices.Clone(known), func(k string) bool { return k == near })...)
}

// nearest returns the known word that was most likely meant, or "".
func nearest(word string, known []string) string {
	const longest, most = 64, 500
	if len(word) > longest {
		return ""
	}
	known = known[:min(len(known), most)]
	want := normal(word)
	length := len([]rune(want))
	best, found := min(max(length/3, 1), 3)+1, ""
	for _, k := range known {
		if len(k) > longest {
			continue
		}
		if d := distance(want, normal(k)); d < best && d < length {
			best, found = d, k
		}
	}
	return found
}

// normal drops what people vary: case, dashes and underscores.
func normal(word string) string {
	return strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(word))
}

// distance is the number of characters to insert, delete, replace or swap with
// their neighbour to make b of a (optimal string alignment).
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	before, last, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(s); i++ {
		row[0] = i
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(t)]
}

// didYouMean returns "; did you mean `x`?", or "".
func didYouMean(word string, known []string) string {
	if near := nearest(word, known); near != "" {
		return "; did you mean " + quote(near) + "?"
	}
	return ""
}

// quote puts a word of the file into backticks, cut to a readable length and
// without characters that would act on a terminal.
func quote(word string) string {
	const longest = 60
	word = printable(word)
	if r := []rune(word); len(r) > longest {
		word = string(r[:longest]) + "…"
	}
	return "`" + word + "`"
}

// list returns words for a hint: a, b, c.
func list(words []string) string {
	const most = 30
	if len(words) > most {
		return strings.Join(words[:most], ", ") + ", …"
	}
	return strings.Join(words, ", ")
}
