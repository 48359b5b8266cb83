package correlate

import (
	"iter"

	"github.com/cespare/xxhash/v2"
)

// index finds chains by the hashes of their ids: a table with linear probing,
// one place in memory for each look. Whether a chain that has the hash has the id
// as well is for the caller to see.
type index struct {
	slots []slot // a power of two, at most three quarters of them used
	used  int
}

// slot is empty where it has no chain.
type slot struct {
	hash  uint32
	chain Number
}

const firstSlots = 64

func newIndex() index { return index{slots: make([]slot, firstSlots)} }

func (k key) hash() uint32 {
	h := xxhash.Sum64String(k.Value) ^ uint64(k.Name)*0x9e3779b97f4a7c15
	return uint32(h ^ h>>32)
}

// home is where a slot of the hash is looked for first.
func (x *index) home(hash uint32) uint32 { return hash & uint32(len(x.slots)-1) }

// from iterates over the chains that may have an id of the hash.
func (x *index) from(hash uint32) iter.Seq[Number] {
	return func(yield func(Number) bool) {
		mask := uint32(len(x.slots) - 1)
		for i := hash & mask; x.slots[i].chain != 0; i = (i + 1) & mask {
			if x.slots[i].hash == hash && !yield(x.slots[i].chain) {
				return
			}
		}
	}
}

// add gives an id of the hash to the chain.
func (x *index) add(hash uint32, n Number) {
	if x.used++; x.used > len(x.slots)/4*3 {
		x.grow()
	}
	x.put(slot{hash, n})
}

func (x *index) put(s slot) {
	mask := uint32(len(x.slots) - 1)
	i := s.hash & mask
	for x.slots[i].chain != 0 {
		i = (i + 1) & mask
	}
	x.slots[i] = s
}

func (x *index) grow() {
	old := x.slots
	x.slots = make([]slot, 2*len(old))
	for _, s := range old {
		if s.chain != 0 {
			x.put(s)
		}
	}
}

// remove takes an id of the hash away from the chain, which has one.
func (x *index) remove(hash uint32, n Number) {
	mask := uint32(len(x.slots) - 1)
	hole := hash & mask
	for x.slots[hole] != (slot{hash, n}) {
		if x.slots[hole].chain == 0 {
			return
		}
		hole = (hole + 1) & mask
	}
	// What stands behind the hole and would not be found beyond it moves up.
	for i := (hole + 1) & mask; x.slots[i].chain != 0; i = (i + 1) & mask {
		home := x.slots[i].hash & mask
		if (i-home)&mask >= (i-hole)&mask {
			x.slots[hole] = x.slots[i]
			hole = i
		}
	}
	x.slots[hole] = slot{}
	x.used--
}
