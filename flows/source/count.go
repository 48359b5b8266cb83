package source

import (
	"math"
	"strconv"
	"strings"
)

// count reads how often a step may occur: a number, a range, a bound, or an
// expression.
func (v val) count() Count {
	const hint = "write a number, 0..3, \">=1\", or an expression on earlier steps"
	if v.Kind == List || v.Kind == Map || v.Kind == Null {
		v.failHint(hint, "%s cannot be %s", quote(v.key), v.Kind.a())
		return Count{}
	}
	text := strings.TrimSpace(v.Text.Value)
	if !isBounds(text) && v.Kind != Number {
		return Count{Text: v.Text, Max: -1, Expr: v.expr()}
	}
	least, most, ok := bounds(text)
	if !ok {
		v.failHint(hint, "%s is no count", quote(text))
		return Count{}
	}
	return Count{Text: v.Text, Min: least, Max: most}
}

// isBounds reports whether the text of a count is meant as numbers, not as an
// expression.
func isBounds(text string) bool {
	_, number := whole(text)
	return number || strings.Contains(text, "..") || strings.HasPrefix(text, "<") || strings.HasPrefix(text, ">")
}

// bounds returns the least and the most of a count; -1 is no bound.
func bounds(text string) (least, most int, ok bool) {
	if low, high, isRange := strings.Cut(text, ".."); isRange {
		least, ok = whole(low)
		most, okMost := whole(high)
		return least, most, ok && okMost && least <= most
	}
	number := strings.TrimLeft(text, "<>=")
	n, ok := whole(number)
	switch strings.TrimSuffix(text, number) {
	case "":
		return n, n, ok
	case ">=":
		return n, -1, ok
	case ">":
		return n + 1, -1, ok
	case "<=":
		return 0, n, ok
	case "<":
		return 0, n - 1, ok && n > 0
	default:
		return 0, 0, false
	}
}

// whole reads a whole number that may count messages.
func whole(s string) (int, bool) {
	s = strings.TrimSpace(s)
	if s == "" || digits(s) != len(s) {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n <= math.MaxInt32
}
