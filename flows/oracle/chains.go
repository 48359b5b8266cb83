package oracle

import (
	"slices"
)

// chain is all that belongs to one run through the flow.
type chain struct {
	names map[id]bool // canonical ids, without the spelling
	label string
	msgs  []*msg
	met   map[id]bool
}

func (i id) bare() id { return id{name: i.name, value: i.value} }

// chains ties the messages: first the ids that stand together in one message,
// then each message to where its ids are.
func (w *world) chains() []*chain {
	var all []*chain
	tie := func(ids []id) {
		one := &chain{names: map[id]bool{}, met: map[id]bool{}}
		for _, i := range ids {
			one.names[i.bare()] = true
		}
		rest := all[:0:0]
		for _, c := range all {
			if !c.any(ids) {
				rest = append(rest, c)
				continue
			}
			for n := range c.names {
				one.names[n] = true
			}
		}
		all = append(rest, one)
	}
	for _, m := range w.msgs {
		if len(m.ids) > 0 {
			tie(m.ids)
		}
		if w.opens(m) {
			for _, i := range m.listed {
				tie([]id{i})
			}
		}
	}
	for _, m := range w.msgs {
		for _, c := range all {
			if len(m.ids) > 0 && c.any(m.ids) {
				for _, i := range m.loose {
					c.met[i.bare()] = true
				}
			}
		}
	}
	for _, m := range w.msgs {
		for _, c := range all {
			if (m.step >= 0 || m.stray != "") && c.has(m) {
				c.msgs = append(c.msgs, m)
			}
		}
	}
	for _, c := range all {
		c.label = w.label(c)
	}
	return all
}

// opens reports whether the message's listed ids begin chains.
func (w *world) opens(m *msg) bool { return m.step >= 0 && len(w.flow.Steps[m.step].After) == 0 }

func (c *chain) any(ids []id) bool {
	return slices.ContainsFunc(ids, func(i id) bool { return c.names[i.bare()] })
}

func (c *chain) has(m *msg) bool {
	if c.any(m.ids) || c.any(m.listed) {
		return true
	}
	return len(m.ids) == 0 && slices.ContainsFunc(m.loose, func(i id) bool { return c.met[i.bare()] })
}

// label is the value of the chain's first id, in the order of correlate: of
// several values, and of several spellings of one, the smallest.
func (w *world) label(c *chain) string {
	for name := range w.flow.IDs {
		label, found := "", false
		for _, m := range w.msgs {
			ids := m.ids
			if w.opens(m) {
				ids = append(slices.Clone(ids), m.listed...)
			}
			for _, i := range ids {
				if i.name == name && c.names[i.bare()] && (!found || i.spelt < label) {
					label, found = i.spelt, true
				}
			}
		}
		if found {
			return label
		}
	}
	return ""
}
