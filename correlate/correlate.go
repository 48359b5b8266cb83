// Package correlate ties the messages of a flow into chains by their ids.
//
// The way of the data: package flows reduces an observation to a Message (an
// Entry and its ids) and hands it to Engine.Add. The engine puts the entry
// into the chain that its ids name, merges chains that an id joins, and lets
// go of a chain once nothing more is expected of it. What a chain means is
// not its business: flows judges it.
//
//	Message → index of ids → chain in the book → records in the store → Chain
//
// While it is kept, a chain is a few packed records (store.go, pack.go), with
// nothing that the garbage collector has to look at: forty bytes or so for each
// message, as many while the chain is open as while it is only remembered. It
// becomes a Chain again when it is let go of.
//
// Which chain a message belongs to does not depend on the order in which
// messages arrive, so that a live run and a recording agree.
//
// Nothing here starts a goroutine, reads a clock or does I/O. An Engine is for
// one goroutine.
package correlate

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// Instant is a point in time, in nanoseconds since 1970 UTC; eight bytes
// instead of time.Time's twenty-four, because every entry keeps two.
type Instant int64

// Never is the Instant of what has no time.
const Never Instant = math.MinInt64

// InstantOf returns the Instant of t; Never for the zero time and for what is
// beyond the centuries.
func InstantOf(t time.Time) Instant {
	if s := t.Unix(); s < -maxSeconds || s > maxSeconds {
		return Never
	}
	return Instant(t.UnixNano())
}

// maxSeconds is how far from 1970 an instant can be: 292 years. Producers that
// write microseconds where milliseconds belong are beyond it.
const maxSeconds = math.MaxInt64/int64(time.Second) - 1

// Known reports whether i is a point in time.
func (i Instant) Known() bool { return i != Never }

// Add returns i plus d; Never stays Never.
func (i Instant) Add(d time.Duration) Instant {
	if i == Never {
		return Never
	}
	return i + Instant(d)
}

// Sub returns the time from j to i. Both must be known.
func (i Instant) Sub(j Instant) time.Duration { return time.Duration(i - j) }

// Time returns i as a time.Time in UTC; the zero time for Never.
func (i Instant) Time() time.Time {
	if i == Never {
		return time.Time{}
	}
	return time.Unix(0, int64(i)).UTC()
}

// ID is one id of a message: the index of its name in the flow's correlate
// section, and its value.
type ID struct {
	Name  uint16
	Value string
}

// Entry is a step's message, reduced to what judging needs.
type Entry struct {
	// Seq identifies the message within its engine.
	Seq uint64
	// Time is the broker's time, Seen the tap's; Never where there is none.
	Time, Seen Instant
	Position   message.Position
	// Body, Key and ID are hashes of the payload, the key and the message id;
	// ID is 0 where the message has none, and so is Key where HasKey is false.
	Body, Key, ID uint64
	// Tree is a hash of the decoded body, whatever its spelling; 0 where nothing
	// asks for it.
	Tree uint64
	// Fields are the values that expressions at the close need, in the layout
	// of the step.
	Fields []payload.Value
	// Detail is what few entries have; nil otherwise.
	Detail *Detail
	// Step and Channel are indices in the flow. Step is NoStep for a stray.
	Step    int16
	Channel int16
	// Copy tells that the headers name it a retry or dead-letter copy.
	Copy bool
	// Producer tells that Time is the producer's.
	Producer bool
	// Tombstone tells that there was no payload, HasKey that there was a key.
	Tombstone, HasKey bool
}

// Detail is what only dead-lettered and stray entries have.
type Detail struct {
	// Origin is the channel that the message came from, -1 if not known, Elsewhere
	// if it is none of the flow's, and OriginAt its position there, if the headers
	// say it.
	Origin   int16
	OriginAt message.Position
	// Payloads are hashes that the origin's payload may have, where an
	// expression found it in an envelope; nil: the payload itself.
	Payloads []uint64
	// Lifted is false where an expression should have found the origin's
	// payload and did not.
	Lifted bool
	// Stray says why an entry without a step is worth a finding.
	Stray StrayKind
	// Text tells what is wrong with it, and Shown what it is instead.
	Text, Shown string
}

