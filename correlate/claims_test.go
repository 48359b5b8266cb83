package correlate

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// TestAClaimKnowsItsChain holds the names that claims have of chains against
// those that Engine.Name gave, while chains are joined, let go of and packed
// together.
func TestAClaimKnowsItsChain(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	r := newRig(Config{Remember: 3 * time.Second})
	claims := r.engine.NewClaims()
	type want struct {
		key   string
		entry Entry
		name  *Chain
	}
	var open []want
	for i := range 12_000 {
		m := ids(id(order, fmt.Sprint(i/8+rng.IntN(40))))
		if rng.IntN(8) == 0 {
			m.IDs = append(m.IDs, id(order, fmt.Sprint(i/8+rng.IntN(40))), id(parcel, fmt.Sprint(i/100)))
		}
		m.Entry = Entry{Time: Instant(i), Step: 1, Body: uint64(i), Key: 3, HasKey: true}
		n := r.add(time.Duration(i)*time.Millisecond, m)
		w := want{key: fmt.Sprintf("%d %s", i, m.IDs[0].Value), entry: m.Entry}
		w.entry.Seen = Instant(time.Duration(i) * time.Millisecond)
		w.entry.Seq = 0
		if rng.IntN(5) == 0 {
			n = 0
		} else {
			w.name = r.engine.Name(n)
		}
		if !claims.Add(HashOfKey(w.key), w.key, &w.entry, n) {
			t.Fatal("no room")
		}
		open = append(open, w)
		if i == 5_000 {
			r.engine.compact()
		}
		if rng.IntN(3) > 0 {
			continue
		}
		at := rng.IntN(len(open))
		w = open[at]
		open[at] = open[len(open)-1]
		open = open[:len(open)-1]
		c, ok := claims.Find(HashOfKey(w.key), w.key)
		if !ok || c.Left() {
			t.Fatalf("claim %q: found %v", w.key, ok)
		}
		entry, chain := c.Leave()
		if !reflect.DeepEqual(entry, w.entry) || (chain == nil) != (w.name == nil) {
			t.Fatalf("claim %q: %+v of %v, want %+v of %v", w.key, entry, chain, w.entry, w.name)
		}
		if chain != nil && !reflect.DeepEqual(r.engine.NamesOf(chain), r.engine.NamesOf(w.name)) {
			t.Fatalf("claim %q: its chain is called %v, want %v", w.key, r.engine.NamesOf(chain), r.engine.NamesOf(w.name))
		}
		if c, _ = claims.Find(HashOfKey(w.key), w.key); !c.Left() {
			t.Fatalf("claim %q was not left", w.key)
		}
	}
	if _, ok := claims.Find(HashOfKey("none"), "none"); ok {
		t.Error("a claim that nobody made")
	}
	claims.Clear()
	r.engine.Tick(Instant(time.Hour))
	if e := r.engine; claims.Len() != 0 || len(e.tags.free)+1 != len(e.tags.all) || e.store.live != 0 {
		t.Errorf("%d claims, %d tags of %d are free, %d bytes are kept", claims.Len(), len(e.tags.free), len(e.tags.all)-1, e.store.live)
	}
}
