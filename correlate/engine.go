package correlate

import (
	"slices"
	"time"
)

// Config of an Engine. The zero value keeps every chain to the end.
type Config struct {
	// Remember is how long, in time of arrival, a chain is kept after its last
	// message; 0 keeps it to the end.
	Remember time.Duration
	// MaxChains bounds the chains kept; 0 is no bound. Beyond it the one that
	// was quiet longest is let go.
	MaxChains int
	// MaxEntries bounds the messages kept of one chain; 0 is no bound. Beyond it
	// the chain is Full.
	MaxEntries int
	// Done receives each chain that the engine is to let go of. Early tells that a
	// limit forced it. Of one that was only quiet for long it may say that it is to be
	// kept for as long again. The Chain is the engine's again once Done has returned:
	// Chain.Clone keeps one for longer.
	Done func(c *Chain, early bool) (keep bool)
	// Grown, where it is set, is told each chain that gets a message.
	Grown func(n Number)
	// Needed, where it is set, tells which chains are to go last where there are too
	// many.
	Needed func(n Number) bool
	// Merged, where it is set, is told that gone is about to become part of into.
	Merged func(into, gone Number)
}

// key is an id as the index has it: the canonical spelling of its value.
type key ID

// Engine ties messages into chains.
type Engine struct {
	cfg     Config
	index   index
	book    book
	store   store
	waiting map[key][]Entry // listed and stray entries whose chain has not come yet
	loose   map[key]*group
	// unplaced are the entries that are in no chain yet, by Seq.
	unplaced map[uint64]*Entry
	// names are those of chains that somebody asked for.
	names  map[Number]*Chain
	tags   tags
	wide   map[list]map[key]string // the spellings of ids in long lists
	oldest Number                  // the chain that was quiet longest
	newest Number
	count  int
	early  Instant // when a chain was closed early last
	now    Instant
	base   Instant // that packed times count from
	buffer []byte  // for packing
	done   Chain   // that is handed to Config.Done
	shown  Chain   // that Show has returned

	expected byte // of no meaning: so that Expect has a result
}

// NewEngine returns an empty engine.
func NewEngine(cfg Config) *Engine {
	return &Engine{
		cfg:      cfg,
		index:    newIndex(),
		store:    newStore(),
		waiting:  map[key][]Entry{},
		loose:    map[key]*group{},
		unplaced: map[uint64]*Entry{},
		names:    map[Number]*Chain{},
		wide:     map[list]map[key]string{},
		early:    Never,
		now:      Never,
		base:     Never,
	}
}

// Len is the number of chains kept.
func (e *Engine) Len() int { return e.count }

// Add places the message. It returns the chain that its own ids tie it to, 0
// where it has none.
func (e *Engine) Add(m *Message) Number {
	e.now = max(e.now, m.Entry.Seen)
	if e.base == Never {
		e.base = max(m.Entry.Seen-m.Entry.Seen%Instant(time.Millisecond), 0)
	}
	var own Number
	if len(m.IDs) > 0 {
		if !m.hashed {
			m.Hash()
		}
		own = e.tie(m.IDs, m.hash)
		e.put(own, &m.Entry)
		e.grow(own)
	}
	if len(m.Listed)+len(m.Loose) > 0 {
		e.join(m, own)
	}
	e.forget()
	if e.store.wasteful() {
		e.compact()
	}
	return own
}

// join puts the message into the chains of its ids that tie none together.
func (e *Engine) join(m *Message, own Number) {
	placed := own != 0
	for _, id := range m.Listed {
		placed = e.address(id, m) || placed
	}
	for _, id := range m.Loose {
		placed = e.meet(id, m, own) || placed
	}
	if !placed {
		entry := m.Entry
		entry.keep()
		e.unplaced[entry.Seq] = &entry
	}
}

// Lookup returns the chain that has the id, nil where there is none. It is the
// caller's own, as it is now.
func (e *Engine) Lookup(id ID) *Chain {
	k := canonicalID(id)
	n := e.find(k, k.hash())
	if n == 0 {
		return nil
	}
	var c Chain
	e.unpack(n, &c)
	return c.Clone()
}

