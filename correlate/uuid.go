package correlate

import "strings"

// canonicalID returns the id as the index has it: UUIDs in lower case with
// dashes, whichever way they were spelled (RFC 9562, also without dashes, as a
// URN or in braces); any other value as it is.
func canonicalID(id ID) key {
	if s, ok := canonicalUUID(id.Value); ok {
		return key{Name: id.Name, Value: s}
	}
	return key(id)
}

// Canonical returns the id in the spelling by which ids are compared.
func Canonical(id ID) ID { return ID(canonicalID(id)) }

func canonicalUUID(s string) (string, bool) {
	t := bareUUID(s)
	if t == "" {
		return "", false
	}
	if len(t) == 36 && isLowerUUID(t) {
		return t, true
	}
	var out [36]byte
	n := 0
	for i := range len(t) {
		if t[i] == '-' && len(t) == 36 {
			continue // its place was looked at
		}
		c, ok := lowerHex(t[i])
		if !ok {
			return "", false
		}
		if isDash(n) {
			out[n] = '-'
			n++
		}
		out[n] = c
		n++
	}
	return string(out[:]), true
}

// bareUUID is the 36 characters of a UUID with dashes, or the 32 of one without,
// taken out of a URN or braces; "" for what cannot be one.
func bareUUID(s string) string {
	switch {
	case len(s) == 45 && strings.EqualFold(s[:9], "urn:uuid:"):
		s = s[9:]
	case len(s) == 38 && s[0] == '{' && s[37] == '}':
		s = s[1:37]
	}
	switch len(s) {
	case 32:
		return s
	case 36:
		for i := range len(s) {
			if isDash(i) != (s[i] == '-') {
				return ""
			}
		}
		return s
	}
	return ""
}

// isDash reports whether a UUID has a dash at index i.
func isDash(i int) bool { return i == 8 || i == 13 || i == 18 || i == 23 }

func isLowerUUID(t string) bool {
	for i := range len(t) {
		c := t[i]
		if c != '-' && !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return true
}

func lowerHex(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9', c >= 'a' && c <= 'f':
		return c, true
	case c >= 'A' && c <= 'F':
		return c + 'a' - 'A', true
	}
	return 0, false
}
