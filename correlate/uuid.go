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
	if len(s) < 32 || len(s) > 45 {
		return "", false
	}
	t := s
	if len(t) == 45 && strings.EqualFold(t[:9], "urn:uuid:") {
		t = t[9:]
	} else if len(t) == 38 && t[0] == '{' && t[37] == '}' {
		t = t[1:37]
	}
	switch len(t) {
	case 36:
		if t[8] != '-' || t[13] != '-' || t[18] != '-' || t[23] != '-' {
			return "", false
		}
		if isLowerUUID(t) {
			return t, true
		}
	case 32:
	default:
		return "", false
	}
	var out [36]byte
	n := 0
	for i := range len(t) {
		c := t[i]
		if c == '-' && len(t) == 36 && (i == 8 || i == 13 || i == 18 || i == 23) {
			continue
		}
		c, ok := lowerHex(c)
		if !ok {
			return "", false
		}
		if n == 8 || n == 13 || n == 18 || n == 23 {
			out[n] = '-'
			n++
		}
		out[n] = c
		n++
	}
	return string(out[:]), true
}

func isLowerUUID(t string) bool {
	for i := range len(t) {
		c := t[i]
		if c == '-' && (i == 8 || i == 13 || i == 18 || i == 23) {
			continue
		}
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
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