// IDs returns the ids that tie a chain which is kept.
func (e *Engine) IDs(n Number) []ID { return e.idsOf(nil, e.book.at(n).ids) }

// Name returns a Chain that will have the ids of a chain which is kept, and of
// those that it is merged with, once that is let go of; nothing else of it.
func (e *Engine) Name(n Number) *Chain {
	c := e.names[n]
	if c == nil {
		c = &Chain{Number: n}
		e.names[n] = c
	}
	return c
}

// NamesOf returns the ids that tie a chain which Name named, as they are now.
func (e *Engine) NamesOf(name *Chain) []ID {
	if name = name.Current(); name.Number == 0 {
		return name.IDs
	}
	return e.IDs(name.Number)
}

// Show returns a chain which is kept. It is the engine's, until the next call.
func (e *Engine) Show(n Number) *Chain {
	e.unpack(n, &e.shown)
	return &e.shown
}

// All calls yield for every chain that is kept, the one that was quiet longest
// first. None may be let go of meanwhile.
func (e *Engine) All(yield func(Number) bool) {
	for n := e.oldest; n != 0; n = e.book.at(n).next {
		if !yield(n) {
			return
		}
	}
}

// Note is what the judge has noted of a chain which is kept: nothing at first.
func (e *Engine) Note(n Number) uint16 { return e.book.at(n).note }

// SetNote notes something of a chain which is kept.
func (e *Engine) SetNote(n Number, note uint16) { e.book.at(n).note = note }

// Touched is when a chain which is kept grew last, by arrival.
func (e *Engine) Touched(n Number) Instant { return e.book.at(n).touched }

// Unplaced calls yield for every entry whose ids no chain has met.
func (e *Engine) Unplaced(yield func(*Entry) bool) {
	for _, entry := range e.unplaced {
		if !yield(entry) {
			return
		}
	}
}

// Numbers is the highest Number that a chain may have.
func (e *Engine) Numbers() Number { return e.book.used }

// Read fills c with a chain, and reports whether one that is kept has the number.
// Many may read at once, on any goroutines, while nothing changes the engine; what
// c has then shares its memory.
func (e *Engine) Read(n Number, c *Chain) bool {
	if n == 0 || e.book.at(n).ids == 0 {
		return false
	}
	e.unpack(n, c)
	return true
}

// Close hands every chain on, but those of which passed, where it is not nil, says
// that nobody asks for them. Then it has none: what has the name of one keeps it, but
// no tag stands for one any more.
func (e *Engine) Close(passed func(Number) bool) {
	for n := e.oldest; n != 0; n = e.book.at(n).next {
		if passed != nil && passed(n) || e.cfg.Done == nil {
			continue
		}
		e.unpack(n, &e.done)
		e.cfg.Done(&e.done, false)
	}
	for n, name := range e.names {
		name.Number, name.IDs, name.Met = 0, cloneIDs(e.idsOf(nil, e.book.at(n).ids)), cloneIDs(e.idsOf(nil, e.book.at(n).met))
	}
	unplaced := e.unplaced
	*e = *NewEngine(e.cfg)
	e.unplaced = unplaced
}

// Expect brings into the caches what Add needs for the messages, which have been
// hashed. Each lies at a place in memory that no other was at lately, and the
// processor fetches many at once where nothing has to be decided in between.
func (e *Engine) Expect(m *Message) {
	if !m.hashed {
		return
	}
	n := e.index.slots[e.index.home(m.hash)].chain
	if n == 0 {
		return
	}
	if r := e.book.at(n).ids; r != 0 {
		e.expected ^= e.store.peek(r)
	}
}

