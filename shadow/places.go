package shadow

import (
	"cmp"
	"slices"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// places are how far each channel of a flow has been read: what the journal says.
// They are kept by who reads it, and by who writes it.
type places map[string]*channelPlaces

// channelPlaces is the place of one channel.
type channelPlaces struct {
	parts  []partPlace
	fences []message.Mark // with an id, the last of them
	lossy  bool           // nothing has come since a gap
}

// partPlace is the offset, or the number in a queue, that comes next.
type partPlace struct {
	kind      message.PositionKind
	partition int32
	next      int64
}

// maxFences is how many fences of a queue are kept: its tap finds the last again
// that the broker knows.
const maxFences = 16

func (p places) of(channel string) *channelPlaces {
	c := p[channel]
	if c == nil {
		c = &channelPlaces{}
		p[channel] = c
	}
	return c
}

func (c *channelPlaces) part(at message.Position) *partPlace {
	for i := range c.parts {
		if c.parts[i].partition == at.Partition && c.parts[i].kind == at.Kind {
			return &c.parts[i]
		}
	}
	c.parts = append(c.parts, partPlace{kind: at.Kind, partition: at.Partition, next: -1})
	return &c.parts[len(c.parts)-1]
}

// take notes an event. It returns false for a message from before the place: one
// that the tap has told again.
func (p places) take(e *message.Event) bool {
	if o := e.Observation; o != nil {
		c := p.of(o.Channel)
		c.lossy = false
		if o.Position.Kind != message.PartitionOffset && o.Position.Kind != message.Sequence {
			return true
		}
		part := c.part(o.Position)
		if o.Position.Offset < part.next {
			return false
		}
		part.next = o.Position.Offset + 1
		return true
	}
	switch m := e.Mark; m.Kind {
	case message.MarkGap:
		p.of(m.Channel).lossy = true
	case message.MarkFence:
		p.fence(m)
	default:
	}
	return true
}

func (p places) fence(m *message.Mark) {
	c := p.of(m.Channel)
	if m.Position.Kind != message.NoPosition {
		// After a loss the log may be another, that begins anew.
		part := c.part(m.Position)
		if m.Position.Offset > part.next || c.lossy {
			part.next = m.Position.Offset
		}
	}
	if m.ID != "" {
		kept := *m
		kept.Kept = nil
		if i := slices.IndexFunc(c.fences, func(f message.Mark) bool { return f.ID == m.ID }); i >= 0 {
			c.fences = slices.Delete(c.fences, i, i+1)
		}
		if len(c.fences) == maxFences {
			c.fences = slices.Delete(c.fences, 0, 1)
		}
		c.fences = append(c.fences, kept)
	}
}

// resumable reports whether a tap of the channel can go on where it was.
func (p places) resumable(channel string) bool {
	c := p[channel]
	return c != nil && (len(c.fences) > 0 || slices.ContainsFunc(c.parts, func(part partPlace) bool { return part.kind == message.PartitionOffset }))
}

// counted is, by the flow's channels, how many messages of a queue the taps have
// counted, where a tap begins to count anew: one that leaves fences goes on.
func (p places) counted(f *flows.Flow) []int64 {
	all := make([]int64, len(f.Channels))
	for i := range f.Channels {
		c := p[f.Channels[i].Name]
		if c == nil || len(c.fences) > 0 {
			continue
		}
		for _, part := range c.parts {
			if part.kind == message.Sequence {
				all[i] = part.next - 1
			}
		}
	}
	return all
}

// marks are fences that say the same, the last word on each partition last.
func (p places) marks() []message.Mark {
	var all []message.Mark
	for channel, c := range p {
		all = append(all, c.fences...)
		for _, part := range c.parts {
			at := message.Position{Kind: part.kind, Partition: part.partition, Offset: part.next}
			all = append(all, message.Mark{Kind: message.MarkFence, Channel: channel, Position: at})
		}
	}
	slices.SortStableFunc(all, func(a, b message.Mark) int { return cmp.Compare(a.Channel, b.Channel) })
	return all
}
