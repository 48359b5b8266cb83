package correlate

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestAChainOfManyIDs ties all messages by one id, as a flow does that correlates by
// the tenant: the chain's ids are known by key then, in their smallest spelling.
func TestAChainOfManyIDs(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	r := newRig(Config{Remember: time.Hour})
	spelt := func(i int) string {
		s := fmt.Sprintf("2f1b7a52-9f3c-4f0e-8b37-0123456%05x", i)
		return []string{s, strings.ToUpper(s), strings.ReplaceAll(s, "-", ""), "{" + s + "}"}[rng.IntN(4)]
	}
	want := [2]map[ID]string{{}, {}} // by spelling as one: ties, met
	note := func(to map[ID]string, id ID) {
		k := Canonical(id)
		if have, ok := to[k]; !ok || id.Value < have {
			to[k] = id.Value
		}
	}
	last := Number(0)
	for i := range 3000 {
		m := ids(id(order, spelt(rng.IntN(400))))
		if i < 1500 { // two wide chains at first
			m.IDs = append(m.IDs, id(parcel, fmt.Sprint("tenant", i%2)))
		} else {
			m.IDs = append(m.IDs, id(parcel, "tenant0"), id(parcel, "tenant1"))
		}
		if i%2 == 0 && i < 1500 {
			m.IDs[0] = id(order, spelt(400+rng.IntN(400)))
		}
		if i%5 == 0 {
			m.Loose = []ID{id(batch, spelt(rng.IntN(100)))}
			note(want[1], m.Loose[0])
		}
		for _, one := range m.IDs {
			note(want[0], one)
		}
		last = r.add(0, m)
	}
	r.engine.Tick(0)
	if r.engine.Len() != 1 || len(r.engine.wide) != 2 {
		t.Fatalf("%d chains, %d long lists", r.engine.Len(), len(r.engine.wide))
	}
	c := r.engine.Show(last)
	for i, have := range [2][]ID{c.IDs, c.Met} {
		got := map[ID]string{}
		for _, one := range have {
			got[Canonical(one)] = one.Value
		}
		if len(got) != len(have) || !maps.Equal(got, want[i]) {
			t.Errorf("list %d: %d ids of which %d are different, %d wanted", i, len(have), len(got), len(want[i]))
		}
	}
	if r.engine.Lookup(id(order, strings.ToUpper(spelt(7)))) == nil || r.engine.Lookup(id(order, "nobody")) != nil {
		t.Error("an id leads elsewhere")
	}
	r.engine.Tick(Instant(3 * time.Hour))
	if r.engine.Len() != 0 || len(r.engine.wide) != 0 {
		t.Errorf("%d chains and %d long lists are left", r.engine.Len(), len(r.engine.wide))
	}
}
