package flows

import (
	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/message"
)

// readings are the last messages of each partition, so that an offset that a tap
// reads again is compared with what it was.
type readings struct {
	channels [][]lately // by channel and partition
	found    []ruleFinding
}

// lately are the last messages of a partition.
type lately struct {
	partition int32
	next      int
	last      []reading
}

type reading struct {
	offset  int64
	content uint64
	chain   *correlate.Chain
	told    bool // that it has two contents
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

// note remembers a message that was read for the first time, and its chain.
func (r *readings) note(e *correlate.Entry, c *correlate.Chain) {
	if e.Position.Kind != message.PartitionOffset {
		return
	}
	l := r.of(e)
	one := reading{e.Position.Offset, content(e), c, false}
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
		p := place{at: e.Position, time: e.Time, seen: e.Seen, chain: was.chain, producer: e.Producer}
		found := ruleFinding{place: p, Finding: Finding{
			Kind: Conflict, Text: "an offset on " + ch.Name + " was read again with other content",
			Expected: "identical content", Actual: "other content", Evidence: []Evidence{{ch.Name, e.Position}},
		}}
		found.call(InconsistentOffsets, "")
		r.found = append(r.found, found)
	}
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
		if a.cfg.OwnOnly && (c == nil || len(a.scenariosOf(c)) == 0) {
			continue
		}
		a.result.Findings = append(a.result.Findings, f.Finding)
	}
}
