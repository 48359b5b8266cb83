package payload

import "github.com/flowcheck/flowcheck/message/jsonscan"

// Elem is one step of a path into a body: the name of a member, or an index
// (from 0) of a list.
type Elem struct {
	Name    string
	Index   int
	IsIndex bool
}

// Paths is a set of paths that are read in one pass over a body. It is
// immutable, and safe for concurrent use.
type Paths struct {
	root  node
	count int
}

// node is a place in a body that some path leads to or through.
type node struct {
	slots []int // of the paths that end here
	below []int // of the paths that end here or further down
	names []step
	items []step
}

// step leads from a node to the next.
type step struct {
	elem Elem
	to   *node
}

// NewPaths makes a Paths. The i-th path fills the i-th slot; the empty path is
// the body as a whole.
func NewPaths(paths [][]Elem) *Paths {
	p := &Paths{count: len(paths)}
	for slot, path := range paths {
		n := &p.root
		n.below = append(n.below, slot)
		for _, e := range path {
			n = n.next(e)
			n.below = append(n.below, slot)
		}
		n.slots = append(n.slots, slot)
	}
	return p
}

// next returns the node that e leads to, a new one if need be.
func (n *node) next(e Elem) *node {
	steps := &n.names
	if e.IsIndex {
		steps, e.Name = &n.items, ""
	} else {
		e.Index = 0
	}
	for _, s := range *steps {
		if s.elem == e {
			return s.to
		}
	}
	to := &node{}
	*steps = append(*steps, step{elem: e, to: to})
	return to
}

// Extract walks over data once, checks all of it, and fills out, which must
// have a slot for each path: nil where the path leads nowhere. Where a name is
// repeated, the last one counts. Strings without escapes share the bytes of
// data, as in Decode. The error, a *jsonscan.Error, says what is no JSON where;
// then every slot is nil.
func (p *Paths) Extract(data []byte, out []Value) error {
	end, fault := p.Scan(data, jsonscan.Space(data, 0), jsonscan.MaxDepth, out)
	if end, fault = atEnd(data, end, fault); fault != jsonscan.OK {
		clear(out[:p.count])
		return fault.At(data, end)
	}
	return nil
}

// Scan is Extract of the value that begins at i of data, and may nest depth
// levels: it returns the index behind it, and what is wrong there. The slots
// mean nothing if anything is.
func (p *Paths) Scan(data []byte, i, depth int, out []Value) (end int, fault jsonscan.Fault) {
	out = out[:p.count]
	clear(out)
	return p.root.read(data, out, i, depth)
}

// read walks over the value at i, which stands at n.
func (n *node) read(data []byte, out []Value, i, depth int) (int, jsonscan.Fault) {
	switch {
	case len(n.slots) > 0:
		v, end, fault := decode(data, i, depth)
		n.fill(v, out)
		return end, fault
	case i < len(data) && data[i] == '{' && len(n.names) > 0:
		return n.readObject(data, out, i, depth)
	case i < len(data) && data[i] == '[' && len(n.items) > 0:
		return n.readList(data, out, i, depth)
	default:
		return jsonscan.Value(data, i, depth)
	}
}

func (n *node) readObject(data []byte, out []Value, i, depth int) (int, jsonscan.Fault) {
	i, more, fault := jsonscan.Open(data, i, depth)
	for more && fault == jsonscan.OK {
		end, value, escaped, bad := jsonscan.Name(data, i)
		if bad != jsonscan.OK {
			return value, bad
		}
		if to := n.named(data[i+1:end-1], escaped); to != nil {
			to.forget(out)
			i, fault = to.read(data, out, value, depth-1)
		} else {
			i, fault = jsonscan.Value(data, value, depth-1)
		}
		if fault == jsonscan.OK {
			i, more, fault = jsonscan.Next(data, i, '}')
		}
	}
	return i, fault
}

func (n *node) readList(data []byte, out []Value, i, depth int) (int, jsonscan.Fault) {
	i, more, fault := jsonscan.Open(data, i, depth)
	for at := 0; more && fault == jsonscan.OK; at++ {
		if to := n.item(at); to != nil {
			i, fault = to.read(data, out, i, depth-1)
		} else {
			i, fault = jsonscan.Value(data, i, depth-1)
		}
		if fault == jsonscan.OK {
			i, more, fault = jsonscan.Next(data, i, ']')
		}
	}
	return i, fault
}

// named returns the node of a member's name; nil where no path goes there.
func (n *node) named(name []byte, escaped bool) *node {
	if escaped {
		var buf [64]byte
		name = jsonscan.Unescape(buf[:0], name)
	}
	for i := range n.names {
		if n.names[i].elem.Name == string(name) {
			return n.names[i].to
		}
	}
	return nil
}

func (n *node) item(at int) *node {
	for i := range n.items {
		if n.items[i].elem.Index == at {
			return n.items[i].to
		}
	}
	return nil
}

// forget clears what an earlier member of the same name has filled.
func (n *node) forget(out []Value) {
	for _, slot := range n.below {
		out[slot] = Value{}
	}
}

// fill fills the slots of n and of all below from a decoded value.
func (n *node) fill(v Value, out []Value) {
	for _, slot := range n.slots {
		out[slot] = v
	}
	for _, s := range n.names {
		s.to.fill(v.Member(s.elem.Name), out)
	}
	items := v.List()
	for _, s := range n.items {
		if 0 <= s.elem.Index && s.elem.Index < len(items) {
			s.to.fill(items[s.elem.Index], out)
		}
	}
}
