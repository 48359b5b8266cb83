package correlate

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// Claims remembers, for each of many keys, the message that had it first and that
// message's chain: in some seventy bytes, the key included, and without anything
// for the garbage collector. The zero value is none; it is for the goroutine of
// its engine.
type Claims struct {
	engine *Engine
	index  index // by hashes of keys; what it finds are refs
	store  store
	base   Instant
	buffer []byte
}

// Claim is one of them.
type Claim struct {
	in *Claims
	at ref
}

// A record is the chain's tag, whether the claim was left, the key and the entry.
const (
	claimTag  = 0
	claimLeft = 4
	claimKey  = 5
)

// NewClaims returns an empty one for the engine's chains.
func (e *Engine) NewClaims() *Claims {
	return &Claims{engine: e, index: newIndex(), store: newStore(), base: Never}
}

// Len is the number of keys.
func (c *Claims) Len() int { return c.index.used }

// Expect brings into the caches what Find needs.
func (c *Claims) Expect(hash uint32) {
	c.engine.expected ^= byte(c.index.slots[c.index.home(hash)].hash)
}

// HashOfKey is the hash by which Claims finds a key.
func HashOfKey(key string) uint32 {
	h := xxhash.Sum64String(key)
	return uint32(h ^ h>>32)
}

// Find returns the claim to a key, which has the hash.
func (c *Claims) Find(hash uint32, key string) (Claim, bool) {
	for n := range c.index.from(hash) {
		_, record := c.store.get(ref(n))
		r := reader{record[claimKey:]}
		if r.text() == key {
			return Claim{c, ref(n)}, true
		}
	}
	return Claim{}, false
}

// Add notes who has claimed a key, which nobody had. What few entries have, and
// their fields, are left out. It reports false where there is no more room.
func (c *Claims) Add(hash uint32, key string, e *Entry, chain Number) bool {
	if c.base == Never {
		c.base = e.Seen
	}
	var t Tag
	if chain != 0 {
		t = c.engine.Tag(chain)
	}
	own := *e
	own.Seq, own.Fields, own.Detail = 0, nil, nil
	b := append(binary.LittleEndian.AppendUint32(c.buffer[:0], uint32(t)), 0)
	c.buffer = packEntry(packText(b, key), &own, c.base)
	at := c.store.add(0, c.buffer)
	if at == 0 {
		c.engine.Untag(t)
		return false
	}
	c.index.add(hash, Number(at))
	return true
}

// Left reports whether the claim was left.
func (c Claim) Left() bool {
	_, record := c.in.store.get(c.at)
	return record[claimLeft] != 0
}

// Leave leaves the claim, whose key remains known: it returns the entry, and the
// name of its chain, nil where it had none.
func (c Claim) Leave() (e Entry, chain *Chain) {
	_, record := c.in.store.get(c.at)
	if t := c.tag(record); t != 0 {
		chain = c.in.engine.Tagged(t)
		c.in.engine.Untag(t)
	}
	binary.LittleEndian.PutUint32(record[claimTag:], 0)
	record[claimLeft] = 1
	r := reader{record[claimKey:]}
	r.text()
	r.entry(&e, c.in.base, nil)
	e.keep()
	return e, chain
}

func (c Claim) tag(record []byte) Tag { return Tag(binary.LittleEndian.Uint32(record[claimTag:])) }

// Clear forgets all claims, and gives the tags back.
func (c *Claims) Clear() {
	for r := range c.store.all() {
		_, record := c.store.get(r)
		c.engine.Untag(Claim{}.tag(record))
	}
	c.index, c.store, c.base = newIndex(), newStore(), Never
}
