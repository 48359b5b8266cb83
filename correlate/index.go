package correlate

import "github.com/cespare/xxhash/v2"

// index finds chains by their ids. It is keyed by a hash, which is half the size
// and twice the speed of one keyed by the id; what a hash finds is looked at, so
// that two ids with one hash stay two: the second of them is in exact.
type index struct {
	byHash map[uint64]*Chain
	exact  map[key]*Chain
}

func newIndex() index {
	return index{byHash: map[uint64]*Chain{}, exact: map[key]*Chain{}}
}

func (k key) hash() uint64 {
	return xxhash.Sum64String(k.Value) ^ uint64(k.Name)*0x9e3779b97f4a7c15
}

// find returns the chain that has the id, nil where there is none.
func (x *index) find(k key) *Chain {
	c := x.byHash[k.hash()]
	if c == nil {
		return nil
	}
	if c = c.root(); c.named(k) {
		return c
	}
	if c = x.exact[k]; c == nil {
		return nil
	}
	return c.root()
}

// set gives the id to the chain. No other chain may have it.
func (x *index) set(k key, c *Chain) {
	h := k.hash()
	if have := x.byHash[h]; have != nil && !have.root().named(k) {
		x.exact[k] = c
		return
	}
	x.byHash[h] = c
}

// remove takes the id away from the chain.
func (x *index) remove(k key, c *Chain) {
	h := k.hash()
	if have := x.byHash[h]; have != nil && have.root() == c && x.exact[k] == nil {
		delete(x.byHash, h)
		return
	}
	delete(x.exact, k)
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