// Elsewhere is the origin of a message that came from no channel of the flow.
const Elsewhere int16 = -2

// StrayKind tells why a message that is no step is in a chain.
type StrayKind uint8

// The kinds of stray.
const (
	NotStray     StrayKind = iota
	Unexpected             // no step, on a channel that says `only`
	DeadLettered           // no step, on a dead-letter channel
	Malformed              // its body could not be decoded
)

// NoStep is the step of a stray.
const NoStep int16 = -1

// Message is an entry with the ids that place it. Texts may share memory with
// what the message was read from: the engine copies what it keeps.
type Message struct {
	Entry Entry
	// IDs tie: all chains that have one of them are one chain.
	IDs []ID
	// Listed ids put the entry into the chain of each and tie none together.
	Listed []ID
	// Loose ids put the entry into every chain that has met them, unless it has
	// IDs of its own: then its chain has met them.
	Loose []ID
	// Opens tells that a listed id which no chain has begins one.
	Opens bool

	hash   uint32 // of the first of IDs
	hashed bool
}

// Hash does a part of Engine.Add beforehand, on any goroutine. The IDs are not to
// change any more.
func (m *Message) Hash() {
	if m.hashed = len(m.IDs) > 0; m.hashed {
		m.hash = canonicalID(m.IDs[0]).hash()
	}
}

// Chain is all that belongs to one run through the flow.
type Chain struct {
	// IDs that tie the chain, without repeats; of two spellings of one UUID the
	// smaller. Met are the loose ones.
	IDs, Met []ID
	// Entries in the order of arrival. They are not to be changed.
	Entries []Entry
	// Full tells that entries beyond the limit were not kept.
	Full bool
	// Remnant tells that chains had been closed early when this one began or got an
	// id: other messages of it may have been in one of them.
	Remnant bool

	// Number is the chain's while an engine keeps it.
	Number Number

	values []payload.Value // of the entries' fields
	parent *Chain          // set once the chain has been merged into another
}

// Current is the chain that c has become part of; c itself unless merged.
func (c *Chain) Current() *Chain {
	for c.parent != nil {
		c = c.parent
	}
	return c
}

// Clone copies the chain, so that it outlives the Engine's next.
func (c *Chain) Clone() *Chain {
	own := *c
	own.values = nil
	own.IDs, own.Met, own.Entries = cloneIDs(c.IDs), cloneIDs(c.Met), slices.Clone(c.Entries)
	for i := range own.Entries {
		own.Entries[i].keep()
	}
	return &own
}

func cloneIDs(ids []ID) []ID {
	own := slices.Clone(ids)
	for i := range own {
		own[i].Value = strings.Clone(own[i].Value)
	}
	return own
}

// keep makes the entry share no memory with what it was made from.
func (e *Entry) keep() {
	e.Position.ID = strings.Clone(e.Position.ID)
	e.Fields = slices.Clone(e.Fields)
	for i, v := range e.Fields {
		e.Fields[i] = payload.Clone(v)
	}
	if e.Detail != nil {
		own := *e.Detail
		own.Text, own.Shown, own.OriginAt.ID = strings.Clone(own.Text), strings.Clone(own.Shown), strings.Clone(own.OriginAt.ID)
		e.Detail = &own
	}
}

// First returns the earliest broker time (or arrival, where an entry has no
// broker time) among the entries; Never for an empty chain.
func (c *Chain) First() Instant {
	first := Never
	for i := range c.Entries {
		e := &c.Entries[i]
		if t := e.At(); first == Never || t < first {
			first = t
		}
	}
	return first
}

// At is the broker's time of the entry, else its arrival.
func (e *Entry) At() Instant {
	if e.Time != Never {
		return e.Time
	}
	return e.Seen
}
