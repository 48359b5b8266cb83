package correlate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/message"
)

const (
	order uint16 = iota
	parcel
	batch
)

// rig feeds an engine with messages that are named by their sequence numbers.
type rig struct {
	engine *Engine
	done   []string
	seq    uint64
}

func newRig(cfg Config) *rig {
	r := &rig{}
	cfg.Done = func(c *Chain, early bool) bool {
		text := show(c)
		if early {
			text += " early"
		}
		r.done = append(r.done, text)
		return false
	}
	r.engine = NewEngine(cfg)
	return r
}

func show(c *Chain) string {
	var seqs []uint64
	for i := range c.Entries {
		seqs = append(seqs, c.Entries[i].Seq)
	}
	slices.Sort(seqs)
	return fmt.Sprint(seqs)
}

func (r *rig) add(seen time.Duration, m Message) Number {
	r.seq++
	m.Entry.Seq, m.Entry.Seen, m.Entry.Time = r.seq, Instant(seen), Instant(seen)
	return r.engine.Add(&m)
}

// chains closes the engine and returns each chain's messages.
func (r *rig) chains() []string {
	r.engine.Close(nil)
	slices.Sort(r.done)
	return r.done
}

func id(name uint16, value string) ID { return ID{Name: name, Value: value} }

func ids(all ...ID) Message { return Message{IDs: all} }

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("chains %v, want %v", got, want)
	}
}

func TestIDsOfOneNameTie(t *testing.T) {
	r := newRig(Config{})
	r.add(0, ids(id(order, "1")))
	r.add(1, ids(id(order, "2")))
	r.add(2, ids(id(order, "1")))
	expect(t, r.chains(), "[1 3]", "[2]")
}

func TestTheSameValueUnderAnotherNameDoesNotTie(t *testing.T) {
	r := newRig(Config{})
	r.add(0, ids(id(order, "1")))
	r.add(1, ids(id(parcel, "1")))
	expect(t, r.chains(), "[1]", "[2]")
}

func TestAMessageWithTwoIDsJoinsTheirChains(t *testing.T) {
	r := newRig(Config{})
	r.add(0, ids(id(order, "1")))
	r.add(1, ids(id(parcel, "1")))
	r.add(2, ids(id(parcel, "2")))
	name := r.engine.Name(r.add(3, ids(id(order, "1"), id(parcel, "1"))))
	other := r.engine.Name(r.add(4, ids(id(parcel, "2"))))
	r.add(5, ids(id(parcel, "2"), id(parcel, "1")))
	if got := show(r.engine.Lookup(id(order, "1"))); got != "[1 2 3 4 5 6]" {
		t.Errorf("an id of a merged chain leads to %s", got)
	}
	if n := r.engine.Len(); n != 1 {
		t.Errorf("%d chains are kept", n)
	}
	if one, two := r.engine.NamesOf(name), r.engine.NamesOf(other); len(one) != 3 || len(two) != 3 {
		t.Errorf("the chain is called %v and %v", one, two)
	}
	expect(t, r.chains(), "[1 2 3 4 5 6]")
	if name.Current() != other.Current() || len(name.Current().IDs) != 3 {
		t.Errorf("the chain is called %v and %v", name.Current().IDs, other.Current().IDs)
	}
}

func TestUUIDsTieWhicheverWayTheyAreSpelt(t *testing.T) {
	r := newRig(Config{})
	for _, spelling := range []string{
		"2f1b7a52-9f3c-4f0e-8b37-0123456789ab", "2F1B7A52-9F3C-4F0E-8B37-0123456789AB",
		"urn:uuid:2f1b7a52-9f3c-4f0e-8b37-0123456789ab", "{2f1b7a52-9f3c-4f0e-8b37-0123456789ab}",
		"2f1b7a529f3c4f0e8b370123456789ab",
	} {
		r.add(0, ids(id(order, spelling)))
	}
	r.add(1, ids(id(order, "2f1b7a52-9f3c-4f0e-8b37-0123456789ac")))
	r.add(2, ids(id(order, "2f1b7a52-9f3c-4f0e-8b370-123456789ab"))) // dashes elsewhere: no UUID
	expect(t, r.chains(), "[1 2 3 4 5]", "[6]", "[7]")
}

func TestTheSpellingDoesNotDependOnTheOrder(t *testing.T) {
	upper, lower := "2F1B7A52-9F3C-4F0E-8B37-0123456789AB", "2f1b7a52-9f3c-4f0e-8b37-0123456789ab"
	for _, spellings := range [][2]string{{upper, lower}, {lower, upper}} {
		r := newRig(Config{})
		r.add(0, ids(id(order, spellings[0])))
		n := r.add(1, ids(id(order, spellings[1])))
		if got := r.engine.IDs(n)[0].Value; got != upper {
			t.Errorf("%v: named %s", spellings, got)
		}
	}
}

func TestListedIDsPutAMessageIntoEachChain(t *testing.T) {
	r := newRig(Config{})
	r.add(0, ids(id(order, "1")))
	r.add(1, Message{Listed: []ID{id(order, "1"), id(order, "2"), id(order, "3")}})
	r.add(2, ids(id(order, "2")))
	expect(t, r.chains(), "[1 2]", "[2 3]")
}

func TestListedIDsOfAnOpenerBeginChains(t *testing.T) {
	r := newRig(Config{})
	r.add(0, Message{Listed: []ID{id(order, "1"), id(order, "2")}, Opens: true})
	r.add(1, ids(id(order, "2")))
	expect(t, r.chains(), "[1 2]", "[1]")
}

