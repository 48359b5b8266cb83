// Package compare holds chains against chains: what a chain did then, and what
// one with the same trigger does now.
//
//	observations ─→ Set.Take ──────┐
//	      └→ flows.Audit ─→ Judged ─→ Set → Chain ┐
//	                                              ├→ Comparer.Chains → Differences
//	                    Chain of another Set ─────┘        ↑
//	          two runs of one trigger → Comparer.Learn → Noise
//
// It is the one place for that: diff and the replay drills compare a recording
// with another, and the probes of scenarios compare a run with one whose trigger
// they varied. Ids that are fresh in each run are compared as what they stand
// for. Fields that vary by nature are noise; it is learnt from two runs of the
// same trigger, and a field that is equal in both is never noise.
//
// Nothing here reads a clock or does I/O; Diff has goroutines while it works.
package compare

import (
	"slices"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
)

// What tells what differs.
type What string

// What can differ between two chains.
const (
	Outcome What = "outcome" // another outcome, or none
	Missing What = "missing" // a message that came then did not come now
	Extra   What = "extra"   // a message came that had not come then
	Content What = "content" // a message came with other content
	Order   What = "order"   // two steps changed places
)

// Difference is one thing in which a chain differs from its original.
type Difference struct {
	What What
	// Step and Channel are where; Step is "" for a message that is no step, and
	// both are for an outcome.
	Step, Channel string
	// Was and Now are the two sides in words, but for Content.
	Was, Now string
	// Changes are the fields of a Content.
	Changes []Change
	// Evidence is the message on the side that is new, or the one that is missing.
	Evidence []flows.Evidence
}

// Change is a field that differs: values as JSON text, "" where there is none.
type Change struct{ Path, Was, Now string }

// Comparer compares chains of one flow. It is for one goroutine.
type Comparer struct {
	flow    *flows.Flow
	named   []flows.Noise
	ignored map[Ignored]int
	part    map[int]bool // the steps that are compared; nil: everything
	// What follows is room that is used again.
	renamers [2]renamer
	take     splitter
	begun    []trigger
	fields   []field
}

// Ignored is a field, or an order, that differed and was passed over. Path is ""
// for an order.
type Ignored struct {
	Step, Path string
	// Why is "learnt" or "named in the flow file".
	Why string
}

// New returns a Comparer, with the noise that the flow file names.
func New(f *flows.Flow) *Comparer {
	return &Comparer{flow: f, named: f.Noise, ignored: map[Ignored]int{}}
}

// Ignored tells what was passed over since New, and how often.
func (c *Comparer) Ignored() map[Ignored]int { return c.ignored }

// Chains compares a chain with its original. noise is what was learnt for this
// trigger; nil is nothing.
func (c *Comparer) Chains(was, now *Chain, noise *Noise) []Difference {
	if same(was, now) {
		return nil
	}
	x := c.begin(was, now, noise)
	var all []Difference
	if was.Outcome != now.Outcome && c.part == nil {
		all = append(all, Difference{What: Outcome, Was: outcome(was), Now: outcome(now)})
	}
	if c.part != nil {
		x.kinds = slices.DeleteFunc(x.kinds, func(k kind) bool { return !c.part[int(k.step)] })
	}
	for _, k := range x.kinds {
		all = append(all, x.messages(k)...)
	}
	return append(all, x.orders()...)
}

func outcome(c *Chain) string {
	if c.Outcome == "" {
		return "no outcome"
	}
	return c.Outcome
}

// same reports whether the chains are byte by byte the same, in the same order.
func same(was, now *Chain) bool {
	if was.Outcome != now.Outcome || len(was.messages) != len(now.messages) || was.set.names != now.set.names {
		return false
	}
	for i := range was.messages {
		m, n := &was.messages[i], &now.messages[i]
		if m.kind() != n.kind() || string(was.set.fields(m)) != string(now.set.fields(n)) {
			return false
		}
	}
	return true
}

// kind is a sort of message within a chain: a step, or what is no step, by its
// channel.
type kind struct{ step, channel int16 }

func (m *held) kind() kind {
	if m.step == correlate.NoStep {
		return kind{correlate.NoStep, m.channel}
	}
	return kind{m.step, m.channel}
}

// place names a kind for people.
func (c *Comparer) place(k kind) (step, channel string) {
	if k.step != correlate.NoStep {
		step = c.flow.Steps[k.step].Name
	}
	return step, c.flow.Channels[k.channel].Name
}

// label is the step's name, else the channel's.
func (c *Comparer) label(k kind) string {
	step, channel := c.place(k)
	if step == "" {
		return channel
	}
	return step
}
