package expression

import (
	"fmt"
	"strings"

	"github.com/flowcheck/flowcheck/payload"
)

// compiler makes closures of nodes, each of which reads its fields from the
// slots that they were given.
type compiler struct {
	slots map[string]int // by useKey
}

// useKey tells fields of different messages apart.
func useKey(ref Ref, f Field) string { return fmt.Sprintf("%d %s", ref, f) }

func (c *compiler) slot(n *field) int {
	if slot, ok := c.slots[useKey(n.ref, n.field)]; ok {
		return slot
	}
	return -1
}

// value compiles n for its value.
func (c *compiler) value(n node) func(*Frame) payload.Value {
	switch n := n.(type) {
	case *constant:
		v := n.value
		return func(*Frame) payload.Value { return v }
	case *field:
		return c.field(n)
	case *message:
		step := n.step
		return func(f *Frame) payload.Value {
			if f.came(step) {
				return payload.OfBool(true)
			}
			return payload.Value{}
		}
	case *laterName:
		i := n.index
		return func(f *Frame) payload.Value { return at(f.Names, int64(i)) }
	case *chainID:
		i := n.index
		return func(f *Frame) payload.Value { return at(f.IDs, int64(i)) }
	case *local:
		i := n.slot
		return func(f *Frame) payload.Value { return f.locals[i] }
	case *let:
		return c.let(n)
	case *compare, *logic, *not, *textTest:
		test := c.test(n)
		return func(f *Frame) payload.Value { return payload.OfBool(test(f)) }
	}
	return c.compound(n)
}

func (c *compiler) compound(n node) func(*Frame) payload.Value {
	switch n := n.(type) {
	case *member:
		return c.member(n)
	case *slice:
		return c.slice(n)
	case *operator:
		return c.operator(n)
	case *negate:
		of := c.value(n.of)
		return func(f *Frame) payload.Value { return negative(of(f)) }
	case *conditional:
		cond, yes, no := c.test(n.cond), c.value(n.yes), c.value(n.no)
		return func(f *Frame) payload.Value {
			if cond(f) {
				return yes(f)
			}
			return no(f)
		}
	case *object:
		return c.object(n)
	case *call:
		return c.call(n)
	case *method:
		return c.method(n)
	case *foreign:
		return c.foreign(n)
	case *loop:
		return c.loop(n)
	case *template:
		return c.template(n)
	}
	items := c.items(n) // messages and list
	return func(f *Frame) payload.Value {
		list, ok := items(f)
		if !ok {
			return payload.Value{}
		}
		return payload.OfList(list)
	}
}

// test compiles n for whether it is true.
func (c *compiler) test(n node) func(*Frame) bool {
	switch n := n.(type) {
	case *compare:
		return c.compare(n)
	case *logic:
		l, r := c.test(n.l), c.test(n.r)
		if n.and {
			return func(f *Frame) bool { return l(f) && r(f) }
		}
		return func(f *Frame) bool { return l(f) || r(f) }
	case *not:
		of := c.test(n.of)
		return func(f *Frame) bool { return !of(f) }
	case *textTest:
		return c.textTest(n)
	}
	value := c.value(n)
	return func(f *Frame) bool { return value(f).Bool() }
}

// items compiles n for the items of a list, without making a Value of it where
// that can be avoided; false where n is no list.
func (c *compiler) items(n node) func(*Frame) ([]payload.Value, bool) {
	switch n := n.(type) {
	case *messages:
		step := n.step
		return func(f *Frame) ([]payload.Value, bool) {
			return f.upTo(len(f.messages(step))), true
		}
	case *list:
		return c.list(n)
	case *loop:
		if n.op == "filter" || n.op == "map" {
			return c.loopItems(n)
		}
	}
	value := c.value(n)
	return func(f *Frame) ([]payload.Value, bool) {
		v := value(f)
		return v.List(), v.Kind() == payload.List
	}
}

func (c *compiler) field(n *field) func(*Frame) payload.Value {
	slot, step := c.slot(n), n.ref
	var read func(*Frame) payload.Value
	switch {
	case n.of != nil:
		of := c.value(n.of)
		read = func(f *Frame) payload.Value { return f.element(step, of(f), slot) }
	case n.ref == Own:
		read = func(f *Frame) payload.Value { return f.own(slot) }
	default:
		read = func(f *Frame) payload.Value { return f.step(int(step), slot) }
	}
	if n.field.Source != Death {
		return read
	}
	name := n.field.String()
	return func(f *Frame) payload.Value {
		v := read(f)
		if v.IsUnknowable() {
			f.mark(name)
		}
		return v
	}
}

func (c *compiler) let(n *let) func(*Frame) payload.Value {
	slot, value, body := n.slot, c.value(n.value), c.value(n.body)
	return func(f *Frame) payload.Value {
		f.locals[slot] = value(f)
		return body(f)
	}
}

func (c *compiler) list(n *list) func(*Frame) ([]payload.Value, bool) {
	parts := c.values(n.items)
	return func(f *Frame) ([]payload.Value, bool) {
		if !f.room(len(parts) * valueBytes) {
			return nil, false
		}
		items := make([]payload.Value, len(parts))
		for i, part := range parts {
			items[i] = part(f)
		}
		return items, true
	}
}

func (c *compiler) values(nodes []node) []func(*Frame) payload.Value {
	values := make([]func(*Frame) payload.Value, len(nodes))
	for i, n := range nodes {
		values[i] = c.value(n)
	}
	return values
}

// object makes an Object; a key that is no text makes it nil.
func (c *compiler) object(n *object) func(*Frame) payload.Value {
	keys, values := c.values(n.keys), c.values(n.values)
	return func(f *Frame) payload.Value {
		if !f.room(len(keys) * 2 * valueBytes) {
			return payload.Value{}
		}
		members := make([]payload.Member, len(keys))
		for i := range keys {
			key := keys[i](f)
			if key.Kind() != payload.String {
				return payload.Value{}
			}
			members[i] = payload.Member{Name: key.Text(), Value: values[i](f)}
		}
		return payload.OfObject(members)
	}
}

func (c *compiler) foreign(n *foreign) func(*Frame) payload.Value {
	fn, args := n.fn, c.values(n.args)
	return func(f *Frame) payload.Value {
		given := make([]payload.Value, len(args))
		for i, arg := range args {
			given[i] = arg(f)
		}
		v, err := fn.call(f, given)
		if err != nil {
			f.fail(fmt.Errorf("%s: %w", fn.Name, err))
			return payload.Value{}
		}
		return v
	}
}

func (fn *Function) call(f *Frame, args []payload.Value) (payload.Value, error) {
	if fn.Draw != nil {
		return fn.Draw(f.Random, args)
	}
	return fn.Call(args)
}

// template renders its parts one after the other.
func (c *compiler) template(n *template) func(*Frame) payload.Value {
	parts, texts := c.values(n.parts), n.texts
	return func(f *Frame) payload.Value {
		var b strings.Builder
		for i, part := range parts {
			v := part(f)
			if v.IsNil() {
				f.fail(fmt.Errorf("${%s} is nil within a text; give it a default: ${%s ?? …}", texts[i], texts[i]))
				return payload.Value{}
			}
			text := payload.Plain(v)
			if !f.room(len(text)) {
				return payload.Value{}
			}
			b.WriteString(text)
		}
		return payload.OfString(b.String())
	}
}
