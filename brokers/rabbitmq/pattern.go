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

// overlapWords fills a table from the ends of the patterns: fits[j] says whether
// a[i:] and b[j:] overlap.
func overlapWords(a, b []string) bool {
	next := make([]bool, len(b)+1)
	for i := len(a); i >= 0; i-- {
		fits := make([]bool, len(b)+1)
		for j := len(b); j >= 0; j-- {
			switch {
			case i == len(a) && j == len(b):
				fits[j] = true
			case i < len(a) && a[i] == "#":
				fits[j] = next[j] || j < len(b) && fits[j+1]
			case j < len(b) && b[j] == "#":
				fits[j] = fits[j+1] || i < len(a) && next[j]
			case i < len(a) && j < len(b):
				fits[j] = (a[i] == b[j] || a[i] == "*" || b[j] == "*") && next[j+1]
			}
		}
		next = fits
	}
	return next[0]
}
