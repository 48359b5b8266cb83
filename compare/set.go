package compare

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// Set is the chains of one recording, or one run, with all that their messages
// say. It grows beside an audit: Take is given every observation that the audit
// is, in the same order, and Judged is the audit's AuditConfig.Judged.
//
// It is for one goroutine, but for what Scanner returns.
type Set struct {
	flow   *flows.Flow
	names  *Names
	walker *walker
	// scanners are the walkers of other goroutines.
	scanners []*walker

	// pages hold messages one after the other, each with its length before it;
	// index tells by number, from 1, the page and the place in it.
	pages [][]byte
	index []uint64
	open  []byte // the page that Take fills

	chains []Chain
	slab   []held
}

// NewSet returns an empty Set. Sets that are compared with each other are faster
// if they share names.
func NewSet(f *flows.Flow, names *Names) *Set {
	return &Set{flow: f, names: names, walker: newWalker(f, names), index: make([]uint64, 1)}
}

// Chain is a chain with all that its messages say. It may be read from any
// goroutine once its Set is complete.
type Chain struct {
	// Name is the chain's first id, in the order of correlate.
	Name string
	// IDs are all that tie it, by the index of their names in the flow.
	IDs []correlate.ID
	// Outcome is the name of its outcome, "" for none.
	Outcome string
	State   flows.State
	// Aliases are further values that are fresh in each run, such as a scenario's
	// id: they are compared as what they stand for.
	Aliases []Alias

	messages []held
	set      *Set
}

// Alias is a value and what it stands for.
type Alias struct{ Value, As string }

// held is a message of a chain: its number, and what a comparison needs at once.
type held struct {
	time, seen correlate.Instant
	number     uint32
	step       int16
	channel    int16
	producer   bool
}

// pageSize is when Take begins a new page, in bytes.
const pageSize = 256 << 10

// Strange counts the messages on channels that the flow does not have, by
// channel.
func (s *Set) Strange() map[string]int {
	all := map[string]int{}
	for _, w := range append(s.scanners, s.walker) {
		for name, n := range w.strange {
			all[name] += n
		}
	}
	return all
}

// Silent are the flow's channels on which nothing came, in the order of the file.
func (s *Set) Silent() []string {
	var all []string
	for i := range s.flow.Channels {
		if !slices.ContainsFunc(append(s.scanners, s.walker), func(w *walker) bool { return w.came[i] }) {
			all = append(all, s.flow.Channels[i].Name)
		}
	}
	return all
}

// Take keeps the next observation.
func (s *Set) Take(o *message.Observation) {
	s.index = append(s.index, uint64(len(s.pages))<<32|uint64(len(s.open)))
	s.open = s.walker.page(s.open, o)
	if len(s.open) >= pageSize {
		s.pages = append(s.pages, bytes.Clone(s.open))
		s.open = s.open[:0]
	}
}

// Scanner returns a function that takes an observation apart and appends it to a
// page, for one goroutine of several; AddPage takes the pages. It is Take for
// recordings that are read on several cores. Scanner itself is not safe for
// concurrent use.
func (s *Set) Scanner() func(page []byte, o *message.Observation) []byte {
	w := newWalker(s.flow, s.names)
	s.scanners = append(s.scanners, w)
	return w.page
}

// AddPage takes a page, in the order of its observations. The page is copied.
func (s *Set) AddPage(page []byte) {
	if len(s.open) > 0 {
		s.pages = append(s.pages, bytes.Clone(s.open))
		s.open = s.open[:0]
	}
	for at := 0; at < len(page); {
		s.index = append(s.index, uint64(len(s.pages))<<32|uint64(at))
		size, n := binary.Uvarint(page[at:])
		at += n + int(size)
	}
	s.pages = append(s.pages, bytes.Clone(page))
}

// Judged keeps a chain. It is an AuditConfig.Judged.
func (s *Set) Judged(j flows.Judged) {
	c := Chain{State: j.Verdict.State(), set: s}
	if j.Verdict.Outcome >= 0 {
		if c.Outcome = s.flow.Outcomes[j.Verdict.Outcome].Name; c.Outcome == "" {
			c.Outcome = "all steps"
		}
	}
	c.IDs = make([]correlate.ID, len(j.Chain.IDs))
	for i, id := range j.Chain.IDs {
		c.IDs[i] = correlate.ID{Name: id.Name, Value: strings.Clone(id.Value)}
	}
	c.Name = firstID(c.IDs)
	c.messages = s.room(len(j.Entries))[:0]
	for i, e := range j.Entries {
		if s.flow.Channels[e.Channel].Redelivered(j.Entries[:i], e) {
			continue
		}
		c.messages = append(c.messages, held{time: e.Time, seen: e.Seen, number: uint32(e.Seq), step: e.Step, channel: e.Channel, producer: e.Producer})
	}
	s.chains = append(s.chains, c)
}

