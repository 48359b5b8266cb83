package compare

import (
	"cmp"
	"encoding/binary"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"

	"github.com/flowcheck/flowcheck/correlate"
)

// Pairing says which chain of one set is which of another.
type Pairing struct {
	// Pairs are by the index of the chain that was.
	Pairs []Pair
	// OnlyWas and OnlyNow have no like.
	OnlyWas, OnlyNow []*Chain
	// ByIDs and ByTrigger count how the pairs were found.
	ByIDs, ByTrigger int
	// Fresh are fields of triggers of which no value is in both sets, so that
	// pairing by triggers left them out: "placed body.at".
	Fresh []string
}

// Pair is a chain and its like.
type Pair struct{ Was, Now *Chain }

// Pairs finds the pairs: chains with an id in common; and of the rest those whose
// triggers say the same but for ids, noise, and fields that are fresh in each
// recording. Of several with the same trigger the first is the first's.
func (c *Comparer) Pairs(was, now *Set) *Pairing { return c.pairs(was, now, nil) }

// Renamed says which value an id of the one side has on the other.
type Renamed func(value string) string

// pairs is Pairs where the ids have been renamed; nil: they are the same.
func (c *Comparer) pairs(was, now *Set, renamed Renamed) *Pairing {
	p := &Pairing{}
	left := p.byIDs(was, now, renamed)
	if renamed == nil {
		c.byTrigger(p, left)
	} else {
		p.OnlyWas, p.OnlyNow = left[0], left[1]
	}
	slices.SortFunc(p.Pairs, func(a, b Pair) int { return strings.Compare(a.Was.Name, b.Was.Name) })
	return p
}

// byIDs pairs chains with an id in common, and returns the rest of both sets.
func (p *Pairing) byIDs(was, now *Set, renamed Renamed) (left [2][]*Chain) {
	index := make(map[correlate.ID]int32, len(was.chains))
	for i := range was.chains {
		for _, id := range was.chains[i].IDs {
			if renamed != nil {
				id.Value = renamed(id.Value)
			}
			index[correlate.Canonical(id)] = int32(i)
		}
	}
	taken := make([]bool, len(was.chains))
	for i := range now.chains {
		n := &now.chains[i]
		found := false
		for _, id := range n.IDs {
			at, ok := index[correlate.Canonical(id)]
			if !ok || taken[at] {
				continue
			}
			p.Pairs = append(p.Pairs, Pair{&was.chains[at], n})
			taken[at], found = true, true
			p.ByIDs++
			break
		}
		if !found {
			left[1] = append(left[1], n)
		}
	}
	for i := range was.chains {
		if !taken[i] {
			left[0] = append(left[0], &was.chains[i])
		}
	}
	return left
}

// trigger is a message that begins a chain, its ids as what they stand for.
type trigger struct {
	kind   kind
	fields []field
}

// triggers are the messages of steps that follow none; they are good until the next
// call.
func (c *Comparer) triggers(chain *Chain) []trigger {
	c.begun, c.fields = c.begun[:0], c.fields[:0]
	rename := &c.renamers[0]
	for i := range chain.messages {
		m := &chain.messages[i]
		if m.step == correlate.NoStep || len(c.flow.Steps[m.step].After) > 0 {
			continue
		}
		if len(c.begun) == 0 {
			rename.reset(c.flow, chain)
		}
		from := len(c.fields)
		c.fields = c.take.append(c.fields, chain.set, m)
		t := trigger{kind: m.kind(), fields: c.fields[from:len(c.fields):len(c.fields)]}
		for i := range t.fields {
			t.fields[i].value = rename.value(t.fields[i].value)
		}
		c.begun = append(c.begun, t)
	}
	return c.begun
}

// fieldKey is a field of a sort of message.
type fieldKey struct {
	kind kind
	path string
}

