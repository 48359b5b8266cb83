package correlate

import (
	"slices"

	"github.com/flowcheck/flowcheck/message"
)

// Horizon is what the taps can vouch for: from when, how far, and where they
// may have lost something. It is the other half, beside the chain, of what a
// judgement rests on.
type Horizon struct {
	// Started is when the taps were armed; Never: not known.
	Started Instant
	// End is the time to which every tap had read; Never: there was no such word.
	// EndDecides tells that what is absent by then and has no deadline of its own
	// is missing.
	End        Instant
	EndDecides bool
	// Channels by index in the flow.
	Channels []ChannelHorizon

	first Instant // arrival
}

// ChannelHorizon is a channel's part of the Horizon.
type ChannelHorizon struct {
	// Gaps in which messages may have been lost, in the order told.
	Gaps []Gap
	// Timed tells that messages of the channel had a broker time.
	Timed bool
	// ReadTo is the instant to which the channel's tap has said that it had read;
	// zero where it has said nothing, or cannot tell.
	ReadTo Instant
	// GapsTold is how many of the Gaps somebody has been told.
	GapsTold int
	// Aways are the times in which the tap did not read, in their order.
	Aways []Away

	lossy      bool // nothing was read since the last gap
	partitions []partition
	named      recent // opaque positions read lately
}

// Gap is a loss: after From (Never: from the beginning), up to To.
type Gap struct {
	From, To Instant
	Reason   string
}

// Away is a time in which a tap did not read while messages could wait for it:
// one that was seen from To to Back may have come at any time since From. Back is
// Never until the tap has read all that had waited.
type Away struct{ From, To, Back Instant }

// partition is how far one partition, or a whole queue, has been read.
type partition struct {
	number     int32
	time, seen Instant // the latest
	last       Instant // of the last message: its broker time, else its arrival
	read       spans
}

// NewHorizon returns the horizon of n channels before the first message.
func NewHorizon(n int, started Instant) *Horizon {
	h := &Horizon{Started: started, End: Never, first: Never, Channels: make([]ChannelHorizon, n)}
	return h
}

// Read notes a message. It returns false for one that was read before: the same
// offset of the same partition, or the same name.
func (h *Horizon) Read(channel int, at message.Position, time, seen Instant) bool {
	c := &h.Channels[channel]
	c.lossy = false
	p := c.partition(at)
	if at.Kind == message.PartitionOffset && !p.read.add(at.Offset) {
		return false
	}
	if at.Kind == message.Opaque && !c.named.add(at.ID) {
		return false
	}
	if time != Never {
		c.Timed = true
		p.time = max(p.time, time)
	}
	p.seen = max(p.seen, seen)
	if p.last = time; time == Never {
		p.last = seen
	}
	if h.first == Never || seen < h.first {
		h.first = seen
	}
	return true
}

// Began is when the taps were armed; where nobody said it, when the first message
// was seen. Never: there was none.
func (h *Horizon) Began() Instant {
	if h.Started.Known() {
		return h.Started
	}
	return h.first
}

// Lost notes a gap that was told at the instant to. The loss may be of any
// partition: it begins with the last message of the one that is furthest behind.
func (h *Horizon) Lost(channel int, to Instant, reason string) {
	c := &h.Channels[channel]
	c.lossy = true
	from := Never
	for i := range c.partitions {
		if last := c.partitions[i].last; from == Never || last != Never && last < from {
			from = last
		}
	}
	c.Gaps = append(c.Gaps, Gap{From: from, To: max(to, from), Reason: reason})
}

// ReadPast reports whether the channel has been read past the instant, by
// broker time or by arrival: its slowest partition, or the end of all.
func (h *Horizon) ReadPast(channel int, t Instant, arrival bool) bool {
	return h.ToldPast(channel, t) || !(arrival && h.waits(channel)) && h.PartitionsPast(channel, t, arrival)
}

// ToldPast reports whether the tap has said that it had read past the instant.
func (h *Horizon) ToldPast(channel int, t Instant) bool {
	c := &h.Channels[channel]
	return h.End != Never && h.End >= t || c.ReadTo != 0 && c.ReadTo >= t
}

// waits reports whether messages of the channel may still be waiting for a tap
// that was away: then what was read tells nothing of what had come.
func (h *Horizon) waits(channel int) bool {
	all := h.Channels[channel].Aways
	return len(all) > 0 && all[len(all)-1].Back == Never
}

// maxAways bounds the times away that a channel remembers.
const maxAways = 256

// Expect notes that the channel has a partition, though nothing of it may have
// been read yet, and at which offset reading begins. After a loss that may be one
// that was read before: the log is another.
func (h *Horizon) Expect(channel int, at message.Position) {
	c := &h.Channels[channel]
	p := c.partition(at)
	if n := len(p.read); c.lossy && n > 0 && at.Offset <= p.read[n-1].to {
		p.read = nil
	}
}

