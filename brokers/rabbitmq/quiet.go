package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
)

// figuresAge is how old RabbitMQ's own figures may be. A queue tells its counts
// every 5 s, the management API collects them every 5 s.
const figuresAge = 11 * time.Second

// Quiet looks at the queues that the channels lead to. How many messages are
// ready, the broker tells by AMQP as it is now; how many consumers hold without
// having acknowledged, only the management API tells, and late. So work left is
// known at once, and quiet once the figures are younger than the last message.
func (t *tapper) Quiet(ctx context.Context, channels []brokers.Channel) (brokers.Quiescence, error) {
	for _, ch := range channels {
		if ch.Stream != "" {
			return brokers.Quiescence{Reason: fmt.Sprintf("channel %s: RabbitMQ does not tell over AMQP how far the readers of a stream are", ch.Name)}, nil
		}
		q, err := t.quietChannel(ctx, ch)
		if err != nil || !q.Quiet {
			return q, err
		}
	}
	return brokers.Quiescence{Known: true, Quiet: true}, nil
}

func (t *tapper) quietChannel(ctx context.Context, ch brokers.Channel) (brokers.Quiescence, error) {
	queues, err := t.queuesOf(ctx, ch)
	if err != nil {
		return unknown(ctx, ch, err)
	}
	left, full := 0, ""
	for _, queue := range queues {
		ready, err := t.ready(ctx, queue)
		if err != nil {
			return unknown(ctx, ch, err)
		}
		if left += ready; ready > 0 && full == "" {
			full = fmt.Sprintf("queue %s has %d messages ready", queue, ready)
		}
	}
	if full != "" {
		return t.busy(ch, full, left), nil
	}
	if len(queues) == 0 {
		return brokers.Quiescence{Known: true, Quiet: true}, nil
	}
	return t.acknowledged(ctx, ch, queues)
}

// acknowledged asks the management API for what consumers hold.
func (t *tapper) acknowledged(ctx context.Context, ch brokers.Channel, queues []string) (brokers.Quiescence, error) {
	if err := t.askable(ctx); err != nil {
		return unknown(ctx, ch, fmt.Errorf("only the management API tells what is not acknowledged yet: %w", err))
	}
	for _, queue := range queues {
		info, err := t.api.queue(ctx, queue)
		switch {
		case errors.Is(err, brokers.ErrAbsent):
			continue
		case err != nil:
			return unknown(ctx, ch, err)
		case info.Messages > 0:
			return t.busy(ch, fmt.Sprintf("queue %s had %d messages, %d of them not acknowledged, when RabbitMQ last counted", queue, info.Messages, info.Unacked), int(info.Messages)), nil
		}
	}
	if old := t.sinceWork(ch.Name); old < figuresAge {
		return brokers.Quiescence{Reason: fmt.Sprintf("channel %s: RabbitMQ's count of what is not acknowledged may be %s old, the last message is %s old",
			ch.Name, figuresAge, old.Round(time.Millisecond))}, nil
	}
	return brokers.Quiescence{Known: true, Quiet: true}, nil
}

// busy notes that there is work.
func (t *tapper) busy(ch brokers.Channel, reason string, left int) brokers.Quiescence {
	t.active(ch.Name, time.Now())
	return brokers.Quiescence{Known: true, Reason: fmt.Sprintf("channel %s: %s", ch.Name, reason), Left: left}
}

// sinceWork is the time since work was last seen on a channel; with the first
// question it begins.
func (t *tapper) sinceWork(channel string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	last, ok := t.activity[channel]
	if !ok {
		last = time.Now()
		t.activity[channel] = last
	}
	return time.Since(last)
}

// unknown says why it is not known; a context that is over is an error.
func unknown(ctx context.Context, ch brokers.Channel, why error) (brokers.Quiescence, error) {
	if ctx.Err() != nil {
		return brokers.Quiescence{}, fmt.Errorf("ask whether channel %s is quiet: %w", ch.Name, ctx.Err())
	}
	return brokers.Quiescence{Reason: fmt.Sprintf("channel %s: %v", ch.Name, why)}, nil
}

// queuesOf are the queues to wait for: those that the channel names as its
// consumers, its own, or those that its exchange leads to.
func (t *tapper) queuesOf(ctx context.Context, ch brokers.Channel) ([]string, error) {
	switch {
	case len(ch.Consumers) > 0:
		return ch.Consumers, nil
	case ch.Reply != "":
		return nil, nil // only the tap reads it
	case ch.Queue != "":
		return []string{ch.Queue}, nil
	}
	if err := t.askable(ctx); err != nil {
		return nil, fmt.Errorf("which queues exchange %s leads to, only the management API tells; consumers: can name them: %w", ch.Exchange, err)
	}
	x, err := t.api.exchange(ctx, ch.Exchange)
	if err != nil {
		return nil, err
	}
	keys := ch.RoutingKeys
	if x.Type != amqp091.ExchangeDirect && x.Type != amqp091.ExchangeTopic {
		keys = nil
	}
	found := map[string]bool{}
	if err := t.downstream(ctx, ch.Exchange, keys, found, map[string]bool{}); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// downstream collects the queues that an exchange leads to, over any number of
// exchanges; keys filter at the first one.
func (t *tapper) downstream(ctx context.Context, exchange string, keys []string, queues, known map[string]bool) error {
	known[exchange] = true
	bound, err := t.api.boundTo(ctx, exchange)
	if err != nil {
		return err
	}
	for _, b := range bound {
		switch {
		case ours(b.Destination) || !overlapAny(keys, b.RoutingKey):
		case b.DestinationType == "queue":
			queues[b.Destination] = true
		case !known[b.Destination]:
			if err := t.downstream(ctx, b.Destination, nil, queues, known); err != nil {
				return err
			}
		}
	}
	return nil
}

func overlapAny(keys []string, key string) bool {
	for _, k := range keys {
		if overlap(k, key) {
			return true
		}
	}
	return len(keys) == 0
}

// ready is how many messages a queue has ready now. One that is gone has none;
// one that belongs to another connection is left to the management API.
func (t *tapper) ready(ctx context.Context, queue string) (int, error) {
	ready := 0
	err := t.control.do(ctx, func(ch *amqp091.Channel) error {
		q, err := ch.QueueDeclarePassive(queue, false, false, false, false, nil)
		switch {
		case err == nil:
			ready = q.Messages
			return nil
		case code(err) == amqp091.NotFound, code(err) == amqp091.ResourceLocked:
			return nil
		}
		return replyError(err)
	})
	return ready, err
}
