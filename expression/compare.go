package expression

import (
	"strings"

	"github.com/flowcheck/flowcheck/payload"
)

func (c *compiler) compare(n *compare) func(*Frame) bool {
	switch n.op {
	case "==":
		return c.equal(n.l, n.r)
	case "!=":
		equal := c.equal(n.l, n.r)
		return func(f *Frame) bool { return !equal(f) }
	}
	l, r := c.value(n.l), c.value(n.r)
	switch n.op {
	case "<":
		return func(f *Frame) bool { o, ok := payload.Compare(l(f), r(f)); return ok && o < 0 }
	case "<=":
		return func(f *Frame) bool { o, ok := payload.Compare(l(f), r(f)); return ok && o <= 0 }
	case ">":
		return func(f *Frame) bool { o, ok := payload.Compare(l(f), r(f)); return ok && o > 0 }
	}
	return func(f *Frame) bool { o, ok := payload.Compare(l(f), r(f)); return ok && o >= 0 }
}

// equal has forms of its own for a field against a constant and a field against
// a field, which most checks are made of.
func (c *compiler) equal(ln, rn node) func(*Frame) bool {
	if _, ok := ln.(*constant); ok {
		ln, rn = rn, ln
	}
	if right, ok := rn.(*constant); ok {
		return c.equalConstant(ln, right.value)
	}
	left, ok1 := c.plainSlot(ln)
	right, ok2 := c.plainSlot(rn)
	switch {
	case ok1 && ok2 && left.ref == Own && right.ref == Own:
		return func(f *Frame) bool { return f.equal(f.own(left.slot), f.own(right.slot)) }
	case ok1 && ok2 && left.ref == Own:
		return func(f *Frame) bool { return f.equal(f.own(left.slot), f.step(int(right.ref), right.slot)) }
	case ok1 && ok2 && right.ref == Own:
		return func(f *Frame) bool { return f.equal(f.step(int(left.ref), left.slot), f.own(right.slot)) }
	}
	l, r := c.value(ln), c.value(rn)
	return func(f *Frame) bool { return f.equal(l(f), r(f)) }
}

func (c *compiler) equalConstant(n node, want payload.Value) func(*Frame) bool {
	if want.IsNil() {
		value := c.value(n)
		return func(f *Frame) bool { return value(f).IsNil() }
	}
	slot, ok := c.plainSlot(n)
	switch {
	case ok && slot.ref == Own && want.Kind() == payload.String:
		text := want.Text()
		return func(f *Frame) bool {
			v := f.own(slot.slot)
			return v.Kind() == payload.String && v.Text() == text
		}
	case ok && slot.ref == Own:
		return func(f *Frame) bool { return f.equal(f.own(slot.slot), want) }
	}
	value := c.value(n)
	return func(f *Frame) bool { return f.equal(value(f), want) }
}

// place is a slot of the own message or of a step's.
type place struct {
	ref  Ref
	slot int
}

// plainSlot returns the slot that n reads and does nothing else.
func (c *compiler) plainSlot(n node) (place, bool) {
	read, ok := n.(*field)
	if !ok || read.of != nil || read.field.Source == Death {
		return place{}, false
	}
	return place{read.ref, c.slot(read)}, true
}

func (c *compiler) textTest(n *textTest) func(*Frame) bool {
	l, r := c.value(n.l), c.value(n.r)
	switch n.op {
	case "in":
		return func(f *Frame) bool { return f.in(l(f), r(f)) }
	case "matches":
		return c.matches(n)
	}
	test := map[string]func(s, part string) bool{
		"contains": strings.Contains, "startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix,
	}[n.op]
	return func(f *Frame) bool {
		text, part := l(f), r(f)
		return text.Kind() == payload.String && part.Kind() == payload.String &&
			f.work(len(text.Text())/64) && test(text.Text(), part.Text())
	}
}

// in reports whether a list has an equal item, or an object a member of that
// name.
func (f *Frame) in(v, of payload.Value) bool {
	switch of.Kind() {
	case payload.List:
		items := of.List()
		for i := range items {
			if !f.work(1) {
				return false
			}
			if f.equal(v, items[i]) {
				return true
			}
		}
	case payload.Object:
		if v.Kind() != payload.String || !f.work(len(of.Object())/4) {
			return false
		}
		for _, m := range of.Object() {
			if m.Name == v.Text() {
				return true
			}
		}
	default:
	}
	return false
}

func (c *compiler) matches(n *textTest) func(*Frame) bool {
	l := c.value(n.l)
	if n.pattern != nil {
		p := pattern{n.pattern, n.cost}
		return func(f *Frame) bool { return f.match(l(f), p) }
	}
	r := c.value(n.r)
	return func(f *Frame) bool { return f.match(l(f), f.pattern(r(f))) }
}

func (f *Frame) match(v payload.Value, p pattern) bool {
	if v.Kind() != payload.String || p.re == nil {
		return false
	}
	text := v.Text()
	return f.work(len(text)/8*(1+p.cost/32)+1) && p.re.MatchString(text)
}

// The bounds of patterns that are made at run time.
const (
	maxPattern  = 1 << 10 // bytes of one
	maxPatterns = 16      // kept in a Frame
)

// pattern compiles a pattern at run time.
func (f *Frame) pattern(v payload.Value) pattern {
	text := v.Text()
	if v.Kind() != payload.String || len(text) > maxPattern {
		return pattern{}
	}
	if p, ok := f.patterns[text]; ok {
		return p
	}
	if !f.work(1000 + 100*len(text)) {
		return pattern{}
	}
	re, cost, err := compilePattern(text)
	if err != nil {
		re = nil
	}
	f.work(10 * cost)
	if f.patterns == nil || len(f.patterns) >= maxPatterns {
		f.patterns = make(map[string]pattern)
	}
	f.patterns[strings.Clone(text)] = pattern{re, cost}
	return f.patterns[text]
}