// Gone notes that the channel's tap was away from one instant to another.
func (h *Horizon) Gone(channel int, from, to Instant) {
	c := &h.Channels[channel]
	if len(c.Aways) == maxAways {
		c.Aways = slices.Delete(c.Aways, 0, 1)
	}
	c.Aways = append(c.Aways, Away{from, to, Never})
}

// Back notes that the channel's tap has read all that had waited for it.
func (h *Horizon) Back(channel int, at Instant) {
	for i := range h.Channels[channel].Aways {
		if a := &h.Channels[channel].Aways[i]; a.Back == Never {
			a.Back = at
		}
	}
}

// Arrived is the earliest instant at which a message that was seen may have come.
func (h *Horizon) Arrived(channel int, seen Instant) Instant {
	for _, a := range h.Channels[channel].Aways {
		if seen >= a.To && (a.Back == Never || seen <= a.Back) {
			return min(a.From, seen)
		}
	}
	return seen
}

// PartitionsPast is ReadPast by the messages alone.
func (h *Horizon) PartitionsPast(channel int, t Instant, arrival bool) bool {
	c := &h.Channels[channel]
	if len(c.partitions) == 0 {
		return false
	}
	for i := range c.partitions {
		read := c.partitions[i].time
		if arrival {
			read = c.partitions[i].seen
		}
		if read == Never || read <= t {
			return false
		}
	}
	return true
}

// LossIn returns the index of the first gap of the channel that meets the
// window, and whether there is one.
func (h *Horizon) LossIn(channel int, from, to Instant) (int, bool) {
	for i, g := range h.Channels[channel].Gaps {
		if g.From <= to && g.To >= from {
			return i, true
		}
	}
	return 0, false
}

// LossesIn returns the indices of all gaps of the channel that meet the window.
func (h *Horizon) LossesIn(channel int, from, to Instant) []int {
	var all []int
	for i, g := range h.Channels[channel].Gaps {
		if g.From <= to && g.To >= from {
			all = append(all, i)
		}
	}
	return all
}

// Latest is when the last message of the channel came, by the tap's clock or the
// broker's; Never where none did.
func (c *ChannelHorizon) Latest() Instant {
	latest := Never
	for i := range c.partitions {
		latest = max(latest, c.partitions[i].seen, c.partitions[i].time)
	}
	return latest
}

func (c *ChannelHorizon) partition(at message.Position) *partition {
	number := at.Partition
	for i := range c.partitions {
		if c.partitions[i].number == number {
			return &c.partitions[i]
		}
	}
	c.partitions = append(c.partitions, partition{number: number, time: Never, seen: Never, last: Never})
	return &c.partitions[len(c.partitions)-1]
}

// spans is a set of offsets, kept as the runs that they form: a partition read
// from end to end is one run.
type spans []span

type span struct{ from, to int64 } // both included

// maxSpans bounds the runs; beyond it the lower half become one.
const maxSpans = 1 << 16

// add reports whether the offset is new.
func (s *spans) add(offset int64) bool {
	runs := *s
	if n := len(runs); n > 0 && offset == runs[n-1].to+1 {
		runs[n-1].to = offset
		return true
	}
	i, _ := slices.BinarySearchFunc(runs, offset, func(r span, o int64) int {
		switch {
		case r.to < o:
			return -1
		case r.to > o:
			return 1
		}
		return 0
	})
	if i < len(runs) && runs[i].from <= offset {
		return false
	}
	before := i > 0 && runs[i-1].to+1 == offset
	after := i < len(runs) && runs[i].from == offset+1
	switch {
	case before && after:
		runs[i-1].to = runs[i].to
		runs = slices.Delete(runs, i, i+1)
	case before:
		runs[i-1].to = offset
	case after:
		runs[i].from = offset
	default:
		runs = slices.Insert(runs, i, span{offset, offset})
	}
	if len(runs) > maxSpans {
		const half = maxSpans / 2 // at once: moving the rest takes time
		runs[half].from = runs[0].from
		runs = slices.Delete(runs, 0, half)
	}
	*s = runs
	return true
}

// recent is a bounded set of names: the last maxNames of them at least.
type recent struct{ young, old map[string]struct{} }

const maxNames = 1 << 16

// add reports whether the name is new.
func (r *recent) add(name string) bool {
	if _, ok := r.young[name]; ok {
		return false
	}
	if _, ok := r.old[name]; ok {
		return false
	}
	if r.young == nil || len(r.young) >= maxNames {
		r.old, r.young = r.young, map[string]struct{}{}
	}
	r.young[name] = struct{}{}
	return true
}
