package rabbitmq

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
)

const (
	// chunkLimit is more messages than a chunk of a stream holds.
	chunkLimit = 10_000
	// emptyAfter is how long a stream stays silent until it is taken for empty.
	emptyAfter = 300 * time.Millisecond
)

// edge is where a stream begins or ends: the least offset that was delivered,
// and the one after the greatest. Both are 0 where nothing was.
type edge struct{ first, next int64 }

// edgeOf attaches to a stream for a moment, at its "first" or its "last" chunk.
func (t *tapper) edgeOf(ctx context.Context, stream, chunk string) (edge, error) {
	var e edge
	limit := chunkLimit
	if chunk == "first" {
		limit = 1
	}
	err := t.control.do(ctx, func(ch *amqp091.Channel) error {
		e = edge{}
		if err := ch.Qos(limit, 0, false); err != nil {
			return replyError(err)
		}
		tag := prefix + t.address.run + "-edge"
		deliveries, err := ch.Consume(stream, tag, false, false, false, false, amqp091.Table{streamOffset: chunk})
		if err != nil {
			return replyError(err)
		}
		d, ok, err := firstOf(ctx, deliveries)
		if err != nil || !ok {
			return err
		}
		e = e.with(d)
		// A chunk is delivered whole, before the answer to a cancellation.
		if err := ch.Cancel(tag, false); err != nil {
			return replyError(err)
		}
		for d := range deliveries {
			e = e.with(d)
		}
		return nil
	})
	if err != nil {
		return edge{}, fmt.Errorf("stream %s: %w", stream, err)
	}
	return e, nil
}

// firstOf waits for a first delivery; none comes from an empty stream.
func firstOf(ctx context.Context, deliveries <-chan amqp091.Delivery) (d amqp091.Delivery, ok bool, err error) {
	silent := time.NewTimer(emptyAfter)
	defer silent.Stop()
	select {
	case d, ok = <-deliveries:
		if !ok {
			return d, false, brokers.ErrUnreachable
		}
		return d, true, nil
	case <-silent.C:
		return d, false, nil
	case <-ctx.Done():
		return d, false, ctx.Err()
	}
}

func (e edge) with(d amqp091.Delivery) edge {
	offset, ok := d.Headers[streamOffset].(int64)
	switch {
	case !ok:
		return e
	case e.next == 0:
		return edge{offset, offset + 1}
	}
	return edge{min(e.first, offset), max(e.next, offset+1)}
}

// catchUp learns where the stream ends, and waits until that has been sent.
func (s *streamReader) catchUp(ctx context.Context) (brokers.Caught, error) {
	end, err := s.tap.tapper.edgeOf(ctx, s.channel.Stream, "last")
	if err == nil {
		err = s.reached.wait(ctx, end.next)
	}
	if err != nil {
		return brokers.Caught{}, s.state.failed(s.channel.Name, err)
	}
	return brokers.Caught{Reason: "RabbitMQ does not tell over AMQP 0-9-1 where a stream ends; its last chunk has been read"}, nil
}

// reached is how far a stream has been sent. The zero value is: it is not known,
// nothing has come.
type reached struct {
	mu      sync.Mutex
	known   bool
	next    int64
	changed chan struct{}
}

func (r *reached) set(next int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known, r.next = true, next
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// wait returns once everything before end has been sent. A tap that starts at a
// time may have nothing to send: if nothing comes for a while, so it is.
func (r *reached) wait(ctx context.Context, end int64) error {
	silent := time.NewTimer(emptyAfter)
	defer silent.Stop()
	for {
		r.mu.Lock()
		known, done := r.known, end == 0 || r.known && r.next >= end
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		changed := r.changed
		r.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-silent.C:
			if !known {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
