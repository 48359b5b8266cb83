package memory

import (
	"fmt"
	"time"

	"github.com/flowcheck/flowcheck/message"
)

// source is what a tap reads: one partition, or one queue. All its methods are
// called with the server's lock held.
type source interface {
	// read returns the next event and a func that says that it has been sent,
	// which fires changed; nil where there is nothing yet.
	read(now time.Time) (event message.Event, sent func())
	// changed is closed when there may be more to read, or less left.
	changed() <-chan struct{}
	// due returns a func that reports whether anything of what the broker has
	// accepted by now has not been sent yet.
	due() (left func() bool)
}

// partitionSource reads a partition by offset.
type partitionSource struct {
	channel string
	p       *partition
	number  int32
	next    int64 // offset
	// unfenced tells that a durable tap has not told yet where it begins.
	unfenced bool
}

func (t *partitionSource) read(now time.Time) (message.Event, func()) {
	if t.unfenced {
		mark := &message.Mark{Kind: message.MarkFence, Seen: now, Channel: t.channel, Position: message.At(t.number, t.next)}
		return message.Event{Mark: mark}, func() {
			t.unfenced = false
			t.p.changed.fire()
		}
	}
	if t.next < t.p.oldest {
		lost, oldest := t.next, t.p.oldest
		reason := fmt.Sprintf("retention passed the tap: offsets %d to %d are gone", lost, oldest-1)
		return gap(t.channel, now, reason), t.goOn(oldest)
	}
	if t.next >= t.p.end() {
		return message.Event{}, nil
	}
	r := t.p.records[t.next-t.p.oldest]
	o := message.Observation{
		Message: clone(r.Message), Channel: t.channel, Position: message.At(r.Partition, r.Offset),
		Time: r.Time, Seen: now,
	}
	return message.Event{Observation: &o}, t.goOn(r.Offset + 1)
}

// goOn says what follows once the event has been sent.
func (t *partitionSource) goOn(next int64) func() {
	return func() {
		t.next = next
		t.p.changed.fire()
	}
}

func (t *partitionSource) changed() <-chan struct{} { return t.p.changed.wait() }

func (t *partitionSource) due() func() bool {
	end := t.p.end()
	return func() bool { return t.unfenced || t.next < end }
}

// queueSource reads a queue of the tap's own.
type queueSource struct {
	channel string
	q       *queue
	count   int64 // observations so far
	hand    int64 // the number of what was read and not yet sent; 0: none
}

func (t *queueSource) read(now time.Time) (message.Event, func()) {
	sent := func() {
		t.hand = 0
		t.q.changed.fire()
	}
	if t.q.lost.n > 0 {
		t.hand = t.q.lost.from
		return gap(t.channel, now, t.q.lost.take()), sent
	}
	if len(t.q.ready) == 0 {
		return message.Event{}, nil
	}
	e := t.q.pop()
	t.hand = e.seq
	t.count++
	o := message.Observation{Message: clone(e.Message), Channel: t.channel, Position: message.Nth(t.count), Seen: now}
	if o.Properties == nil {
		o.Properties = map[string]any{}
	}
	o.Properties["exchange"], o.Properties["routing-key"] = e.exchange, e.key
	return message.Event{Observation: &o}, sent
}

func (t *queueSource) changed() <-chan struct{} { return t.q.changed.wait() }

func (t *queueSource) due() func() bool {
	last := t.q.nextSeq - 1
	return func() bool {
		inHand := t.hand != 0 && t.hand <= last
		waiting := len(t.q.ready) > 0 && t.q.ready[0].seq <= last
		return t.q.lost.before(last) || inHand || waiting
	}
}

// sqsSource receives from an SQS queue and deletes what it has sent: the queue
// of a tap's own, or with intrusive the system's.
type sqsSource struct {
	s       *Server
	channel string
	q       *sqsQueue
	hand    int64  // the number of the gap that was read and not yet sent; 0: none
	handle  string // of the last message received
}

func (t *sqsSource) read(now time.Time) (message.Event, func()) {
	if t.q.lost.n > 0 {
		t.hand = t.q.lost.from
		return gap(t.channel, now, t.q.lost.take()), func() {
			t.hand = 0
			t.q.changed.fire()
		}
	}
	e := t.s.take(t.q)
	if e == nil {
		return message.Event{}, nil
	}
	t.handle = e.handle
	o := message.Observation{
		Message: clone(e.Message), Channel: t.channel, Position: message.Named(e.id), Time: e.sent, Seen: now,
	}
	o.Properties = e.properties()
	return message.Event{Observation: &o}, func() { t.q.remove(t.handle) }
}

// giveBack shows again at once what was received and never sent.
func (t *sqsSource) giveBack() { t.s.hide(t.q, t.handle, 0) }

func (t *sqsSource) changed() <-chan struct{} { return t.q.changed.wait() }

func (t *sqsSource) due() func() bool {
	last := t.q.lastSeq
	return func() bool {
		inHand := t.hand != 0 && t.hand <= last
		waiting := len(t.q.messages) > 0 && t.q.messages[0].seq <= last
		return t.q.lost.before(last) || inHand || waiting
	}
}

// losses is what was pushed out of a tap's queue since it last looked.
type losses struct{ n, from int64 }

// add notes the loss of a message by its number.
func (l *losses) add(seq int64) {
	if l.n == 0 {
		l.from = seq
	}
	l.n++
}

// before reports whether one of the losses is of a number up to this.
func (l *losses) before(upTo int64) bool { return l.n > 0 && l.from <= upTo }

// take says what was lost, and forgets it.
func (l *losses) take() string {
	n := l.n
	*l = losses{}
	return fmt.Sprintf("the tap's queue was full: %d messages were dropped", n)
}

// gap makes the mark of a loss.
func gap(channel string, now time.Time, reason string) message.Event {
	return message.Event{Mark: &message.Mark{Kind: message.MarkGap, Seen: now, Channel: channel, Reason: reason}}
}
