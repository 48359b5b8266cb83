package workers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/shadow"
)

// judge judges one partition of the topic. What it comes to depends on what is in
// the partition, and on nothing else: its clock is in there, too. It is for one
// goroutine at a time.
type judge struct {
	w         *worker
	partition int32
	lanes     map[string][]*lane // by flow
	duties    []duty
	next      int64 // the offset to be taken next
	told      int64 // what came before has been told, by whoever
	now       time.Time
	began     time.Time // when the last tap was armed first; zero: not yet
	pending   []shadow.Record
	tallies   map[string]*shadow.Tally // by flow: chains that closed in the span
	span      time.Time                // when it began
	low       lowWater
	cycle     uint64 // of the collections of garbage, when chains were last let go of
	err       error
}

// lane is one lane of a flow.
type lane struct {
	flow    *watched
	rule    bool // a rule's: chains are told by the first lane
	live    *flows.Live
	decoder message.Decoder
	learner *flows.Learner
	numbers map[string]*numbers // by channel: of queues
	of      *judge
}

// duty is what marks have said of one.
type duty struct {
	session string
	seen    time.Time
	armed   time.Time
	offset  int64 // of the last mark
	read    map[string]map[string]time.Time
	places  []place
}

func newJudge(w *worker, partition int32) *judge {
	j := &judge{w: w, partition: partition, lanes: map[string][]*lane{}, duties: make([]duty, w.parts), tallies: map[string]*shadow.Tally{}, next: -1}
	j.low.every = sampleEvery
	chains := w.cfg.Shadow.Limits.Chains
	if chains == 0 {
		chains = shadow.DefaultChains
	}
	for _, one := range w.flows {
		j.tallies[one.name] = &shadow.Tally{}
		for i, f := range one.split.Lanes {
			l := &lane{flow: one, rule: i > 0, of: j, numbers: map[string]*numbers{}}
			l.learner = flows.NewLearner(f, w.schemas(one))
			l.live = flows.NewLive(f, flows.LiveConfig{
				Tell: l.tell, MaxChains: max(100, chains/len(w.flows)/int(w.parts)), MaxEntries: w.cfg.Shadow.Limits.Entries,
			})
			l.decoder.Bodies = l.live.Bodies()
			j.lanes[one.name] = append(j.lanes[one.name], l)
		}
		j.low.horizon = max(j.low.horizon, one.split.Horizon())
	}
	return j
}

// schemas is for one goroutine.
func (w *worker) schemas(f *watched) flows.Schemas { return w.cfg.Shadow.Flows[f.index].Schemas }

// loud tells whether what is said now has not been told by an earlier owner.
func (j *judge) loud() bool { return j.next >= j.told }

// take takes the next message of the partition.
func (j *judge) take(m *sarama.ConsumerMessage) error {
	if m.Offset < j.next {
		return nil
	}
	if j.next >= 0 && m.Offset > j.next {
		j.lost(m.Offset, m.Timestamp)
	}
	j.next = m.Offset
	err := j.read(m)
	j.next = m.Offset + 1
	j.low.note(m.Offset, j.now)
	if err != nil {
		return fmt.Errorf("%s, partition %d, offset %d: %w", m.Topic, m.Partition, m.Offset, err)
	}
	return nil
}

func (j *judge) read(m *sarama.ConsumerMessage) error {
	if m.Key == nil {
		var mk mark
		if err := json.Unmarshal(m.Value, &mk); err != nil {
			return err
		}
		j.mark(&mk)
		return nil
	}
	flow, n, err := address(m.Key)
	if err != nil {
		return err
	}
	lanes := j.lanes[flow]
	if lanes == nil || n >= len(lanes) {
		return fmt.Errorf("it is for lane %d of the flow %q, which this worker lacks: all workers of a group need the same flow files", n, flow)
	}
	if n >= 0 {
		return lanes[n].add(m.Value)
	}
	for _, l := range lanes {
		if err := l.add(m.Value); err != nil {
			return err
		}
	}
	return nil
}

// add takes a line.
func (l *lane) add(line []byte) error {
	l.decoder.Reset()
	e, err := l.decoder.Decode(line)
	if err != nil {
		return err
	}
	if o := e.Observation; o != nil {
		if !l.fresh(o) {
			return nil
		}
		l.learn(o)
		l.of.low.seen(o.Seen)
		if !l.rule && l.of.loud() {
			l.saw(o)
		}
	}
	if e.Mark != nil && e.Mark.Kind == message.MarkGap && !l.rule {
		l.flow.status.Gaps.Add(1)
	}
	l.live.Add(e)
	return nil
}

func (l *lane) saw(o *message.Observation) {
	l.flow.status.Messages.Add(1)
	l.flow.status.Bytes.Add(int64(len(o.Payload)))
	for _, watcher := range l.of.w.cfg.Shadow.Watchers {
		if s, ok := watcher.(shadow.Seer); ok {
			s.Saw(l.flow.name, o.Clone())
		}
	}
}

// mark takes a forwarder's word.
func (j *judge) mark(m *mark) {
	for _, n := range m.Duties {
		if n < 0 || int(n) >= len(j.duties) {
			continue
		}
		d := &j.duties[n]
		if d.session != "" && d.session != m.Session {
			j.low.pin(d.offset, m.Seen)
		}
		d.session, d.offset = m.Session, j.next
		d.seen = later(d.seen, m.Seen)
		if d.armed.IsZero() {
			d.armed = m.Armed
		}
		d.places = merge(d.places, m.Places)
		if d.read == nil {
			d.read = map[string]map[string]time.Time{}
		}
		for flow, channels := range m.Read {
			if d.read[flow] == nil {
				d.read[flow] = map[string]time.Time{}
			}
			for channel, at := range channels {
				d.read[flow][channel] = later(d.read[flow][channel], at)
			}
		}
	}
	j.expect(m.Places)
	j.look()
}

