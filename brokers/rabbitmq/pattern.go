package rabbitmq

import "strings"

// overlap tells whether some routing key fits both patterns of a topic exchange:
// * is one word, # any number of words. A key without them is a pattern, too.
func overlap(a, b string) bool { return overlapWords(words(a), words(b)) }

// words splits a key; an empty one has none. Several # in a row are one.
func words(key string) []string {
	if key == "" {
		return nil
	}
	var all []string
	for word := range strings.SplitSeq(key, ".") {
		if word != "#" || len(all) == 0 || all[len(all)-1] != "#" {
			all = append(all, word)
		}
	}
	return all
}

// end closes a pattern; words have no dots.
const end = "."

// overlapWords fills a table from the ends of the patterns, row by row: fits[j]
// says whether a[i:] and b[j:] overlap, below[j] the same of a[i+1:].
func overlapWords(a, b []string) bool {
	a, b = append(a, end), append(b, end)
	below := make([]bool, len(b)+1)
	below[len(b)] = true
	for i := len(a) - 1; i >= 0; i-- {
		fits := make([]bool, len(b)+1)
		for j := len(b) - 1; j >= 0; j-- {
			fits[j] = same(a[i], b[j]) && below[j+1]
			if a[i] == "#" || b[j] == "#" { // it takes a word of the other, or is done
				fits[j] = fits[j] || a[i] != end && below[j] || b[j] != end && fits[j+1]
			}
		}
		below = fits
	}
	return below[0]
}

// same tells whether two words of patterns can be the same word.
func same(a, b string) bool {
	return a == b || a == "*" && b != end || b == "*" && a != end
}
