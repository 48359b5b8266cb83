package rabbitmq

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// held are messages that were got and not acknowledged: closing the channel puts
// them back to where they were in the queue, marked as redelivered. A quorum queue
// counts that as a delivery.
type held struct {
	conn     *amqp091.Connection
	ch       *amqp091.Channel
	queue    string
	tags     []uint64
	messages []*message.Observation
}

// Hold implements brokers.Holder with basic.get on a connection of its own. Of an
// exchange it is the queue that is bound to it, if that is only one.
func (t *tapper) Hold(ctx context.Context, ch brokers.Channel, most int) (brokers.Held, error) {
	queue, err := t.restingPlace(ctx, ch)
	if err != nil {
		return nil, fmt.Errorf("look into %s: %w", ch.Name, err)
	}
	l := &link{address: t.address, purpose: "holder"}
	conn, err := l.connection(ctx)
	if err != nil {
		return nil, err
	}
	h := &held{conn: conn, queue: queue}
	defer watch(ctx, conn)()
	if h.ch, err = conn.Channel(); err == nil {
		err = h.get(ctx, ch, most)
	}
	if err != nil {
		_ = conn.CloseDeadline(time.Now().Add(closeTimeout))
		return nil, fmt.Errorf("look into queue %s: %w", queue, replyError(err))
	}
	return h, nil
}

// restingPlace is the queue in which the messages of a channel lie.
func (t *tapper) restingPlace(ctx context.Context, ch brokers.Channel) (string, error) {
	switch {
	case ch.Queue != "":
		return ch.Queue, t.exists(ctx, ch.Queue)
	case ch.Exchange == "":
		return "", fmt.Errorf("%w: it is no queue", brokers.ErrNotTappable)
	}
	if err := t.askable(ctx); err != nil {
		return "", fmt.Errorf("the queue of exchange %s is told by the management API alone; name it with queue: %w", ch.Exchange, err)
	}
	bound, err := t.api.boundTo(ctx, ch.Exchange)
	if err != nil {
		return "", err
	}
	queues := map[string]bool{}
	var names []string
	for _, b := range bound {
		if b.DestinationType == "queue" && !ours(b.Destination) && !queues[b.Destination] {
			queues[b.Destination] = true
			names = append(names, b.Destination)
		}
	}
	if len(names) != 1 {
		return "", fmt.Errorf("%w: exchange %s leads to %d queues (%s); --queue names one", brokers.ErrNotTappable, ch.Exchange, len(names), strings.Join(names, ", "))
	}
	return names[0], nil
}

func (h *held) get(ctx context.Context, ch brokers.Channel, most int) error {
	for len(h.messages) < most && ctx.Err() == nil {
		d, ok, err := h.ch.Get(h.queue, false)
		if err != nil {
			return err
		}
		if !ok {
			return nil
		}
		h.tags = append(h.tags, d.DeliveryTag)
		h.messages = append(h.messages, &message.Observation{
			Message: decode(&d), Channel: ch.Name, Position: message.Nth(int64(len(h.tags))), Seen: time.Now(), Redelivered: d.Redelivered,
		})
	}
	return ctx.Err()
}

// Messages implements brokers.Held.
func (h *held) Messages() []*message.Observation { return h.messages }

// Remove implements brokers.Held.
func (h *held) Remove(_ context.Context, i int) error {
	if err := h.ch.Ack(h.tags[i], false); err != nil {
		return fmt.Errorf("remove from queue %s: %w", h.queue, replyError(err))
	}
	return nil
}

// Release implements brokers.Held.
func (h *held) Release(context.Context) error {
	if err := h.ch.Close(); err != nil { // what was acknowledged is so by then
		_ = h.conn.CloseDeadline(time.Now().Add(closeTimeout))
		return fmt.Errorf("give back to queue %s: %w", h.queue, replyError(err))
	}
	return h.conn.CloseDeadline(time.Now().Add(closeTimeout))
}