// byTrigger pairs what has no id in common.
func (c *Comparer) byTrigger(p *Pairing, left [2][]*Chain) {
	was, now := left[0], left[1]
	if len(was) == 0 || len(now) == 0 {
		p.OnlyWas, p.OnlyNow = was, now
		return
	}
	fresh := c.fresh(was, now)
	for k := range fresh {
		p.Fresh = append(p.Fresh, c.label(k.kind)+" "+k.path)
	}
	slices.Sort(p.Fresh)
	byFirst := func(a, b *Chain) int { return cmp.Compare(a.first(), b.first()) }
	slices.SortStableFunc(was, byFirst)
	slices.SortStableFunc(now, byFirst)
	waiting := map[uint64][]*Chain{}
	prints := c.prints(was, fresh)
	for i, w := range was {
		if k := prints[i]; k != 0 {
			waiting[k] = append(waiting[k], w)
		} else {
			p.OnlyWas = append(p.OnlyWas, w)
		}
	}
	prints = c.prints(now, fresh)
	for i, n := range now {
		k := prints[i]
		if all := waiting[k]; k != 0 && len(all) > 0 {
			p.Pairs = append(p.Pairs, Pair{all[0], n})
			waiting[k] = all[1:]
			p.ByTrigger++
			continue
		}
		p.OnlyNow = append(p.OnlyNow, n)
	}
	for _, all := range waiting {
		p.OnlyWas = append(p.OnlyWas, all...)
	}
	slices.SortFunc(p.OnlyWas, func(a, b *Chain) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(p.OnlyNow, func(a, b *Chain) int { return strings.Compare(a.Name, b.Name) })
}

// first is the chain's first time.
func (c *Chain) first() correlate.Instant {
	first := correlate.Never
	for i := range c.messages {
		at := c.messages[i].at()
		if first == correlate.Never || at < first {
			first = at
		}
	}
	return first
}

func (m *held) at() correlate.Instant {
	if m.time.Known() {
		return m.time
	}
	return m.seen
}

// maxValues bounds the values of a field that are looked at for freshness.
const maxValues = 1 << 16

// fresh finds the fields of triggers that have no value in common: both sets
// have some, and none twice.
func (c *Comparer) fresh(was, now []*Chain) map[fieldKey]bool {
	values := map[fieldKey]map[uint64]bool{}
	for _, w := range was {
		for _, t := range c.triggers(w) {
			for _, f := range t.fields {
				k := fieldKey{t.kind, f.path}
				if values[k] == nil {
					values[k] = map[uint64]bool{}
				}
				if len(values[k]) < maxValues {
					values[k][xxhash.Sum64(f.value)] = true
				}
			}
		}
	}
	fresh := map[fieldKey]bool{}
	for _, n := range now {
		for _, t := range c.triggers(n) {
			for _, f := range t.fields {
				k := fieldKey{t.kind, f.path}
				if values[k] == nil {
					continue
				}
				common, seen := fresh[k]
				fresh[k] = (!seen || common) && !values[k][xxhash.Sum64(f.value)]
			}
		}
	}
	for k, is := range fresh {
		if !is {
			delete(fresh, k)
		}
	}
	return fresh
}

// prints are those of all chains, made on as many goroutines as there are cores.
func (c *Comparer) prints(all []*Chain, fresh map[fieldKey]bool) []uint64 {
	prints, n := make([]uint64, len(all)), runtime.GOMAXPROCS(0)
	var group sync.WaitGroup
	for part := range n {
		group.Go(func() {
			one := New(c.flow)
			for i := len(all) * part / n; i < len(all)*(part+1)/n; i++ {
				prints[i] = one.print(all[i], fresh)
			}
		})
	}
	group.Wait()
	return prints
}

// print is a hash of what a chain's triggers say; 0 for a chain without any.
func (c *Comparer) print(chain *Chain, fresh map[fieldKey]bool) uint64 {
	h := xxhash.New()
	n := 0
	var number [4]byte
	for _, t := range c.triggers(chain) {
		n++
		binary.LittleEndian.PutUint16(number[:], uint16(t.kind.step))
		binary.LittleEndian.PutUint16(number[2:], uint16(t.kind.channel))
		_, _ = h.Write(number[:])
		for _, f := range t.fields {
			if fresh[fieldKey{t.kind, f.path}] || c.isNamed(t.kind, f.path) {
				continue
			}
			_, _ = h.WriteString(f.path)
			_, _ = h.Write([]byte{0})
			_, _ = h.Write(f.value)
			_, _ = h.Write([]byte{0})
		}
	}
	if n == 0 {
		return 0
	}
	return h.Sum64() | 1
}
