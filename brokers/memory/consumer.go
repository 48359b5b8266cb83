package memory

import (
	"context"
	"fmt"
	"slices"
	"sort"

	"github.com/flowcheck/flowcheck/message"
)

// Consumer reads a queue. What it has taken and not acknowledged when it is
// closed goes back.
type Consumer struct {
	s    *Server
	q    *queue
	held map[int64]bool // by seq; guarded by s.mu
	gone bool
}

// Delivery is a message that a consumer has taken.
type Delivery struct {
	message.Message
	Exchange    string
	RoutingKey  string
	Redelivered bool

	c   *Consumer
	seq int64
}

// Consume makes a consumer of a queue. It fails with ErrAbsent.
func (s *Server) Consume(queueName string) (*Consumer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[queueName]
	if q == nil {
		return nil, fmt.Errorf("consume: %w", s.absent("queue", queueName))
	}
	q.consumers++
	return &Consumer{s: s, q: q, held: map[int64]bool{}}, nil
}

// Next waits for the next message. It fails when ctx ends, the consumer is
// closed or the queue is deleted.
func (c *Consumer) Next(ctx context.Context) (Delivery, error) {
	for {
		if err := ctx.Err(); err != nil {
			return Delivery{}, err // also where messages are ready: one given back would come for ever
		}
		d, wait, err := c.poll()
		if err != nil || wait == nil {
			return d, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return Delivery{}, ctx.Err()
		}
	}
}

// poll returns a delivery, or what to wait for.
func (c *Consumer) poll() (Delivery, <-chan struct{}, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.gone || c.s.queues[c.q.name] != c.q {
		return Delivery{}, nil, fmt.Errorf("consume %s: the consumer or the queue is gone", c.q.name)
	}
	if len(c.q.ready) == 0 {
		return Delivery{}, c.q.changed.wait(), nil
	}
	e := c.q.pop()
	c.s.watch(c.q)
	c.q.unacked = append(c.q.unacked, e)
	c.held[e.seq] = true
	d := Delivery{
		Message: clone(e.Message), Exchange: e.exchange, RoutingKey: e.key,
		Redelivered: e.deliveries > 0, c: c, seq: e.seq,
	}
	if c.q.opts.DeliveryLimit > 0 && e.deliveries > 0 {
		d.Headers = append(d.Headers, message.Header{Name: "x-delivery-count", Value: int64(e.deliveries)})
	}
	return d, nil, nil
}

// Ack says that the message is done with. A second word on a delivery says
// nothing.
func (d Delivery) Ack() {
	d.settle(func(entry) {})
}

// Reject gives the message back: to its queue, at its old place and marked as
// redelivered, or to where the queue's dead letters go.
func (d Delivery) Reject(requeue bool) {
	d.settle(func(e entry) {
		if requeue {
			d.c.s.requeue(d.c.q, e)
		} else {
			d.c.s.bury(d.c.q, e, "rejected")
		}
	})
}

// settle takes the message from what is out, and passes it on.
func (d Delivery) settle(then func(entry)) {
	s, q := d.c.s, d.c.q
	s.mu.Lock()
	defer s.mu.Unlock()
	if !d.c.held[d.seq] {
		return
	}
	delete(d.c.held, d.seq)
	if e, ok := q.take(d.seq); ok {
		then(e)
		q.changed.fire()
	}
}

// take removes a message from the unacknowledged ones.
func (q *queue) take(seq int64) (entry, bool) {
	i := slices.IndexFunc(q.unacked, func(e entry) bool { return e.seq == seq })
	if i < 0 {
		return entry{}, false
	}
	e := q.unacked[i]
	q.unacked = slices.Delete(q.unacked, i, i+1)
	return e, true
}

// requeue puts a message back to its place, or buries it where it came too
// often. The caller holds s.mu.
func (s *Server) requeue(q *queue, e entry) {
	e.deliveries++
	if q.opts.DeliveryLimit > 0 && e.deliveries > q.opts.DeliveryLimit {
		s.bury(q, e, "delivery_limit")
		return
	}
	i := sort.Search(len(q.ready), func(i int) bool { return q.ready[i].seq > e.seq })
	q.ready = slices.Insert(q.ready, i, e)
	s.watch(q)
}

// Close ends the consumer. It may be called twice.
func (c *Consumer) Close() {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.gone {
		return
	}
	c.gone = true
	c.q.consumers--
	for seq := range c.held {
		if e, ok := c.q.take(seq); ok {
			c.s.requeue(c.q, e)
		}
	}
	c.held = nil
	c.q.changed.fire()
}
