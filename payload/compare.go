package payload

import (
	"cmp"
	"math"
	"strings"
)

// Equal reports whether a and b are the same value. Numbers are compared
// exactly and by value, whatever their kind; times by the instant; lists item by
// item; objects member by member, in any order (of members with one name the
// last counts). A fraction that is a Float stands for its shortest decimal, so
// that it equals the same decimal kept as a Number.
func Equal(a, b Value) bool {
	if a.kind == b.kind {
		switch a.kind {
		case Nil:
			return true
		case Bool, Int, Duration:
			return a.num == b.num
		case String:
			return a.num == b.num && a.Text() == b.Text()
		default:
		}
	}
	equal, _ := EqualWithin(a, b, math.MaxInt)
	return equal
}

// EqualWithin is Equal with a limit on the work: a unit for each item, member
// and 64 bytes of text compared. left is negative where it gave up.
func EqualWithin(a, b Value, work int) (equal bool, left int) {
	c := comparison{left: work}
	equal = c.equal(a, b)
	return equal && c.left >= 0, c.left
}

// Compare orders two numbers, strings, times or durations; ok is false for
// anything else. Numbers are compared exactly, as by Equal.
func Compare(a, b Value) (order int, ok bool) {
	switch {
	case a.kind == Int && b.kind == Int:
		return cmp.Compare(int64(a.num), int64(b.num)), true
	case a.isNumber() && b.isNumber():
		return compareNumbers(a, b)
	case a.kind != b.kind:
		return 0, false
	case a.kind == String:
		return strings.Compare(a.Text(), b.Text()), true
	case a.kind == Time:
		return a.Time().Compare(b.Time()), true
	case a.kind == Duration:
		return cmp.Compare(int64(a.num), int64(b.num)), true
	}
	return 0, false
}

func (v Value) isNumber() bool { return v.kind >= Int && v.kind <= Number }

// comparison is one deep comparison and the work that it may still do.
type comparison struct{ left int }

func (c *comparison) equal(a, b Value) bool {
	if c.left--; c.left < 0 {
		return false
	}
	if a.isNumber() && b.isNumber() {
		c.left -= int(a.textLen()+b.textLen()) / 64
		order, ok := compareNumbers(a, b)
		return ok && order == 0
	}
	if a.kind != b.kind {
		return false
	}
	switch a.kind {
	case Nil:
		return true
	case Bool, Duration:
		return a.num == b.num
	case String:
		c.left -= int(min(a.num, b.num)) / 64
		return a.num == b.num && a.Text() == b.Text()
	case Time:
		return a.Time().Equal(b.Time())
	case List:
		return c.lists(a.List(), b.List())
	default:
		return c.objects(a.Object(), b.Object())
	}
}

func (c *comparison) lists(a, b []Value) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !c.equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func (c *comparison) objects(a, b []Member) bool {
	if sameNames(a, b) {
		same := c.pairwise(a, b)
		if same || distinct(a) {
			return same
		}
	}
	c.left -= 10 * (len(a) + len(b))
	if c.left < 0 {
		return false
	}
	x, y := byName(a), byName(b)
	if len(x) != len(y) {
		return false
	}
	for name, v := range x {
		w, ok := y[name]
		if !ok || !c.equal(v, w) {
			return false
		}
	}
	return true
}

func (c *comparison) pairwise(a, b []Member) bool {
	for i := range a {
		if !c.equal(a[i].Value, b[i].Value) {
			return false
		}
	}
	return true
}

// sameNames reports whether a and b have the same names in the same order.
func sameNames(a, b []Member) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name {
			return false
		}
	}
	return true
}

// distinct reports whether a small object has no name twice; large ones are not
// worth the look.
func distinct(members []Member) bool {
	if len(members) > 8 {
		return false
	}
	for i := range members {
		for j := range i {
			if members[i].Name == members[j].Name {
				return false
			}
		}
	}
	return true
}

func byName(members []Member) map[string]Value {
	m := make(map[string]Value, len(members))
	for _, member := range members {
		m[member.Name] = member.Value
	}
	return m
}

// Distinct returns v's members without those that a later member of the same
// name replaces, in the order of the source; nil where v is no Object.
func (v Value) Distinct() []Member {
	members := v.Object()
	if len(members) == 0 || distinct(members) {
		return members
	}
	last := make(map[string]int, len(members))
	for i, m := range members {
		last[m.Name] = i
	}
	if len(last) == len(members) {
		return members
	}
	kept := make([]Member, 0, len(last))
	for i, m := range members {
		if last[m.Name] == i {
			kept = append(kept, m)
		}
	}
	return kept
}
