package flows

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/message"
)

// orderedTracker follows `ordered`. Which of two messages came first is told by
// the queue that both are in, else by the broker's time, and never by the order
// in which taps hand them on. So a message is judged once many others have come
// after it, against those before and after it that are remembered.
//
//	message → window of its key → judged, its value noted → forgotten
//
// What is forgotten leaves the values that came and, for each queue, the highest
// message. Where that is not enough to judge one that comes very late, the rule
// is unknown.
type orderedTracker struct {
	flow     *Flow
	rule     *Rule
	keys     map[string]*sequence
	ring     []*sequence // of the last messages, whose they are
	arrived  uint64
	ids      recentIDs
	findings []ruleFinding

	maxKeys int

	full   bool // more keys than are remembered
	unsure bool // some message came too late to be judged

	live *liveOrdered // of a Live; nil
}

// The limits of a rule beside AuditConfig.MaxKeys: the messages of all keys and of
// one key that are remembered, and the runs of values of one key.
const (
	maxRemembered = 1 << 16
	maxWindow     = 1 << 11
	maxRuns       = 1 << 10
	maxSparseRuns = 1 << 6
)

// sequence is what came of one key.
type sequence struct {
	name   string
	runs   []run // of values that came: ascending, apart from one another
	merged bool  // what lies within the lowest run may not have come
	// window are the last messages. Those before next have been judged.
	window []sample
	next   int
	lanes  []lane
	// plain tells that all came through one queue in its order; then top is the
	// highest message that was judged.
	plain bool
	top   *sample
	heard correlate.Instant // when its last message was seen
}

// sample is a message in a sequence.
type sample struct {
	place
	value  int64
	id     uint64            // of the message, where copies with the same pass
	number uint64            // among the rule's messages
	least  correlate.Instant // its instant, or that of a message before it in its queue
	passed bool              // judged, and found to repeat another
}

// lane is one partition, or a whole queue.
type lane struct {
	partition int32
	least     correlate.Instant // the latest instant
	offset    int64             // the last

	// Of the messages that were forgotten: the highest, the latest time and offset.
	top        *sample
	latest     correlate.Instant
	lastOffset int64
	forgotten  bool
}

func (t *orderedTracker) observe(s *sighting) {
	value, ok := sequenceNumber(s.by)
	if !ok {
		return
	}
	key := keyOf(s.per)
	q := t.keys[key]
	if q == nil {
		if len(t.keys) >= t.maxKeys {
			t.full = true
			return
		}
		q = &sequence{name: nameOf(s.per), plain: true}
		t.keys[key] = q
	}
	t.arrived++
	m := sample{place: s.named(), value: value, number: t.arrived}
	if s.channel.Redeliveries == RedeliveriesSameID && s.entry.ID != 0 {
		m.id = nonZero(s.entry.ID ^ xxhash.Sum64String(key))
	}
	q.take(m)
	q.heard = max(q.heard, m.seen)
	if t.live != nil {
		t.live.queue = append(t.live.queue, queued{q, m.number})
	}
	t.age(q)
}

// take adds a message to the window.
func (q *sequence) take(m sample) {
	l := q.lane(m.at.Partition)
	m.least = m.instant()
	if ordered(m.at) {
		m.least = max(m.least, l.least)
		l.least = m.least
	}
	q.plain = q.plain && len(q.lanes) == 1 && ordered(m.at) && (len(q.window) == 0 && !l.forgotten || m.at.Offset > l.offset)
	l.offset = m.at.Offset
	q.window = append(q.window, m)
}

// ordered reports whether the position orders its message among others.
func ordered(at message.Position) bool { return at.Ordered(at) }

func (q *sequence) lane(partition int32) *lane {
	for i := range q.lanes {
		if q.lanes[i].partition == partition {
			return &q.lanes[i]
		}
	}
	q.lanes = append(q.lanes, lane{partition: partition, least: correlate.Never, latest: correlate.Never})
	return &q.lanes[len(q.lanes)-1]
}