// Without takes messages out of the chains, by their numbers: what was sent by hand
// in the middle of a chain says nothing of the system.
func (s *Set) Without(numbers map[int]bool) {
	if len(numbers) == 0 {
		return
	}
	for i := range s.chains {
		c := &s.chains[i]
		c.messages = slices.DeleteFunc(c.messages, func(m held) bool { return numbers[int(m.number)] })
	}
}

// firstID is the smallest value of the first name.
func firstID(ids []correlate.ID) string {
	var first *correlate.ID
	for i := range ids {
		id := &ids[i]
		if first == nil || id.Name < first.Name || id.Name == first.Name && id.Value < first.Value {
			first = id
		}
	}
	if first == nil {
		return ""
	}
	return first.Value
}

func (s *Set) room(n int) []held {
	const slab = 4096
	if n > len(s.slab) {
		if n > slab/8 {
			return make([]held, n)
		}
		s.slab = make([]held, slab)
	}
	cut := s.slab[:n:n]
	s.slab = s.slab[n:]
	return cut
}

// Chains are all that the audit has judged. They must not be moved or changed,
// but for their Aliases.
func (s *Set) Chains() []Chain { return s.chains }

// Find returns the chain that has one of the ids, by name; nil for none.
func (s *Set) Find(ids map[string]string) *Chain {
	for i := range s.chains {
		for _, id := range s.chains[i].IDs {
			if v, ok := ids[s.flow.IDs[id.Name].Name]; ok && correlate.Canonical(correlate.ID{Name: id.Name, Value: v}) == correlate.Canonical(id) {
				return &s.chains[i]
			}
		}
	}
	return nil
}

// message is what was kept of a message.
func (s *Set) message(number uint32) []byte {
	at := s.index[number]
	page := s.open
	if n := int(at >> 32); n < len(s.pages) {
		page = s.pages[n]
	}
	page = page[at&(1<<32-1):]
	size, n := binary.Uvarint(page)
	return page[n : n+int(size)]
}

// fields are the message's fields, without its place.
func (s *Set) fields(m *held) []byte {
	_, rest := cutPosition(s.message(m.number))
	return rest
}

func (s *Set) position(m *held) message.Position {
	p, _ := cutPosition(s.message(m.number))
	return p
}

func cutPosition(b []byte) (message.Position, []byte) {
	if len(b) == 0 {
		return message.Position{}, nil
	}
	p := message.Position{Kind: message.PositionKind(b[0])}
	b = b[1:]
	switch p.Kind {
	case message.PartitionOffset, message.Sequence:
		partition, n := binary.Varint(b)
		offset, k := binary.Varint(b[n:])
		p.Partition, p.Offset = int32(partition), offset
		return p, b[n+k:]
	case message.Opaque:
		size, n := binary.Uvarint(b)
		p.ID = string(b[n : n+int(size)])
		return p, b[n+int(size):]
	default:
		return p, b
	}
}

// Message is a message taken apart.
type Message struct {
	// Step is the index in the flow, -1 for what is no step; so is Channel.
	Step, Channel int
	Time, Seen    correlate.Instant
	Position      message.Position
	// Fields are sorted by path.
	Fields []Field
	// Number is the place among all that the Set has taken, from 1.
	Number int
}

// Field is a field and its value as JSON text.
type Field struct{ Path, Value string }

// At is the broker's time, else the arrival.
func (m *Message) At() correlate.Instant {
	if m.Time.Known() {
		return m.Time
	}
	return m.Seen
}

// Fields are those of a message, by its number among all that the Set has taken,
// from 1.
func (s *Set) Fields(number int) []Field {
	var all []Field
	for _, f := range s.split(&held{number: uint32(number)}) {
		all = append(all, Field{f.path, string(f.value)})
	}
	return all
}

// Messages are the chain's messages in canonical order.
func (c *Chain) Messages() []Message {
	all := make([]Message, len(c.messages))
	for i := range c.messages {
		m := &c.messages[i]
		all[i] = Message{
			Step: int(m.step), Channel: int(m.channel), Time: m.time, Seen: m.seen, Number: int(m.number),
			Position: c.set.position(m),
		}
		for _, f := range c.set.split(m) {
			all[i].Fields = append(all[i].Fields, Field{f.path, string(f.value)})
		}
	}
	return all
}
