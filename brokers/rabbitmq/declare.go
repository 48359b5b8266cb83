package rabbitmq

import (
	"context"
	"fmt"

	"github.com/rabbitmq/amqp091-go"
)

// ownPermission is what a tap needs for what it creates.
const ownPermission = "to configure, write and read ^" + prefix

// declare makes the queue and its drop box. The name is fresh each time, since a
// connection that the broker believes alive may still own the last one; only a
// durable one has to be found again, and the name of one for replies is known to
// the system: it is tried until the broker gives it back. On the same connection again, the last one
// is still there and is deleted.
func (q *queueReader) declare(ctx context.Context, again bool) error {
	durable := q.tap.cfg.Durable
	if again && !durable {
		if err := q.clear(); err != nil {
			return err
		}
	}
	q.queue = prefix + cleanName(q.tap.tapper.address.run) + "-" + cleanName(q.name())
	switch {
	case durable:
		if err := q.find(ctx); err != nil {
			return err
		}
	case q.channel.Reply != "":
		q.queue, q.anew = q.channel.Reply, true
		q.tap.create(created{exchange: q.queue})
	default:
		q.queue += "-" + token()
		q.anew = true
		q.tap.create(created{exchange: q.queue})
	}
	for name, args := range map[string]amqp091.Table{q.queue: q.arguments(), q.box(): q.boxArguments()} {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if _, err := q.ch.QueueDeclare(name, durable, false, !durable, false, args); err != nil {
			return fmt.Errorf("declare queue %s: %w", name, needing(ownPermission, err))
		}
	}
	return nil
}

// clear deletes the queues, if they are there.
func (q *queueReader) clear() error {
	for _, name := range q.names() {
		if _, err := q.ch.QueueDelete(name, false, false, false); err != nil {
			return fmt.Errorf("delete queue %s: %w", name, replyError(err))
		}
	}
	return nil
}

// there tells whether all queues exist. The answer no closes an AMQP channel, so
// it is asked on one of its own.
func there(conn *amqp091.Connection, names ...string) (bool, error) {
	ch, err := conn.Channel()
	if err != nil {
		return false, replyError(err)
	}
	defer ch.Close()
	for _, name := range names {
		if _, err := ch.QueueDeclarePassive(name, false, false, false, false, nil); code(err) == amqp091.NotFound {
			return false, nil
		} else if err != nil {
			return false, fmt.Errorf("queue %s: %w", name, replyError(err))
		}
	}
	return true, nil
}

func (q *queueReader) arguments() amqp091.Table {
	limits := q.tap.tapper.limits
	return amqp091.Table{
		amqp091.QueueTypeArg:        amqp091.QueueTypeClassic,
		amqp091.QueueMaxLenArg:      limits.messages,
		amqp091.QueueMaxLenBytesArg: limits.bytes,
		amqp091.QueueOverflowArg:    amqp091.QueueOverflowDropHead,
		amqp091.QueueTTLArg:         limits.expires.Milliseconds(),
		"x-dead-letter-exchange":    q.queue,
		"x-dead-letter-routing-key": q.box(),
	}
}

// boxArguments make a queue that holds the last drop.
func (q *queueReader) boxArguments() amqp091.Table {
	return amqp091.Table{
		amqp091.QueueTypeArg:     amqp091.QueueTypeClassic,
		amqp091.QueueMaxLenArg:   int64(1),
		amqp091.QueueOverflowArg: amqp091.QueueOverflowDropHead,
		amqp091.QueueTTLArg:      q.tap.tapper.limits.expires.Milliseconds(),
	}
}

// bind binds the own exchange, then the target's. The own exchange goes with its
// last binding, so it is declared and bound in one breath.
func (q *queueReader) bind(ctx context.Context) error {
	if err := q.ch.ExchangeDeclare(q.queue, amqp091.ExchangeDirect, q.tap.cfg.Durable, true, false, true, nil); err != nil {
		return fmt.Errorf("declare exchange %s: %w", q.queue, needing(ownPermission, err))
	}
	for _, name := range []string{q.queue, q.box()} {
		if err := q.ch.QueueBind(name, name, q.queue, false, nil); err != nil {
			return fmt.Errorf("bind queue %s to exchange %s: %w", name, q.queue, needing(ownPermission, err))
		}
	}
	if q.durable() {
		if err := q.declarePlace(); err != nil {
			return err
		}
	}
	for _, b := range q.target.bindings {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := q.ch.QueueBind(q.queue, b.key, b.exchange, false, b.args); err != nil {
			return fmt.Errorf("bind to exchange %s with key %q: %w", b.exchange, b.key, needing("to read "+b.exchange, err))
		}
	}
	return nil
}