// age judges messages once half of what is remembered came after them, and
// forgets them after the other half.
func (t *orderedTracker) age(q *sequence) {
	if len(q.window)-q.next > maxWindow/2 {
		t.judgeNext(q)
	}
	if len(q.window) > maxWindow {
		q.forget()
	}
	if len(t.ring) < maxRemembered {
		t.ring = append(t.ring, q)
	} else {
		t.ring[t.arrived%maxRemembered] = q
	}
	if t.arrived <= maxRemembered/2 {
		return
	}
	old := t.arrived - maxRemembered/2
	for q := t.ring[old%uint64(len(t.ring))]; q.next < len(q.window) && q.window[q.next].number <= old; {
		t.judgeNext(q)
	}
	if t.arrived < maxRemembered {
		return
	}
	// The place of the next message in the ring is that of the oldest.
	old = t.arrived + 1 - maxRemembered
	for q := t.ring[old%maxRemembered]; len(q.window) > 0 && q.window[0].number <= old; {
		q.forget()
	}
}

// forget lets go of the oldest message, which was judged.
func (q *sequence) forget() {
	m := &q.window[0]
	l := q.lane(m.at.Partition)
	l.forgotten = true
	l.lastOffset = max(l.lastOffset, m.at.Offset)
	l.latest = max(l.latest, m.time)
	if !m.passed && (l.top == nil || m.value > l.top.value) {
		top := *m
		l.top = &top
	}
	q.window = q.window[1:]
	q.next--
}

// judgeNext judges the oldest message that was not judged yet.
func (t *orderedTracker) judgeNext(q *sequence) {
	m := &q.window[q.next]
	q.next++
	if m.passed = t.redelivered(q, m); m.passed {
		return
	}
	if m.id != 0 {
		t.ids.add(m.id, m.seen, t.flow.Remember)
	}
	if m.passed = t.equals(q, m); m.passed {
		return
	}
	if higher := t.higher(q, m); higher != nil {
		t.late(q, m, higher)
	}
	if t.rule.gapless {
		q.add(m.value, &m.place, maxRuns)
		t.noteHoles(q)
	} else {
		q.add(m.value, nil, maxSparseRuns)
	}
	if q.top == nil || m.value > q.top.value {
		top := *m
		q.top = &top
	}
}

// noteHoles has a Live look at a key that lacks a value.
func (t *orderedTracker) noteHoles(q *sequence) {
	if t.live != nil && len(q.runs) > 1 {
		t.live.watch(q)
	}
}

// equals reports whether the message's value came before.
func (t *orderedTracker) equals(q *sequence, m *sample) bool {
	if i, in := q.find(m.value); in {
		t.unsure = t.unsure || q.merged && i == 0 && m.value != q.runs[0].from && m.value != q.runs[0].to
		return true
	}
	if q.plain {
		return false
	}
	for i := q.next; i < len(q.window); i++ {
		o := &q.window[i]
		if o != m && o.value == m.value && o.earlier(m) && !t.redelivered(q, o) {
			return true
		}
	}
	return false
}

// redelivered reports whether a message with the same id came before.
func (t *orderedTracker) redelivered(q *sequence, m *sample) bool {
	if m.id == 0 {
		return false
	}
	if t.ids.has(m.id) {
		return true
	}
	return !q.plain && slices.ContainsFunc(q.window, func(o sample) bool {
		return o.number != m.number && o.id == m.id && o.earlier(m)
	})
}

// earlier orders messages as sortEntries does.
func (m *sample) earlier(o *sample) bool {
	return cmp.Or(cmp.Compare(m.least, o.least), placeOrder(m.place, o.place)) < 0
}

// placeOrder decides between equal times, so that the order of arrival does not.
func placeOrder(a, b place) int {
	return cmp.Or(
		cmp.Compare(a.at.Partition, b.at.Partition), cmp.Compare(a.at.Offset, b.at.Offset),
		cmp.Compare(a.seen, b.seen), cmp.Compare(a.at.ID, b.at.ID),
	)
}

