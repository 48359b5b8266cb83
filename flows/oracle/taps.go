package oracle

import (
	"cmp"
	"slices"
)

// lane is a partition, or a whole queue: what keeps its own order.
type lane struct {
	channel   int
	partition int32
	drafts    []*draft
}

// seen gives the drafts their places and times, and merges them as the taps saw
// them.
func (g *generator) seen(f *Flow) []Event {
	lanes := g.lanes(f)
	g.number(f)
	var all []*Message
	for _, l := range lanes {
		g.place(f, l)
	}
	for _, l := range lanes {
		for _, d := range l.drafts {
			if o := d.origin; o != nil && d.msg.Death != nil {
				d.msg.Death.Partition, d.msg.Death.Offset = o.msg.Partition, o.msg.Offset
			}
			all = append(all, d.msg)
		}
	}
	if !g.wish.Sound && g.chance(15) {
		g.wrongOrigins(all)
	}
	slices.SortStableFunc(all, func(a, b *Message) int { return cmp.Compare(a.Seen, b.Seen) })
	count := map[int]int64{}
	events := make([]Event, 0, len(all)+4)
	for _, m := range all {
		if m.Channel >= 0 && f.Channels[m.Channel].Broker == AMQP {
			count[m.Channel]++
			m.Offset = count[m.Channel]
		}
		events = append(events, Event{Message: m})
	}
	return events
}

// lanes sorts the drafts into partitions, each in the order of the broker.
func (g *generator) lanes(f *Flow) []*lane {
	slices.SortFunc(g.drafts, bySerial)
	var lanes []*lane
	partitions := make([]int, len(f.Channels)+1)
	scattered := !g.wish.Sound && g.chance(35)
	for i := range partitions {
		partitions[i] = 1
		if i > 0 && f.Channels[i-1].Broker == Kafka {
			partitions[i] = g.between(1, 3)
		}
	}
	for _, d := range g.drafts {
		n := partitions[d.msg.Channel+1]
		partition := int((d.msg.Body.K + "x")[0]-'x') % n
		if scattered {
			partition = g.upTo(n - 1)
		}
		i := slices.IndexFunc(lanes, func(l *lane) bool { return l.channel == d.msg.Channel && l.partition == int32(partition) })
		if i < 0 {
			lanes = append(lanes, &lane{channel: d.msg.Channel, partition: int32(partition)})
			i = len(lanes) - 1
		}
		lanes[i].drafts = append(lanes[i].drafts, d)
	}
	for _, l := range lanes {
		for i, d := range l.drafts {
			if to := i + d.shift; d.shift != 0 && to >= 0 && to < len(l.drafts) {
				l.drafts[i], l.drafts[to] = l.drafts[to], l.drafts[i]
				d.shift = 0
			}
		}
	}
	return lanes
}

// number gives messages their places in the sequences that rules follow: by
// channel, or by channel and key.
func (g *generator) number(f *Flow) {
	type key struct {
		channel int
		k       string
	}
	next := map[key]int{}
	numbered := map[*int]bool{}
	for _, copies := range []bool{false, true} {
		for _, d := range g.drafts {
			b := &d.msg.Body
			if b.Seq == nil || numbered[b.Seq] || (d.origin != nil) != copies {
				continue
			}
			numbered[b.Seq] = true
			k := key{d.msg.Channel, b.K}
			if slices.ContainsFunc(f.Rules, func(r Rule) bool { return r.Kind == "ordered" && r.Channel == k.channel && !r.Keyed }) {
				k.k = ""
			}
			next[k]++
			*b.Seq = next[k]
		}
	}
	g.sequencePlants()
	if g.wish.Sound || len(g.drafts) == 0 || !g.chance(25) {
		return
	}
	for range g.between(1, 3) {
		if b := &g.drafts[g.upTo(len(g.drafts)-1)].msg.Body; b.Seq != nil {
			n := g.upTo(6)
			b.Seq = &n
		}
	}
}

