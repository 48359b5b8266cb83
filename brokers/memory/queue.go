package memory

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/flowcheck/flowcheck/message"
)

// QueueOptions of a queue. The zero value is a plain queue.
type QueueOptions struct {
	// DeadLetter takes what is rejected, expired, pushed out or delivered too
	// often; nil drops it.
	DeadLetter *DeadLetter
	// TTL is how long a message waits at most; 0 is for ever. A message's own
	// expiration property (milliseconds) is obeyed, too. Like RabbitMQ, the queue
	// looks at its oldest message only.
	TTL time.Duration
	// MaxLength is how many messages wait at most; the oldest is pushed out. 0 is
	// no limit.
	MaxLength int
	// DeliveryLimit is how often a message may be delivered again, as on a quorum
	// queue, which then says x-delivery-count; 0 is no limit and no header.
	DeliveryLimit int
}

// DeadLetter is where a queue's dead messages go.
type DeadLetter struct {
	Exchange string // "" is the default exchange
	Key      string // "" keeps the message's own
}

// queue holds messages for its consumers.
type queue struct {
	name      string
	opts      QueueOptions
	tap       bool // flowcheck's own
	ready     []entry
	unacked   []entry
	nextSeq   int64  // the number that the next message gets, from 1
	lost      losses // what was pushed out since the tap looked
	consumers int
	timer     *time.Timer // fires when the oldest message expires
	changed   signal
}

// entry is a message in a queue. Its message is shared between queues and
// never modified.
type entry struct {
	message.Message
	seq        int64
	exchange   string
	key        string
	deliveries int
	expires    time.Time // zero: never
}

// DeclareQueue makes a queue; one that exists stays as it is.
func (s *Server) DeclareQueue(name string, o QueueOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name == "" {
		return fmt.Errorf("declare queue: it has no name")
	}
	if s.queues[name] == nil {
		s.queues[name] = &queue{name: name, opts: o, nextSeq: 1}
	}
	return nil
}

// DeleteQueue removes a queue with its messages and bindings. Its consumers end.
func (s *Server) DeleteQueue(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deleteQueue(name)
}

// deleteQueue is DeleteQueue with the lock held.
func (s *Server) deleteQueue(name string) {
	q := s.queues[name]
	if q == nil {
		return
	}
	delete(s.queues, name)
	for _, x := range s.exchanges {
		x.bindings = slices.DeleteFunc(x.bindings, func(b binding) bool { return b.queue == q })
	}
	if q.timer != nil {
		q.timer.Stop()
	}
	q.changed.fire()
}

// enqueue appends a message to a queue. The caller holds s.mu.
func (s *Server) enqueue(q *queue, e entry) {
	e.seq = q.nextSeq
	q.nextSeq++
	e.deliveries = 0
	e.expires = q.deadline(e.Message)
	q.ready = append(q.ready, e)
	for q.opts.MaxLength > 0 && len(q.ready) > q.opts.MaxLength {
		e := q.pop()
		q.lost.add(e.seq)
		s.bury(q, e, "maxlen")
	}
	s.watch(q)
	q.changed.fire()
}

// deadline is when a message that comes now expires.
func (q *queue) deadline(m message.Message) time.Time {
	ttl := q.opts.TTL
	if own, ok := m.Properties["expiration"].(string); ok {
		if ms, err := strconv.ParseInt(own, 10, 32); err == nil && ms >= 0 {
			d := time.Duration(ms) * time.Millisecond
			if ttl == 0 || d < ttl {
				ttl = max(d, 1)
			}
		}
	}
	if ttl == 0 {
		return time.Time{}
	}
	return time.Now().Add(ttl)
}

// pop takes the oldest message.
func (q *queue) pop() entry {
	e := q.ready[0]
	q.ready[0] = entry{}
	q.ready = q.ready[1:]
	return e
}

// watch sets the timer by the oldest message. The caller holds s.mu.
func (s *Server) watch(q *queue) {
	if q.timer != nil {
		q.timer.Stop()
		q.timer = nil
	}
	if len(q.ready) > 0 && !q.ready[0].expires.IsZero() {
		q.timer = time.AfterFunc(time.Until(q.ready[0].expires), func() { s.expire(q) })
	}
}

// expire buries what has waited too long.
func (s *Server) expire(q *queue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queues[q.name] != q {
		return
	}
	now := time.Now()
	for len(q.ready) > 0 && !q.ready[0].expires.IsZero() && !q.ready[0].expires.After(now) {
		s.bury(q, q.pop(), "expired")
	}
	s.watch(q)
}
