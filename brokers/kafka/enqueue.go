package kafka

import (
	"context"

	"github.com/flowcheck/flowcheck/brokers"
)

// Enqueue implements brokers.Enqueuer: the producer is idempotent and has one
// request under way, so that the order holds through its own retries. What may not
// share a batch is not taken.
func (p *publisher) Enqueue(ctx context.Context, ch brokers.Channel, m brokers.Outgoing, done func(error)) bool {
	if check(ch) != nil {
		return false
	}
	msg, err := outgoing(ch.Topic, m)
	if err != nil || msg.ByteSize(2) > batchLimit {
		return false
	}
	with, err := p.take(ctx, &p.shared)
	if err != nil {
		return false
	}
	msg.Metadata.(*sending).then = func(err error) {
		with.users.Done()
		if err != nil {
			err = p.explain(ctx, "publish to "+ch.Name, ch.Topic, m, err)
		}
		done(err)
	}
	if err := with.put(ctx, msg); err != nil {
		with.users.Done()
		return false
	}
	return true
}