// place gives the messages of a lane their offsets and times.
func (g *generator) place(f *Flow, l *lane) {
	broker := Kafka
	if l.channel >= 0 {
		broker = f.Channels[l.channel].Broker
	}
	producer := broker == Kafka && g.chance(25)
	flaky := !g.wish.Sound && g.chance(10)
	lag := pick(g, 5*ms, 0, 40*ms)
	if !g.wish.Sound {
		lag = pick(g, lag, lag, lag, 1200*ms, 9*second)
	}
	seen, offset := int64(None), int64(g.upTo(3))
	for _, d := range l.drafts {
		m := d.msg
		m.Partition, m.Time, m.Producer = l.partition, d.time, producer
		if broker == AMQP || flaky && g.chance(50) {
			m.Time, m.Producer = None, false
		}
		seen = max(seen, d.time+lag)
		m.Seen = seen
		m.Offset = offset
		offset++
		if g.chance(10) {
			offset += int64(g.upTo(3))
		}
		if broker == SNS {
			m.Offset = int64(d.serial)
		}
	}
}

// wrongOrigins changes what the headers of copies say.
func (g *generator) wrongOrigins(all []*Message) {
	for _, m := range all {
		if m.Death == nil || !g.chance(50) {
			continue
		}
		m.Death.Offset += int64(g.upTo(1))
		if g.chance(50) {
			m.Death.Origin = g.otherOrigin(m.Death.Origin)
		}
	}
}

// otherOrigin is a channel on the same broker, or one that the flow lacks.
func (g *generator) otherOrigin(origin int) int {
	f := g.flowing
	if origin < 0 {
		return -1
	}
	other := g.upTo(len(f.Channels)) - 1
	if other >= 0 && f.Channels[other].Broker != f.Channels[origin].Broker {
		return -1
	}
	return other
}

// horizon draws how far the taps can vouch for what they saw, and in which
// order their words arrive.
func (g *generator) horizon(run *Run) {
	if g.chance(10) {
		run.Mode = "shadow"
	}
	if g.chance(30) {
		run.Events = Shuffle(run.Events, func(n int) int { return g.upTo(n - 1) })
	}
	if n := len(run.Events); n > 0 && g.chance(20) {
		run.Started = run.Events[g.upTo(n-1)].Message.Seen
		run.Events = slices.DeleteFunc(run.Events, func(e Event) bool { return e.Message.Seen < run.Started })
	} else if g.chance(10) {
		run.Started = None
	}
	for range g.upTo(2) {
		if len(run.Events) > 0 && g.chance(40) {
			i := g.upTo(len(run.Events) - 1)
			run.Events = slices.Insert(run.Events, g.between(i, len(run.Events)), Event{Message: g.readAgain(run.Events[i].Message)})
		}
	}
	for range g.upTo(2) {
		if !g.chance(40) {
			continue
		}
		i := g.upTo(len(run.Events))
		at := last(run.Events[:i]) + pick(g, 0, ms, 500*ms, 5*second)
		gap := &Gap{Channel: g.upTo(len(g.flowing.Channels) - 1), At: at, Reason: "lost"}
		run.Events = slices.Insert(run.Events, i, Event{Gap: gap})
	}
	if g.chance(75) {
		run.Events = append(run.Events, Event{End: true, At: last(run.Events) + pick(g, 60*second, 0, second, 3000*second, 5*ms)})
	}
}

// readAgain is the message as a tap reads it a second time; sometimes the log says
// something else then.
func (g *generator) readAgain(m *Message) *Message {
	if m.Channel < 0 || g.flowing.Channels[m.Channel].Broker != Kafka || !g.chance(30) {
		return m
	}
	other := *m
	other.Body.Noise += 5000
	return &other
}

// Shuffle is the events in another order that keeps each partition's own; below
// draws a number below n. A gap stays where it is among the messages of its
// channel, the end at the end.
func Shuffle(events []Event, below func(n int) int) []Event {
	left := slices.Clone(events)
	var out []Event
	for len(left) > 0 {
		var free []int
		for i := range left {
			if !slices.ContainsFunc(left[:i], func(e Event) bool { return tied(e, left[i]) }) {
				free = append(free, i)
			}
		}
		i := free[below(len(free))]
		out = append(out, left[i])
		left = slices.Delete(left, i, i+1)
	}
	return out
}

// tied reports whether b cannot be told before a.
func tied(a, b Event) bool {
	switch {
	case a.End || b.End:
		return true
	case a.Gap != nil && b.Gap != nil:
		return a.Gap.Channel == b.Gap.Channel
	case a.Gap != nil:
		return a.Gap.Channel == b.Message.Channel
	case b.Gap != nil:
		return b.Gap.Channel == a.Message.Channel
	default:
		return a.Message.Channel == b.Message.Channel && a.Message.Partition == b.Message.Partition
	}
}
