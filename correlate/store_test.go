package correlate

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestTheStoreIsAList holds chains of records against slices, while they grow
// and go. Now and then one is longer than a segment.
func TestTheStoreIsAList(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	s := newStore()
	var last [50]ref
	var want [50][][]byte
	for i := range 8_000 {
		n := rng.IntN(len(last))
		if rng.IntN(10) == 0 {
			for r := last[n]; r != 0; {
				r = s.remove(r)
			}
			last[n], want[n] = 0, nil
			continue
		}
		size := rng.IntN(300)
		if i%500 == 1 {
			size = long - 1 + rng.IntN(3)
		}
		if i%2000 == 0 {
			size = segmentSize + i
		}
		record := bytes.Repeat([]byte{byte(i)}, size)
		last[n], want[n] = s.add(last[n], record), append(want[n], record)
		if !slices.EqualFunc(recordsOf(&s, last[n]), want[n], bytes.Equal) {
			t.Fatalf("after %d steps list %d is not what was added", i, n)
		}
	}
	live := 0
	for i := range last {
		for range want[i] {
			last[i] = s.remove(last[i])
		}
		live += int(last[i])
	}
	if live != 0 || s.live != 0 || s.held > cap(s.segments[s.head].data) {
		t.Errorf("nothing is kept, and %d bytes of %d are used", s.live, s.held)
	}
}

func recordsOf(s *store, last ref) [][]byte {
	var all [][]byte
	for r := last; r != 0; {
		var record []byte
		r, record = s.get(r)
		all = append(all, record)
	}
	slices.Reverse(all)
	return all
}

// TestAFullStoreSaysSo: what would be beyond its reach is not kept.
func TestAFullStoreSaysSo(t *testing.T) {
	s := newStore()
	s.segments = make([]segment, maxSegments)
	if r := s.add(0, []byte("record")); r != 0 {
		t.Errorf("kept at %d", r)
	}
}

// TestCompactingChangesNothing: chains are the same after their records were
// copied.
func TestCompactingChangesNothing(t *testing.T) {
	fill := func(compact bool) []string {
		r := newRig(Config{Remember: 400})
		rng := rand.New(rand.NewPCG(3, 4))
		for i := range 3000 {
			m := ids(id(order, fmt.Sprint(rng.IntN(200)+i/100*100)))
			switch rng.IntN(20) {
			case 0:
				m.IDs = append(m.IDs, id(parcel, fmt.Sprint(rng.IntN(200))))
			case 1:
				m.Loose = []ID{id(batch, fmt.Sprint(i/500))}
			}
			r.add(0, m)
			if compact && i%7 == 0 {
				r.engine.compact()
			}
		}
		return r.chains()
	}
	expect(t, fill(true), fill(false)...)
}

// TestMemoryIsGivenBack: one chain that never ends keeps its own messages and no
// others.
func TestMemoryIsGivenBack(t *testing.T) {
	e := NewEngine(Config{Remember: 1000})
	for i := range 500_000 {
		m := ids(id(order, fmt.Sprint(i)))
		if i%500 == 0 {
			m.IDs[0].Value = "for ever"
		}
		m.Entry = Entry{Seq: uint64(i), Seen: Instant(i)}
		e.Add(&m)
	}
	if used := e.store.live; e.store.held > 3*used+64*segmentSize {
		t.Errorf("%d bytes hold %d", e.store.held, used)
	}
	if n := len(e.Lookup(id(order, "for ever")).Entries); n != 1000 {
		t.Errorf("%d of its messages are kept", n)
	}
}
