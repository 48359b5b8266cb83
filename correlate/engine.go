package correlate

import (
	"slices"
	"strings"
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
	// EntryHint is how many messages a chain usually has.
	EntryHint int
	// Done receives each chain that the engine lets go of. Early tells that a
	// limit forced it.
	Done func(c *Chain, early bool)
}

// key is an id as the index has it: the canonical spelling of its value.
type key ID

// Engine ties messages into chains.
type Engine struct {
	cfg     Config
	index   index
	waiting map[key][]Entry // listed and stray entries whose chain has not come yet
	loose   map[key]*group
	// unplaced are the entries that are in no chain yet, by Seq.
	unplaced map[uint64]*Entry
	oldest   *Chain // the chain that was quiet longest
	newest   *Chain
	count    int
	early    bool // some chain was closed early
	now      Instant
}

// group is the chains that have met a loose id, and the messages that join them.
type group struct {
	chains  []*Chain
	entries []Entry
}

// NewEngine returns an empty engine.
func NewEngine(cfg Config) *Engine {
	return &Engine{
		cfg:      cfg,
		index:    newIndex(),
		waiting:  map[key][]Entry{},
		loose:    map[key]*group{},
		unplaced: map[uint64]*Entry{},
		now:      Never,
	}
}

// Len is the number of chains kept.
func (e *Engine) Len() int { return e.count }

// Add places the message. It returns the chain that its own ids tie it to, nil
// where it has none.
func (e *Engine) Add(m *Message) *Chain {
	e.now = max(e.now, m.Entry.Seen)
	var own *Chain
	if len(m.IDs) > 0 {
		own = e.tie(m.IDs)
		e.put(own, &m.Entry)
		e.touch(own)
	}
	placed := own != nil
	for _, id := range m.Listed {
		placed = e.address(id, m) || placed
	}
	for _, id := range m.Loose {
		placed = e.meet(id, m, own) || placed
	}
	if !placed && len(m.Listed)+len(m.Loose) > 0 {
		entry := m.Entry
		e.unplaced[entry.Seq] = &entry
	}
	e.forget()
	return own
}

// Lookup returns the chain that has the id, nil where there is none.
func (e *Engine) Lookup(id ID) *Chain {
	return e.index.find(canonicalID(id))
}

// All calls yield for every chain kept, the one that was quiet longest first.
func (e *Engine) All(yield func(*Chain) bool) {
	for c := e.oldest; c != nil; c = c.next {
		if !yield(c) {
			return
		}
	}
}

// Unplaced calls yield for every entry whose ids no chain has met.
func (e *Engine) Unplaced(yield func(*Entry) bool) {
	for _, entry := range e.unplaced {
		if !yield(entry) {
			return
		}
	}
}

// Close lets go of every chain.
func (e *Engine) Close() {
	for e.oldest != nil {
		e.release(e.oldest, false)
	}
}

// tie returns the one chain of all ids, made or merged as needed.
func (e *Engine) tie(ids []ID) *Chain {
	if len(ids) == 1 {
		k := canonicalID(ids[0])
		if c := e.index.find(k); c != nil {
			c.spell(ids[0], k)
			return c
		}
	}
	var c *Chain
	for _, id := range ids {
		found := e.index.find(canonicalID(id))
		switch {
		case found == nil:
		case c == nil:
			c = found
		case c != found:
			c = e.merge(c, found)
		}
	}
	if c == nil {
		c = &Chain{touched: Never, Remnant: e.early, Entries: make([]Entry, 0, e.cfg.EntryHint)}
		c.IDs = c.first[:0]
		e.append(c)
		e.count++
	}
	for _, id := range ids {
		e.name(c, id)
	}
	return c
}

// name gives the chain an id, and what has waited for it.
func (e *Engine) name(c *Chain, id ID) {
	k := canonicalID(id)
	if c.named(k) {
		c.spell(id, k)
		return
	}
	c.IDs = append(c.IDs, kept(id))
	e.index.set(k, c)
	if len(e.waiting) == 0 {
		return
	}
	if waiting, ok := e.waiting[k]; ok {
		for i := range waiting {
			e.share(c, &waiting[i])
		}
		delete(e.waiting, k)
	}
}

// spell keeps the smaller of two spellings of one id, so that the order of
// arrival does not decide how a report names the chain.
func (c *Chain) spell(id ID, k key) {
	for i := range c.IDs {
		have := &c.IDs[i]
		if have.Name == id.Name && have.Value != id.Value && id.Value < have.Value && canonicalID(*have) == k {
			have.Value = strings.Clone(id.Value)
		}
	}
}

