package source

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// MaxDuration is the longest duration of a flow file.
const MaxDuration = 10 * 365 * 24 * time.Hour

// ParseDuration reads a duration as flow files have it: numbers with units, the
// larger unit first: 300ms, 5s, 1h30m, 1.5s, 3d. The units are us, ms, s, m, h,
// and d for 24 hours. A bare number, a sign and anything beyond MaxDuration are
// errors; zero is not.
func ParseDuration(s string) (time.Duration, error) {
	text := strings.TrimSpace(s)
	if text == "" {
		return 0, errors.New("a duration is missing")
	}
	if isNumber(text) {
		return 0, fmt.Errorf("a bare number is no duration: write %ss", strings.TrimPrefix(text, "-"))
	}
	var total, last time.Duration
	last = MaxDuration
	for rest := text; rest != ""; {
		n := numberLength(rest)
		unit, size := unitOf(rest[n:])
		value, err := strconv.ParseFloat(rest[:n], 64)
		if n == 0 || unit == 0 || err != nil || unit >= last {
			return 0, fmt.Errorf("%s is no duration: write 300ms, 5s, 1h30m or 3d", quote(text))
		}
		part := value * float64(unit)
		if part > float64(MaxDuration) || total+time.Duration(part) > MaxDuration {
			return 0, fmt.Errorf("%s is too long: at most 10 years of 365d", quote(text))
		}
		total += time.Duration(part)
		last, rest = unit, rest[n+size:]
	}
	return total, nil
}

// numberLength returns how many bytes of s are digits with at most one point.
func numberLength(s string) int {
	n := digits(s)
	if n > 0 && strings.HasPrefix(s[n:], ".") {
		if more := digits(s[n+1:]); more > 0 {
			return n + 1 + more
		}
	}
	return n
}

// unitOf returns the unit that s begins with, and its length; 0 for none.
func unitOf(s string) (time.Duration, int) {
	word := s[:len(s)-len(strings.TrimLeft(s, "abcdefghijklmnopqrstuvwxyzµ"))]
	switch word {
	case "us", "µs":
		return time.Microsecond, len(word)
	case "ms":
		return time.Millisecond, len(word)
	case "s":
		return time.Second, len(word)
	case "m":
		return time.Minute, len(word)
	case "h":
		return time.Hour, len(word)
	case "d":
		return 24 * time.Hour, len(word)
	}
	return 0, 0
}

// duration reads a duration that is longer than nothing.
func (v val) duration() Duration {
	d := v.durationOrZero()
	if d.IsSet() && !d.Dynamic && d.Value == 0 {
		v.fail("%s must be longer than nothing", quote(v.key))
		return Duration{}
	}
	return d
}

// durationOrZero reads a duration that may be 0s.
func (v val) durationOrZero() Duration {
	const hint = "write 300ms, 5s, 1h30m or 3d"
	if v.Kind == List || v.Kind == Map || v.Kind == Null || v.Kind == Bool {
		v.failHint(hint, "%s must be a duration, not %s", quote(v.key), v.Kind.a())
		return Duration{}
	}
	if isDynamic(v.Text.Value) {
		return Duration{Text: v.text(), Dynamic: true}
	}
	value, err := ParseDuration(v.Text.Value)
	if err != nil {
		v.fail("%s: %s", quote(v.key), err)
		return Duration{}
	}
	return Duration{Text: v.Text, Value: value}
}