func TestASharedMessageIsInAMergedChainOnce(t *testing.T) {
	r := newRig(Config{})
	r.add(0, ids(id(order, "1")))
	r.add(1, ids(id(order, "2")))
	r.add(2, Message{Listed: []ID{id(order, "1"), id(order, "2")}})
	r.add(3, ids(id(order, "1"), id(order, "2")))
	expect(t, r.chains(), "[1 2 3 4]")
}

func TestLooseIDsJoinWhatHasMetThem(t *testing.T) {
	r := newRig(Config{})
	r.add(0, Message{IDs: []ID{id(order, "1")}, Loose: []ID{id(batch, "b")}})
	r.add(1, Message{Loose: []ID{id(batch, "b")}})
	r.add(2, Message{IDs: []ID{id(order, "2")}, Loose: []ID{id(batch, "b")}})
	r.add(3, Message{IDs: []ID{id(order, "3")}})
	r.add(4, Message{Loose: []ID{id(batch, "c")}})
	var unplaced []uint64
	for e := range r.engine.Unplaced {
		unplaced = append(unplaced, e.Seq)
	}
	if !slices.Equal(unplaced, []uint64{5}) {
		t.Errorf("in no chain: %v", unplaced)
	}
	expect(t, r.chains(), "[1 2]", "[2 3]", "[4]")
}

func TestAMergedChainKeepsWhatEitherHasMet(t *testing.T) {
	r := newRig(Config{})
	r.add(0, Message{IDs: []ID{id(order, "1")}, Loose: []ID{id(batch, "b")}})
	r.add(1, ids(id(order, "2")))
	r.add(2, ids(id(order, "1"), id(order, "2")))
	r.add(3, Message{Loose: []ID{id(batch, "b")}})
	expect(t, r.chains(), "[1 2 3 4]")
}

func TestOneNameIsOneMessage(t *testing.T) {
	r := newRig(Config{})
	for range 2 {
		m := ids(id(order, "1"))
		m.Entry.Position = message.Named("sqs-1")
		r.add(0, m)
	}
	expect(t, r.chains(), "[1]")
}

func TestChainsAreForgottenInTheOrderOfTheirLastMessage(t *testing.T) {
	r := newRig(Config{Remember: 10})
	r.add(0, ids(id(order, "1")))
	r.add(1, ids(id(order, "2")))
	r.add(8, ids(id(order, "1")))
	r.add(11, ids(id(order, "3")))
	expect(t, r.done)
	r.add(12, ids(id(order, "3")))
	expect(t, r.done, "[2]")
	if r.engine.Lookup(id(order, "2")) != nil {
		t.Error("the id of a forgotten chain still leads somewhere")
	}
	expect(t, r.chains(), "[1 3]", "[2]", "[4 5]")
}

func TestTooManyChainsCloseTheOldestEarly(t *testing.T) {
	r := newRig(Config{MaxChains: 2})
	for _, v := range []string{"1", "2", "3"} {
		r.add(0, ids(id(order, v)))
	}
	expect(t, r.done, "[1] early")
}

func TestAChainKeepsSoManyMessages(t *testing.T) {
	r := newRig(Config{MaxEntries: 2})
	for range 3 {
		r.add(0, ids(id(order, "1")))
	}
	if c := r.engine.Lookup(id(order, "1")); !c.Full || len(c.Entries) != 2 {
		t.Errorf("full %v with %d messages", c.Full, len(c.Entries))
	}
}

// TestOneHashForTwoIDs forces the collision that no test could find.
func TestOneHashForTwoIDs(t *testing.T) {
	r := newRig(Config{})
	a, b := id(order, "a"), id(order, "b")
	one := r.add(0, ids(a))
	e := r.engine
	e.index.add(key(b).hash(), one) // as if a's
	two := r.add(0, ids(b))
	if two == one || e.find(key(a), key(a).hash()) != one || e.find(key(b), key(b).hash()) != two {
		t.Error("two ids with one hash became one")
	}
	e.release(two, true)
	if e.find(key(b), key(b).hash()) != 0 || e.find(key(a), key(a).hash()) != one {
		t.Error("removing one of two ids with one hash")
	}
}

// TestTheIndexIsAMap holds the index against a map, while ids come and go.
func TestTheIndexIsAMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	x, want := newIndex(), map[Number]bool{}
	hash := func(n Number) uint32 { return key{order, fmt.Sprint(n / 2)}.hash() } // two have one
	for range 20_000 {
		n := Number(1 + rng.IntN(600))
		found := false
		for c := range x.from(hash(n)) {
			found = found || c == n
		}
		if found != want[n] {
			t.Fatalf("%v: the index and the map differ", n)
		}
		if want[n] {
			x.remove(hash(n), n)
			delete(want, n)
		} else {
			x.add(hash(n), n)
			want[n] = true
		}
		if x.used != len(want) {
			t.Fatalf("%d used, %d ids", x.used, len(want))
		}
	}
}

// BenchmarkAdd ties four messages to each chain, with so many chains open.
func BenchmarkAdd(b *testing.B) {
	for _, open := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("open=%d", open), func(b *testing.B) {
			b.ReportAllocs()
			e := NewEngine(Config{Remember: time.Duration(open) * time.Microsecond})
			var m Message
			m.IDs = make([]ID, 1)
			for i := range b.N {
				m.Entry = Entry{Seq: uint64(i), Seen: Instant(i) * Instant(time.Microsecond)}
				m.IDs[0] = ID{order, fmt.Sprint(i%4*open/4 + i/4)}
				e.Add(&m)
			}
		})
	}
}