// address puts a message into the chain of a listed id, or lets it wait. It
// reports whether there was a chain.
func (e *Engine) address(id ID, m *Message) bool {
	k := canonicalID(id)
	c := e.index.find(k)
	switch {
	case c != nil:
		if m.Opens {
			c.spell(id, k)
		}
	case m.Opens:
		c = e.tie([]ID{id})
	default:
		k.Value = strings.Clone(k.Value)
		e.waiting[k] = append(e.waiting[k], m.Entry)
		return false
	}
	e.share(c, &m.Entry)
	e.touch(c)
	return true
}

// meet handles a loose id. It reports whether the message found a chain by it.
func (e *Engine) meet(id ID, m *Message, own *Chain) bool {
	k := canonicalID(id)
	g := e.loose[k]
	if g == nil {
		g = &group{}
		k.Value = strings.Clone(k.Value)
		e.loose[k] = g
	}
	if own == nil {
		g.entries = append(g.entries, m.Entry)
		for i, c := range g.chains {
			c = c.root()
			g.chains[i] = c
			e.share(c, &m.Entry)
			e.touch(c)
		}
		return len(g.chains) > 0
	}
	if own.met(id) {
		return true
	}
	own.Met = append(own.Met, kept(id))
	g.chains = append(g.chains, own)
	for i := range g.entries {
		e.share(own, &g.entries[i])
	}
	return true
}

// kept is the id without memory shared with its message.
func kept(id ID) ID { return ID{Name: id.Name, Value: strings.Clone(id.Value)} }

// met reports whether the chain has met the loose id. Of two spellings of one it
// keeps the smaller.
func (c *Chain) met(id ID) bool {
	k := canonicalID(id)
	i := slices.IndexFunc(c.Met, func(have ID) bool { return canonicalID(have) == k })
	if i < 0 {
		return false
	}
	if id.Value < c.Met[i].Value {
		c.Met[i].Value = strings.Clone(id.Value)
	}
	return true
}

// merge makes one chain of two and returns it.
func (e *Engine) merge(a, b *Chain) *Chain {
	if len(a.Entries) < len(b.Entries) {
		a, b = b, a
	}
	for i := range b.Entries {
		if a.shared || b.shared {
			e.share(a, &b.Entries[i])
		} else {
			e.put(a, &b.Entries[i])
		}
	}
	a.Full, a.Remnant = a.Full || b.Full, a.Remnant || b.Remnant
	a.IDs = append(a.IDs, b.IDs...)
	for _, id := range b.Met {
		if !a.met(id) {
			a.Met = append(a.Met, id)
		}
	}
	a.touched = max(a.touched, b.touched)
	// What joins a group that either has met joins both from now on.
	for _, id := range a.Met {
		g := e.loose[canonicalID(id)]
		for i := range g.entries {
			e.share(a, &g.entries[i])
		}
	}
	e.unlink(b)
	e.count--
	*b = Chain{parent: a}
	return a
}

// put keeps an entry that no other chain can have, unless the broker delivered
// it twice under one name.
func (e *Engine) put(c *Chain, entry *Entry) {
	if entry.Position.ID != "" && c.has(entry) {
		return
	}
	e.keep(c, entry)
}

// share keeps an entry that other chains may have as well, once.
func (e *Engine) share(c *Chain, entry *Entry) {
	c.shared = true
	delete(e.unplaced, entry.Seq)
	if !c.has(entry) {
		e.keep(c, entry)
	}
}

func (e *Engine) keep(c *Chain, entry *Entry) {
	if e.cfg.MaxEntries > 0 && len(c.Entries) >= e.cfg.MaxEntries {
		c.Full = true
		return
	}
	c.Entries = append(c.Entries, *entry)
}

func (c *Chain) has(e *Entry) bool {
	for i := range c.Entries {
		if c.Entries[i].same(e) {
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

// Current is the chain that c has become part of; c itself unless merged.
func (c *Chain) Current() *Chain { return c.root() }

// root follows merges to the chain that lives.
func (c *Chain) root() *Chain {
	if c.parent == nil {
		return c
	}
	root := c
	for root.parent != nil {
		root = root.parent
	}
	for c.parent != nil {
		c.parent, c = root, c.parent
	}
	return root
}