// tie returns the one chain of all ids, made or merged as needed. h is the hash
// of the first.
func (e *Engine) tie(ids []ID, h uint32) Number {
	var n Number
	for i := range ids {
		k := canonicalID(ids[i])
		if i > 0 {
			h = k.hash()
		}
		found := e.find(k, h)
		switch {
		case found == 0:
		case len(ids) == 1:
			if len(k.Value) >= 32 { // it may be a UUID, which has several spellings
				e.name(found, ids[i])
			}
			return found
		case n == 0:
			n = found
		case n != found:
			n = e.merge(n, found)
		}
	}
	if n == 0 {
		n = e.book.take()
		*e.book.at(n) = chain{touched: Never, remnant: e.remnants()}
		e.append(n)
		e.count++
	}
	for _, id := range ids {
		e.name(n, id)
	}
	return n
}

// put keeps an entry that no other chain can have, unless the broker delivered
// it twice under one name.
func (e *Engine) put(n Number, entry *Entry) {
	if !e.crowded(n) && (entry.Position.ID == "" || !e.has(n, entry)) {
		e.keep(n, entry)
	}
}

// share keeps an entry that other chains may have as well, once.
func (e *Engine) share(n Number, entry *Entry) {
	e.book.at(n).shared = true
	delete(e.unplaced, entry.Seq)
	if !e.crowded(n) && !e.has(n, entry) {
		e.keep(n, entry)
	}
}

// crowded reports whether the chain keeps no further entry and has been told so: then
// it need not be looked through.
func (e *Engine) crowded(n Number) bool {
	c := e.book.at(n)
	return c.full && e.cfg.MaxEntries > 0 && int(c.count) >= e.cfg.MaxEntries
}

func (e *Engine) keep(n Number, entry *Entry) {
	c := e.book.at(n)
	if e.cfg.MaxEntries > 0 && int(c.count) >= e.cfg.MaxEntries {
		c.full = true
		return
	}
	e.buffer = packEntry(e.buffer[:0], entry, e.base)
	r := e.store.add(c.entries, e.buffer)
	if r == 0 {
		c.full = true
		return
	}
	c.entries = r
	c.count++
}

func (e *Engine) has(n Number, entry *Entry) bool {
	for r := e.book.at(n).entries; r != 0; {
		var have Entry
		var record []byte
		r, record = e.store.get(r)
		(&reader{record}).name(&have)
		if have.same(entry) {
			return true
		}
	}
	return false
}

// same reports whether a and b are one message: taken twice by the engine, or
// delivered twice to the tap under one name of the broker's.
func (e *Entry) same(o *Entry) bool {
	if e.Seq == o.Seq {
		return true
	}
	return e.Channel == o.Channel && e.Position.ID != "" && e.Position == o.Position
}

// unpack fills c with what a chain is made of. Texts share the store's bytes.
func (e *Engine) unpack(n Number, c *Chain) {
	from := e.book.at(n)
	c.Number, c.Full, c.Remnant = n, from.full, from.remnant
	c.IDs, c.Met = e.idsOf(c.IDs[:0], from.ids), e.idsOf(c.Met[:0], from.met)
	c.Entries, c.values = slices.Grow(c.Entries[:0], int(from.count))[:from.count], c.values[:0]
	at := len(c.Entries)
	for r := from.entries; r != 0; {
		var record []byte
		r, record = e.store.get(r)
		at--
		c.values = (&reader{record}).entry(&c.Entries[at], e.base, c.values)
	}
}

// compact copies all records, the chain's that was quiet longest first, and
// leaves the others' memory behind.
func (e *Engine) compact() {
	old := e.store
	e.store = newStore()
	copied := func(last ref) (to ref) {
		var records [][]byte
		for r := last; r != 0; {
			var record []byte
			r, record = old.get(r)
			records = append(records, record)
		}
		for _, record := range slices.Backward(records) {
			to = e.store.add(to, record)
		}
		return to
	}
	for n := e.oldest; n != 0; n = e.book.at(n).next {
		c := e.book.at(n)
		c.ids, c.met, c.entries = copied(c.ids), copied(c.met), copied(c.entries)
	}
	for i := range e.tags.all {
		if t := &e.tags.all[i]; t.state == tagGone {
			t.at, t.met = uint32(copied(ref(t.at))), uint32(copied(ref(t.met)))
		}
	}
}