// expect tells the lanes which partitions channels have.
func (j *judge) expect(places []place) {
	for i := range places {
		p := &places[i]
		fence := p.fence(p.Channel)
		if fence.Position.Kind != message.PartitionOffset {
			continue
		}
		for _, l := range j.lanes[p.Flow] {
			l.live.Add(message.Event{Mark: &fence})
		}
	}
}

// look judges what is to be judged, once every duty has been heard of: by then all
// taps have been armed, and what they read since is in the partition.
func (j *judge) look() {
	now := time.Time{}
	began := time.Time{}
	for i := range j.duties {
		d := &j.duties[i]
		if d.seen.IsZero() {
			return
		}
		if now.IsZero() || d.seen.Before(now) {
			now = d.seen
		}
		began = later(began, d.armed)
	}
	if !now.After(j.now) {
		return
	}
	j.now = now
	j.count()
	if j.began.IsZero() {
		j.began = began
		j.begin()
	}
	for _, lanes := range j.lanes {
		for _, l := range lanes {
			j.readTo(l)
			l.live.Sweep(correlate.InstantOf(now))
		}
	}
}

// tallyEvery is the span in which chains are counted together. A count is told when
// the span is over, by whoever has the partition then.
const tallyEvery = 10 * time.Second

// count tells how many chains have closed in a span that is over.
func (j *judge) count() {
	span := j.now.Truncate(tallyEvery)
	if span.Equal(j.span) {
		return
	}
	for flow, t := range j.tallies {
		if t.Total > 0 && j.loud() {
			id := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d\x00%d", j.w.topic, flow, j.partition, j.span.Unix()))
			counted := *t
			j.pending = append(j.pending, shadow.Record{Time: j.now, Event: shadow.EventChains, Flow: flow, ID: hex.EncodeToString(id[:12]), Chains: &counted})
		}
		*t = shadow.Tally{}
	}
	j.span = span
}

// begin tells the lanes since when messages have been seen.
func (j *judge) begin() {
	for _, lanes := range j.lanes {
		for _, l := range lanes {
			l.live.Began(correlate.InstantOf(j.began))
		}
	}
}

// readTo tells a lane how far its channels were read: a log of several shares as
// far as the slowest.
func (j *judge) readTo(l *lane) {
	channels := j.w.cfg.Shadow.Flows[l.flow.index].Channels
	for i := range channels {
		at := time.Time{}
		for n := range j.duties {
			if !j.w.taps(l.flow.name, channels[i], int32(n)) { //nolint:gosec // a partition
				continue
			}
			read := j.duties[n].read[l.flow.name][channels[i].Name]
			if read.IsZero() {
				at = time.Time{}
				break
			}
			if at.IsZero() || read.Before(at) {
				at = read
			}
		}
		if !at.IsZero() {
			l.live.ReadTo(i, correlate.InstantOf(at))
		}
	}
}

// lost tells that the partition lacks what came before the offset.
func (j *judge) lost(from int64, at time.Time) {
	reason := fmt.Sprintf("flowcheck's own topic lacks the offsets %d to %d of partition %d: its retention has passed", j.next, from-1, j.partition)
	for _, lanes := range j.lanes {
		for _, l := range lanes {
			for i := range l.flow.split.Lanes[0].Channels {
				m := &message.Mark{Kind: message.MarkGap, Channel: l.flow.split.Lanes[0].Channels[i].Name, Seen: at, Reason: reason}
				j.told = min(j.told, j.next) // nobody has told that
				l.live.Add(message.Event{Mark: m})
			}
		}
	}
}

// tell is given the judgements of the lane.
func (l *lane) tell(v *flows.Judgement) {
	j := l.of
	if !l.rule && v.Closed && !v.Again {
		l.tally(v)
	}
	if !j.loud() {
		return
	}
	found, withdrawn := v.Found, v.Withdrawn
	if l.rule {
		if v.Closed {
			return
		}
		stray := func(f flows.Finding) bool { return f.Rule == "" }
		found, withdrawn = slices.DeleteFunc(slices.Clone(found), stray), slices.DeleteFunc(slices.Clone(withdrawn), stray)
		own := *v
		own.Found, own.Withdrawn = found, withdrawn
		v = &own
	}
	if len(found)+len(withdrawn)+len(v.Unknowns) > 0 {
		j.pending = append(j.pending, shadow.RecordsOf(l.flow.name, v, j.now)...)
	}
}

// tally counts a chain that has closed.
func (l *lane) tally(v *flows.Judgement) {
	t := l.of.tallies[l.flow.name]
	t.Total++
	switch v.State {
	case flows.Pass:
		t.Pass++
	case flows.Fail:
		t.Fail++
	case flows.NotKnown:
		t.Unknown++
	}
	if !l.of.loud() {
		return
	}
	l.of.w.mu.Lock()
	l.flow.counts.Add(v.Outcome, v.State, 1)
	l.of.w.mu.Unlock()
	for _, watcher := range l.of.w.cfg.Shadow.Watchers {
		watcher.Closed(l.flow.name, v)
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
