package correlate

import (
	"strings"

	"github.com/cespare/xxhash/v2"
)

// index finds chains by their ids. It is a table of hashes with linear probing:
// one place in memory for each look, where a map has three. What a hash finds is
// looked at, so that two ids with one hash stay two: the second of them is in
// exact.
type index struct {
	slots []slot // a power of two, at most three quarters of them used
	used  int
	exact map[key]*Chain
}

// slot is empty where it has no chain.
type slot struct {
	hash  uint64
	chain *Chain
}

const firstSlots = 64

func newIndex() index {
	return index{slots: make([]slot, firstSlots), exact: map[key]*Chain{}}
}

func (k key) hash() uint64 {
	return xxhash.Sum64String(k.Value) ^ uint64(k.Name)*0x9e3779b97f4a7c15
}

// at returns the slot that has the hash, or the empty one where it belongs.
func (x *index) at(hash uint64) int {
	mask := len(x.slots) - 1
	i := int(hash) & mask
	for x.slots[i].chain != nil && x.slots[i].hash != hash {
		i = (i + 1) & mask
	}
	return i
}

// find returns the chain that has the id, nil where there is none.
func (x *index) find(k key) *Chain {
	if c := x.slots[x.at(k.hash())].chain; c != nil {
		if c = c.root(); c.named(k) {
			return c
		}
	}
	if c := x.exact[k]; c != nil {
		return c.root()
	}
	return nil
}

// set gives the id to the chain. No other chain may have it.
func (x *index) set(k key, c *Chain) {
	h := k.hash()
	s := &x.slots[x.at(h)]
	switch {
	case s.chain == nil:
		*s = slot{h, c}
		if x.used++; x.used > len(x.slots)/4*3 {
			x.grow()
		}
	case s.chain.root().named(k):
		s.chain = c
	default:
		k.Value = strings.Clone(k.Value)
		x.exact[k] = c
	}
}

func (x *index) grow() {
	old := x.slots
	x.slots = make([]slot, 2*len(old))
	for _, s := range old {
		if s.chain != nil {
			x.slots[x.at(s.hash)] = s
		}
	}
}

// remove takes the id away from the chain.
func (x *index) remove(k key, c *Chain) {
	i := x.at(k.hash())
	if have := x.slots[i].chain; have != nil && have.root() == c && x.exact[k] == nil {
		x.empty(i)
		return
	}
	delete(x.exact, k)
}

// empty empties a slot, and moves up what stands behind it and would not be
// found beyond a hole.
func (x *index) empty(hole int) {
	mask := len(x.slots) - 1
	for i := (hole + 1) & mask; x.slots[i].chain != nil; i = (i + 1) & mask {
		home := int(x.slots[i].hash) & mask
		if (i-home)&mask >= (i-hole)&mask {
			x.slots[hole] = x.slots[i]
			hole = i
		}
	}
	x.slots[hole] = slot{}
	x.used--
}

// named reports whether the chain has the id.
func (c *Chain) named(k key) bool {
	for i := range c.IDs {
		if c.IDs[i].Name == k.Name && (c.IDs[i].Value == k.Value || canonicalID(c.IDs[i]) == k) {
			return true
		}
	}
	return false
}
