package correlate

import (
	"strings"
)

// group is the chains that have met a loose id, and the messages that join them.
type group struct {
	chains  []Number
	at      map[Number]int // of each in chains
	entries []Entry
}

func (g *group) add(n Number) {
	if _, ok := g.at[n]; ok {
		return
	}
	g.at[n] = len(g.chains)
	g.chains = append(g.chains, n)
}

func (g *group) remove(n Number) {
	i, ok := g.at[n]
	if !ok {
		return
	}
	last := len(g.chains) - 1
	g.chains[i] = g.chains[last]
	g.at[g.chains[i]] = i
	g.chains = g.chains[:last]
	delete(g.at, n)
}

// address puts a message into the chain of a listed id, or lets it wait. It
// reports whether there was a chain.
func (e *Engine) address(id ID, m *Message) bool {
	k := canonicalID(id)
	h := k.hash()
	n := e.find(k, h)
	switch {
	case n != 0:
		if m.Opens {
			e.name(n, id)
		}
	case m.Opens:
		n = e.tie([]ID{id}, h)
	default:
		k.Value = strings.Clone(k.Value)
		entry := m.Entry
		entry.keep()
		e.waiting[k] = append(e.waiting[k], entry)
		return false
	}
	e.share(n, &m.Entry)
	e.grow(n)
	return true
}

// meet handles a loose id. It reports whether the message found a chain by it.
func (e *Engine) meet(id ID, m *Message, own Number) bool {
	k := canonicalID(id)
	g := e.loose[k]
	if g == nil {
		g = &group{at: map[Number]int{}}
		k.Value = strings.Clone(k.Value)
		e.loose[k] = g
	}
	if own == 0 {
		entry := m.Entry
		entry.keep()
		g.entries = append(g.entries, entry)
		for _, n := range g.chains {
			e.share(n, &m.Entry)
			e.grow(n)
		}
		return len(g.chains) > 0
	}
	if e.met(own, id, k) {
		return true
	}
	g.add(own)
	for i := range g.entries {
		e.share(own, &g.entries[i])
	}
	return true
}

// met notes that the chain has met the loose id, and reports whether it had
// before. Of two spellings of one it keeps the smaller.
func (e *Engine) met(n Number, id ID, k key) bool {
	l := list{n, true}
	if have, ok := e.spelling(l, k); ok {
		e.spell(l, have, id)
		return true
	}
	e.enlist(l, id, k)
	c := e.book.at(n)
	c.remnant = c.remnant || e.remnants()
	return false
}

// merge makes one chain of two and returns it.
func (e *Engine) merge(a, b Number) Number {
	if e.book.at(a).count < e.book.at(b).count {
		a, b = b, a
	}
	if e.cfg.Merged != nil {
		e.cfg.Merged(a, b)
	}
	to, from := e.book.at(a), e.book.at(b)
	var gone Chain
	e.unpack(b, &gone)
	for i := range gone.Entries {
		if to.shared || from.shared {
			e.share(a, &gone.Entries[i])
		} else {
			e.put(a, &gone.Entries[i])
		}
	}
	to.full, to.remnant = to.full || from.full, to.remnant || from.remnant
	to.touched = max(to.touched, from.touched)
	for _, id := range gone.IDs {
		k := canonicalID(id)
		h := k.hash()
		e.index.remove(h, b)
		e.index.add(h, a)
		e.enlist(list{of: a}, id, k)
	}
	for _, id := range gone.Met {
		k := canonicalID(id)
		e.met(a, id, k)
		e.loose[k].remove(b)
		e.loose[k].add(a)
	}
	if name := e.names[b]; name != nil {
		name.parent = e.Name(a)
		delete(e.names, b)
	}
	e.retag(a, b)
	e.remove(b)
	return a
}
