package correlate

import (
	"slices"
	"strings"
)

// list is the ids that tie a chain, or those that it has met.
type list struct {
	of  Number
	met bool
}

// narrow is how many ids of a chain are looked through. Of a chain that has more,
// as one has that an id of all messages ties together, they are known by key.
const narrow = 32

func (e *Engine) last(l list) *ref {
	if l.met {
		return &e.book.at(l.of).met
	}
	return &e.book.at(l.of).ids
}

// spelling returns how an id stands in a list, and whether it does.
func (e *Engine) spelling(l list, k key) (have string, ok bool) {
	if len(e.wide) > 0 {
		if known := e.wide[l]; known != nil {
			have, ok = known[k]
			return have, ok
		}
	}
	looked := 0
	for r := *e.last(l); r != 0 && !ok; looked++ {
		var record []byte
		r, record = e.store.get(r)
		have, ok = k.names(record)
	}
	if looked > narrow {
		e.widen(l)
	}
	return have, ok
}

// widen begins to know the ids of a list by their keys.
func (e *Engine) widen(l list) {
	known := map[key]string{}
	for _, id := range e.idsOf(nil, *e.last(l)) {
		id.Value = strings.Clone(id.Value)
		known[canonicalID(id)] = id.Value
	}
	e.wide[l] = known
}

// names reports whether the id that was packed is k, and how it is spelt.
func (k key) names(record []byte) (string, bool) {
	have := (&reader{record}).id()
	return have.Value, have.Name == k.Name && (have.Value == k.Value || canonicalID(have) == k)
}

// enlist adds an id that the list lacks.
func (e *Engine) enlist(l list, id ID, k key) {
	e.buffer = packID(e.buffer[:0], id)
	last := e.last(l)
	*last = e.store.add(*last, e.buffer)
	if len(e.wide) > 0 {
		if known := e.wide[l]; known != nil {
			k.Value = strings.Clone(k.Value)
			known[k] = strings.Clone(id.Value)
		}
	}
}

// find returns the chain that has the id, 0 where there is none. h is the id's
// hash.
func (e *Engine) find(k key, h uint32) Number {
	for n := range e.index.from(h) {
		if _, ok := e.spelling(list{of: n}, k); ok {
			return n
		}
	}
	return 0
}

// name gives the chain an id, and what has waited for it.
func (e *Engine) name(n Number, id ID) {
	k, l := canonicalID(id), list{of: n}
	if have, ok := e.spelling(l, k); ok {
		e.spell(l, have, id)
		return
	}
	e.enlist(l, id, k)
	c := e.book.at(n)
	c.remnant = c.remnant || e.remnants()
	e.index.add(k.hash(), n)
	if len(e.waiting) == 0 {
		return
	}
	if waiting, ok := e.waiting[k]; ok {
		for i := range waiting {
			e.share(n, &waiting[i])
		}
		delete(e.waiting, k)
	}
}

// spell keeps the smaller of two spellings of one id, so that the order of
// arrival does not decide how a report names the chain.
func (e *Engine) spell(l list, have string, id ID) {
	if id.Value >= have {
		return
	}
	last := e.last(l)
	ids := e.idsOf(nil, *last)
	for r := *last; r != 0; {
		r = e.store.remove(r)
	}
	*last = 0
	for _, old := range ids {
		if old.Name == id.Name && old.Value == have {
			old = id
		}
		e.buffer = packID(e.buffer[:0], old)
		*last = e.store.add(*last, e.buffer)
	}
	if known := e.wide[l]; known != nil {
		known[canonicalID(id)] = strings.Clone(id.Value)
	}
}

// idsOf appends the ids whose records end with last, in the order in which they
// came. They share the store's bytes.
func (e *Engine) idsOf(ids []ID, last ref) []ID {
	first := len(ids)
	for r := last; r != 0; {
		var record []byte
		r, record = e.store.get(r)
		ids = append(ids, (&reader{record}).id())
	}
	slices.Reverse(ids[first:])
	return ids
}
