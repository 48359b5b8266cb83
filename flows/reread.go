package flows

import (
	"sort"
	"strings"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/message"
)

// readings are the last messages of each partition, so that an offset that a tap
// reads again is compared with what it was.
type readings struct {
	channels [][]lately // by channel and partition
	found    []ruleFinding
	owed     map[uint64]*reading // whose chains are to be named yet, by seq
}

// lately are the last messages of a partition.
type lately struct {
	partition int32
	next      int
	last      []reading
}

type reading struct {
	seq     uint64 // of its entry
	offset  int64
	content uint64
	own     bool             // it has a chain of its own
	told    bool             // that it has two contents
	id      correlate.ID     // one of them, where it is in the chains of others as well
	chain   *correlate.Chain // that had those, once it has been let go of
}

// maxReadings is how many messages of a partition are remembered. A tap that
// connects again reads again what it read last.
const maxReadings = 256

// content is a hash of what makes a message: its key and its payload.
func content(e *correlate.Entry) uint64 {
	h := e.Body*31 ^ e.Key
	if e.Tombstone {
		h += 1
	}
	if e.HasKey {
		h += 2
	}
	return h
}

func (r *readings) of(e *correlate.Entry) *lately {
	all := r.channels[e.Channel]
	for i := range all {
		if all[i].partition == e.Position.Partition {
			return &all[i]
		}
	}
	r.channels[e.Channel] = append(all, lately{partition: e.Position.Partition})
	return &r.channels[e.Channel][len(all)]
}

// note remembers a message that was read for the first time, and whether it has
// a chain of its own.
func (r *readings) note(m *correlate.Message, own correlate.Number) {
	e := &m.Entry
	if e.Position.Kind != message.PartitionOffset {
		return
	}
	l := r.of(e)
	one := reading{seq: e.Seq, offset: e.Position.Offset, content: content(e), own: own != 0}
	if one.own && len(m.Listed) > 0 {
		one.id = correlate.Canonical(m.IDs[0])
		one.id.Value = strings.Clone(one.id.Value)
	}
	if len(l.last) < maxReadings {
		l.last = append(l.last, one)
		return
	}
	l.last[l.next] = one
	l.next = (l.next + 1) % maxReadings
}

// again compares a message that was read again with what its offset was.
func (r *readings) again(f *Flow, again *reduced) {
	e := &again.Entry
	if !again.mine || e.Position.Kind != message.PartitionOffset {
		return
	}
	ch, l := &f.Channels[again.channel], r.of(e)
	for i := range l.last {
		was := &l.last[i]
		if was.offset != e.Position.Offset || was.content == content(e) || was.told {
			continue
		}
		was.told = true
		p := place{at: e.Position, time: e.Time, seen: e.Seen, chain: r.chainOf(was), producer: e.Producer}
		found := ruleFinding{place: p, Finding: Finding{
			Kind: Conflict, Text: "an offset on " + ch.Name + " was read again with other content",
			Expected: "identical content", Actual: "other content", Evidence: []Evidence{{ch.Name, e.Position}},
		}}
		found.call(InconsistentOffsets, "")
		r.found = append(r.found, found)
	}
}

// chainOf is the chain of a message, nil where it has none. It may have its name
// later.
func (r *readings) chainOf(m *reading) *correlate.Chain {
	if m.own && m.chain == nil {
		m.chain = &correlate.Chain{}
		if r.owed == nil {
			r.owed = map[uint64]*reading{}
		}
		owed := *m
		r.owed[m.seq] = &owed
	}
	return m.chain
}

// released names the messages of a chain that is let go of.
func (r *readings) released(c *correlate.Chain) {
	for i := range c.Entries {
		e := &c.Entries[i]
		if e.Position.Kind != message.PartitionOffset {
			continue
		}
		r.of(e).entry(e.Seq).name(c)
		r.owed[e.Seq].name(c)
	}
}

// name notes whose the message is, if c is its own chain.
func (m *reading) name(c *correlate.Chain) {
	if m == nil || !m.own || m.id.Value != "" && !shares(c, []correlate.ID{m.id}) {
		return
	}
	if m.chain == nil {
		m.chain = &correlate.Chain{}
	}
	*m.chain = *(&correlate.Chain{IDs: c.IDs, Met: c.Met}).Clone()
}

// entry finds a message, nil where it is no longer remembered.
func (l *lately) entry(seq uint64) *reading {
	if len(l.last) == 0 || seq < l.last[l.next%len(l.last)].seq {
		return nil
	}
	// They lie in the order of their numbers, the first of them at next.
	n := len(l.last)
	i := sort.Search(n, func(i int) bool { return l.last[(l.next+i)%n].seq >= seq })
	if m := &l.last[(l.next+i)%n]; i < n && m.seq == seq {
		return m
	}
	return nil
}

// reportRereads tells of offsets that were read again with other content; a run
// of those in its own chains.
func (a *Audit) reportRereads() {
	for _, f := range a.read.found {
		var c *correlate.Chain
		if f.place.chain != nil {
			c = f.place.chain.Current()
			f.Chain, f.IDs = a.flow.label(c)
		}
		if a.cfg.OwnOnly && (c == nil || len(a.scenariosOf(c.IDs)) == 0) {
			continue
		}
		a.result.Findings = append(a.result.Findings, f.Finding)
	}
}
