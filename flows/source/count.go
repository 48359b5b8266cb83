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
	low, high, bounded := bounds(text)
	if !bounded && v.Kind != Number {
		return Count{Text: v.Text, Max: -1, Expr: v.expr()}
	}
	least, okLeast := whole(low)
	most, okMost := -1, true
	if high != "" {
		most, okMost = whole(high)
	}
	if strings.HasPrefix(text, "<") && !strings.HasPrefix(text, "<=") {
		most--
		okMost = okMost && most >= 0
	}
	if strings.HasPrefix(text, ">") && !strings.HasPrefix(text, ">=") {
		least++
	}
	if !okLeast || !okMost || most >= 0 && least > most {
		v.failHint(hint, "%s is no count", quote(text))
		return Count{}
	}
	return Count{Text: v.Text, Min: least, Max: most}
}

// bounds splits a count that is no expression into its least and its most; most
// is "" where there is none.
func bounds(text string) (least, most string, ok bool) {
	if low, high, ok := strings.Cut(text, ".."); ok {
		return low, high + " ", true // never "": 1.. is no count
	}
	for _, sign := range []string{">=", ">"} {
		if n, ok := strings.CutPrefix(text, sign); ok {
			return n, "", true
		}
	}
	for _, sign := range []string{"<=", "<"} {
		if n, ok := strings.CutPrefix(text, sign); ok {
			return "0", n + " ", true
		}
	}
	_, ok = whole(text)
	return text, text, ok
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
