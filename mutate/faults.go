package mutate

import (
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// mutants are all faults in all places of the site. What begins a chain is the
// system's input: it may come twice, late for others or not at all, but what it
// says is not the system's doing.
func (s *site) mutants() []*mutant {
	var all []*mutant
	for i := range s.chain.entries {
		e := &s.chain.entries[i]
		if e.step == correlate.NoStep {
			continue
		}
		all = append(all, s.drop(e), s.reroute(e))
		all = append(all, s.duplicate(e)...)
		all = append(all, s.swap(i)...)
		if s.opens(e) {
			continue
		}
		all = append(all, s.delay(i))
		all = append(all, s.fields(e)...)
		all = append(all, s.headers(e)...)
		all = append(all, s.alter(e)...)
		all = append(all, s.join(e)...)
	}
	kept := all[:0]
	for _, m := range all {
		if m != nil {
			kept = append(kept, m)
		}
	}
	return kept
}

func (s *site) flow() *flows.Flow { return s.traffic.cfg.Flow }

func (s *site) message(e *entry) *message.Observation { return s.traffic.messages[e.number] }

// opens reports whether the entry's step follows none.
func (s *site) opens(e *entry) bool { return len(s.flow().Steps[e.step].After) == 0 }

func (s *site) mutant(f Fault, e *entry, edit func() edit) *mutant {
	return &mutant{site: s, edit: edit, what: Survivor{
		Fault: f, Step: s.flow().Steps[e.step].Name, Channel: s.flow().Channels[e.channel].Name,
	}}
}

// one is an edit of one message.
func one(e *entry, o *message.Observation) edit {
	return edit{changed: map[int]*message.Observation{e.number: o}}
}

func (s *site) drop(e *entry) *mutant {
	return s.mutant(Drop, e, func() edit { return one(e, nil) })
}

// beyond is an offset that no recording has.
const beyond = 1 << 48

// moved gives a copy a place of its own in its channel, behind all others.
func moved(o *message.Observation) *message.Observation {
	c := *o
	c.Scan = 0
	switch o.Position.Kind {
	case message.PartitionOffset, message.Sequence:
		c.Position.Offset += beyond
	case message.Opaque:
		c.Position = message.Named(o.Position.ID + "-again")
	default:
	}
	return &c
}

// duplicate sends the message once more, unless the channel says that it may
// come again.
func (s *site) duplicate(e *entry) []*mutant {
	if s.flow().Channels[e.channel].Redeliveries != flows.RedeliveriesJudged {
		return nil
	}
	return []*mutant{s.mutant(Duplicate, e, func() edit {
		c := moved(s.message(e))
		shift(c, time.Millisecond)
		return edit{more: []*message.Observation{c}}
	})}
}

// shift moves a message in time.
func shift(o *message.Observation, by time.Duration) {
	if !o.Time.IsZero() {
		o.Time = o.Time.Add(by)
	}
	o.Seen = o.Seen.Add(by)
}

// delay has the message come after its deadline, and with it all of the chain
// that came after it.
func (s *site) delay(i int) *mutant {
	e := &s.chain.entries[i]
	return s.mutant(Delay, e, func() edit {
		by := s.flow().Steps[e.step].Within
		if by == 0 {
			by = s.flow().Timeout
		}
		changed := map[int]*message.Observation{}
		for k := range s.chain.entries {
			later := &s.chain.entries[k]
			if k == i || k > i && later.step != e.step && later.at > e.at {
				c := *s.message(later)
				c.Scan = 0
				shift(&c, by+time.Second)
				changed[later.number] = &c
			}
		}
		return edit{changed: changed}
	})
}

// swap has the message come before the one that it came after, and, where order
// is kept by key, before the message of another chain.
func (s *site) swap(i int) []*mutant {
	e := &s.chain.entries[i]
	var all []*mutant
	if i > 0 {
		if m := s.swapSteps(&s.chain.entries[i-1], e); m != nil {
			all = append(all, m)
		}
	}
	if m := s.swapKeyed(e); m != nil {
		all = append(all, m)
	}
	return all
}

func (s *site) swapSteps(before, e *entry) *mutant {
	if before.step == correlate.NoStep || before.step == e.step {
		return nil
	}
	a, b := s.message(before), s.message(e)
	ordered := before.channel == e.channel && a.Position.Ordered(b.Position)
	if !ordered && !(before.timed && e.timed) {
		return nil // nobody could tell
	}
	m := s.mutant(Swap, before, func() edit {
		c := *b
		c.Scan = 0
		apart := max(s.flow().Skew, s.flow().ProducerSkew) + time.Millisecond
		shift(&c, time.Duration(before.at.Sub(e.at))-apart)
		changed := map[int]*message.Observation{e.number: &c}
		if ordered {
			d := *a
			d.Scan = 0
			c.Position, d.Position = d.Position, c.Position
			changed[before.number] = &d
		}
		return edit{changed: changed}
	})
	m.what.Other = s.flow().Steps[e.step].Name
	return m
}

// swapKeyed exchanges the places of the message and the one before it of the
// same key, in the same partition, if that is another chain's.
func (s *site) swapKeyed(e *entry) *mutant {
	o := s.message(e)
	if o.Position.Kind != message.PartitionOffset || o.Key == nil {
		return nil
	}
	of := s.traffic.byKey[lane{o.Channel, o.Position.Partition, string(o.Key)}]
	before := -1
	for i, n := range of {
		if n == e.number && i > 0 {
			before = of[i-1]
		}
	}
	if before < 0 || s.owns(before) || !s.traffic.sequenced(e.channel) {
		return nil
	}
	m := s.mutant(Swap, e, func() edit {
		a, b := *s.traffic.messages[before], *o
		a.Scan, b.Scan = 0, 0
		a.Position, b.Position = b.Position, a.Position
		a.Time, b.Time = b.Time, a.Time
		a.Seen, b.Seen = b.Seen, a.Seen
		return edit{changed: map[int]*message.Observation{before: &a, e.number: &b}}
	})
	m.what.Other = m.what.Step
	return m
}

func (s *site) owns(number int) bool {
	for i := range s.chain.entries {
		if s.chain.entries[i].number == number {
			return true
		}
	}
	return false
}

// reroute has the message come on another channel: the next in the file.
func (s *site) reroute(e *entry) *mutant {
	all := s.flow().Channels
	if len(all) < 2 {
		return nil
	}
	to := &all[(int(e.channel)+1)%len(all)]
	m := s.mutant(Reroute, e, func() edit {
		c := moved(s.message(e))
		c.Channel = to.Name
		return one(e, c)
	})
	m.what.Other = to.Name
	return m
}

// join gives the message an id of another chain: one of several, so that it ties
// the two, or its only one, so that it goes to the other.
func (s *site) join(e *entry) []*mutant {
	if s.other == s {
		return nil
	}
	o := s.message(e)
	for i := len(s.flow().IDs) - 1; i >= 0; i-- {
		name := s.flow().IDs[i].Name
		mine, theirs := s.chain.ids[name], s.other.chain.ids[name]
		if mine == "" || theirs == "" || mine == theirs {
			continue
		}
		if c := renamed(o, mine, theirs); c != nil {
			return []*mutant{s.mutant(Join, e, func() edit {
				return edit{changed: map[int]*message.Observation{e.number: renamed(o, mine, theirs)}, with: s.other}
			})}
		}
	}
	return nil
}