// higher is the message with the highest value above that of m that came before
// it; nil where none did.
func (t *orderedTracker) higher(q *sequence, m *sample) *sample {
	if q.plain {
		if q.top != nil && q.top.value > m.value {
			return q.top
		}
		return nil
	}
	var best *sample
	better := func(o *sample) bool {
		return o.value > m.value && (best == nil || o.value > best.value) && t.flow.cameBefore(o.place, m.place)
	}
	for i := range q.lanes {
		l := &q.lanes[i]
		if !l.forgotten {
			continue
		}
		t.unsure = t.unsure || l.mayTell(t.flow, m)
		if l.top != nil && better(l.top) {
			best = l.top
		}
	}
	for i := range q.window {
		if o := &q.window[i]; better(o) && t.stands(q, o, i) {
			best = o
		}
	}
	return best
}

// stands reports whether the ith message of the window stands for its value.
func (t *orderedTracker) stands(q *sequence, o *sample, i int) bool {
	if i < q.next {
		return !o.passed
	}
	return !t.redelivered(q, o) && !t.equals(q, o)
}

// mayTell reports whether a message that was forgotten may be out of order with
// m, and nobody can tell.
func (l *lane) mayTell(f *Flow, m *sample) bool {
	if ordered(m.at) && l.partition == m.at.Partition {
		return m.at.Offset < l.lastOffset
	}
	if !m.time.Known() {
		return false
	}
	if l.latest.Known() && l.latest.Sub(m.time) > f.Skew {
		return true // one that came later may have a lower value
	}
	return l.top != nil && l.top.value > m.value && !f.cameBefore(l.top.place, m.place)
}

// cameBefore reports whether a certainly came before b, given that both are of
// one channel.
func (f *Flow) cameBefore(a, b place) bool {
	if a.at.Ordered(b.at) {
		return a.at.Offset < b.at.Offset
	}
	skew := f.Skew
	if a.producer || b.producer {
		skew = max(skew, f.ProducerSkew)
	}
	return a.time.Known() && b.time.Known() && b.time.Sub(a.time) > skew
}

func (t *orderedTracker) late(q *sequence, m, higher *sample) {
	f := t.rule.finding(OutOfOrder, &t.flow.Channels[t.rule.Channel], m.place, higher.place)
	f.Text = fmt.Sprintf("%d came after %d for %s", m.value, higher.value, q.name)
	f.Expected = fmt.Sprintf("%d before %d", m.value, higher.value)
	f.Actual = fmt.Sprintf("%d after %d", m.value, higher.value)
	f.callSequence(m.place, higher.place)
	t.findings = append(t.findings, f)
}

func (t *orderedTracker) report(h *correlate.Horizon) ([]ruleFinding, []Unknown) {
	var unknowns []Unknown
	for _, q := range t.keys {
		for q.next < len(q.window) {
			t.judgeNext(q)
		}
	}
	findings := slices.Clone(t.findings)
	if t.full {
		unknowns = append(unknowns, Unknown{Reason: "rule " + t.rule.Name + ": more keys than are remembered"})
	}
	if t.unsure {
		unknowns = append(unknowns, Unknown{Reason: "rule " + t.rule.Name + ": some messages came so much later than their neighbours that their order is not known"})
	}
	if !t.rule.gapless {
		return findings, unknowns
	}
	for _, q := range t.keys {
		for i := 1; i < len(q.runs); i++ {
			f, u := t.hole(h, q, q.runs[i-1], q.runs[i])
			if u != nil {
				unknowns = append(unknowns, *u)
				continue
			}
			findings = append(findings, f)
		}
		if q.merged {
			unknowns = append(unknowns, Unknown{Reason: fmt.Sprintf("rule %s: more holes in %s than are remembered", t.rule.Name, q.name)})
		}
	}
	return findings, unknowns
}
