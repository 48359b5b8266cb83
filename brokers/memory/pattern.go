package memory

import "strings"

// matches reports whether a routing key fits a topic exchange's binding key:
// words between dots, * for one word, # for any number of them (AMQP 0-9-1,
// 3.1.3.3).
func matches(pattern, key string) bool {
	return matchWords(strings.Split(pattern, "."), words(key))
}

// words splits a routing key; the empty key has no words.
func words(key string) []string {
	if key == "" {
		return nil
	}
	return strings.Split(key, ".")
}

// matchWords keeps, for each prefix of the key, whether the pattern so far can
// fit it, so that its cost is pattern × key whatever the pattern.
func matchWords(pattern, key []string) bool {
	if len(pattern) == 1 && pattern[0] == "" {
		return len(key) == 0
	}
	fits := make([]bool, len(key)+1)
	fits[0] = true
	for _, p := range pattern {
		if p == "#" {
			for i := 1; i <= len(key); i++ {
				fits[i] = fits[i] || fits[i-1]
			}
			continue
		}
		for i := len(key); i > 0; i-- {
			fits[i] = fits[i-1] && (p == "*" || p == key[i-1])
		}
		fits[0] = false
	}
	return fits[len(key)]
}
