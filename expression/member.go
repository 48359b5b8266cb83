package expression

import (
	"github.com/flowcheck/flowcheck/payload"
)

// at returns the ith item, from the end where i is negative; nil where there is
// none.
func at(items []payload.Value, i int64) payload.Value {
	if i < 0 {
		i += int64(len(items))
	}
	if i < 0 || i >= int64(len(items)) {
		return payload.Value{}
	}
	return items[i]
}

func (c *compiler) member(n *member) func(*Frame) payload.Value {
	key := c.value(n.key)
	if root, ok := n.of.(*messages); ok {
		step := root.step
		return func(f *Frame) payload.Value { return nth(len(f.messages(step)), key(f)) }
	}
	of := c.value(n.of)
	return func(f *Frame) payload.Value { return f.get(of(f), key(f)) }
}

// nth is the number of the message at index i of n; nil where there is none.
func nth(n int, i payload.Value) payload.Value {
	number, ok := whole(i)
	if number < 0 {
		number += int64(n)
	}
	if !ok || number < 0 || number >= int64(n) {
		return payload.Value{}
	}
	return payload.OfInt(number)
}

// whole returns the int64 that v is, as an Int or a Float.
func whole(v payload.Value) (n int64, ok bool) {
	switch v.Kind() {
	case payload.Int:
		return v.Int(), true
	case payload.Float:
		if f := v.Float(); f == float64(int64(f)) && f >= -1<<53 && f <= 1<<53 {
			return int64(f), true
		}
	default:
	}
	return 0, false
}

// get is of[key]: an item of a list or a member of an object.
func (f *Frame) get(of, key payload.Value) payload.Value {
	switch of.Kind() {
	case payload.Object:
		return f.member(of, key)
	case payload.List:
		if i, ok := whole(key); ok {
			return at(of.List(), i)
		}
	default:
	}
	return payload.Value{}
}

// member finds a member by its name. Numbers and bools name the groups that
// groupBy makes of them.
func (f *Frame) member(of, key payload.Value) payload.Value {
	name := key.Text()
	switch key.Kind() {
	case payload.String:
	case payload.Int, payload.Float, payload.Number, payload.Bool:
		name = payload.Plain(key)
	default:
		return payload.Value{}
	}
	if !f.work(len(of.Object())/4 + 1) {
		return payload.Value{}
	}
	v := of.Member(name)
	if v.IsUnknowable() {
		f.mark(name)
	}
	return v
}

func (c *compiler) slice(n *slice) func(*Frame) payload.Value {
	of, from, to := c.value(n.of), c.bound(n.from, 0), c.bound(n.to, 1<<62)
	return func(f *Frame) payload.Value {
		v := of(f)
		a, ok1 := whole(from(f))
		b, ok2 := whole(to(f))
		if !ok1 || !ok2 {
			return payload.Value{}
		}
		switch v.Kind() {
		case payload.List:
			i, j := clamp(a, b, len(v.List()))
			return payload.OfList(v.List()[i:j:j])
		case payload.String:
			i, j := clamp(a, b, len(v.Text()))
			return payload.OfString(v.Text()[i:j])
		default:
			return payload.Value{}
		}
	}
}

// bound compiles an end of a slice, which may be left out.
func (c *compiler) bound(n node, absent int64) func(*Frame) payload.Value {
	if n != nil {
		return c.value(n)
	}
	return func(*Frame) payload.Value { return payload.OfInt(absent) }
}

// clamp makes from:to a part of n items, counting negative ends from the last.
func clamp(from, to int64, n int) (i, j int) {
	length := int64(n)
	if from < 0 {
		from += length
	}
	if to < 0 {
		to += length
	}
	to = min(max(to, 0), length)
	from = min(max(from, 0), to)
	return int(from), int(to)
}
