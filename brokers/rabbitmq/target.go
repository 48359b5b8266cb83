package rabbitmq

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
)

// target is what a channel of the flow comes to on the broker: the bindings of
// the tap's queue, or a stream to read.
type target struct {
	channel  brokers.Channel
	bindings []bind
	trace    *trace // what of the firehose is the channel's; nil without it
}

// bind is one binding of the tap's queue.
type bind struct {
	exchange string
	key      string
	args     amqp091.Table
}

// resolve finds out what to bind, and refuses what cannot be tapped. It asks and
// creates nothing.
func (t *tapper) resolve(ctx context.Context, ch brokers.Channel) (target, error) {
	if err := check(ch); err != nil {
		return target{}, err
	}
	var tg target
	var err error
	switch {
	case ch.Reply != "": // the default exchange leads there, and needs no binding
	case ch.Stream != "":
		err = t.checkStream(ctx, ch.Stream)
	case ch.Firehose:
		tg, err = t.resolveTrace(ctx, ch)
	case ch.Queue != "":
		tg.bindings, err = t.resolveQueue(ctx, ch.Queue)
	default:
		tg.bindings, err = t.resolveExchange(ctx, ch)
	}
	if err != nil {
		return target{}, fmt.Errorf("channel %s: %w", ch.Name, err)
	}
	tg.channel = ch
	return tg, nil
}

func (t *tapper) resolveExchange(ctx context.Context, ch brokers.Channel) ([]bind, error) {
	kind, err := t.exchangeType(ctx, ch.Exchange)
	if err != nil {
		return nil, err
	}
	if err := tappable(ch.Exchange, kind); err != nil {
		return nil, err
	}
	keys := ch.RoutingKeys
	switch {
	case kind == amqp091.ExchangeFanout, kind == amqp091.ExchangeHeaders:
		keys = []string{""} // keys mean nothing there: everything
	case len(keys) == 0 && kind == amqp091.ExchangeTopic:
		keys = []string{"#"}
	case len(keys) == 0:
		if keys, err = t.boundKeys(ctx, ch.Exchange); err != nil {
			return nil, err
		}
	}
	binds := make([]bind, len(keys))
	for i, key := range keys {
		binds[i] = bind{exchange: ch.Exchange, key: key}
	}
	return binds, nil
}

// boundKeys are the keys with which a direct exchange is bound.
func (t *tapper) boundKeys(ctx context.Context, exchange string) ([]string, error) {
	if err := t.askable(ctx); err != nil {
		return nil, fmt.Errorf("exchange %s is of type direct: name the routing-key, or let the management API be asked: %w", exchange, err)
	}
	bound, err := t.api.boundTo(ctx, exchange)
	if err != nil {
		return nil, fmt.Errorf("exchange %s is of type direct: name the routing-key: %w", exchange, err)
	}
	var keys []string
	known := map[string]bool{}
	for _, b := range bound {
		if !known[b.RoutingKey] && !ours(b.Destination) {
			keys = append(keys, b.RoutingKey)
		}
		known[b.RoutingKey] = true
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("exchange %s is of type direct and has no bindings: name the routing-key", exchange)
	}
	slices.Sort(keys)
	return keys, nil
}

// resolveQueue finds the bindings of a queue.
func (t *tapper) resolveQueue(ctx context.Context, queue string) ([]bind, error) {
	bound, err := t.bindingsOf(ctx, queue)
	if err != nil {
		return nil, err
	}
	if len(bound) == 0 {
		return nil, fmt.Errorf("queue %s %w by its bindings, it has none: only the default exchange feeds it, and that takes no binding; tap: firehose sees it", queue, brokers.ErrNotTappable)
	}
	for _, b := range bound {
		kind, err := t.exchangeType(ctx, b.Source)
		if err != nil {
			return nil, fmt.Errorf("queue %s: %w", queue, err)
		}
		if err := tappable(b.Source, kind); err != nil {
			return nil, fmt.Errorf("queue %s: %w", queue, err)
		}
	}
	return bindsOf(bound), nil
}

// bindsOf are the same bindings, for another queue, in an order of their own.
func bindsOf(bound []binding) []bind {
	binds := make([]bind, len(bound))
	for i, b := range bound {
		binds[i] = bind{exchange: b.Source, key: b.RoutingKey, args: arguments(b.Arguments)}
	}
	slices.SortStableFunc(binds, func(a, b bind) int {
		return cmp.Or(strings.Compare(a.exchange, b.exchange), strings.Compare(a.key, b.key), strings.Compare(fmt.Sprint(a.args), fmt.Sprint(b.args)))
	})
	return binds
}

// bindingsOf asks the management API; AMQP has no way to list bindings.
func (t *tapper) bindingsOf(ctx context.Context, queue string) ([]binding, error) {
	if err := t.exists(ctx, queue); err != nil {
		return nil, err
	}
	const wayOut = "a queue is tapped by its bindings, which only the management API tells: let it be asked, or name the exchange and the routing-key instead"
	if err := t.askable(ctx); err != nil {
		return nil, fmt.Errorf("queue %s: %s: %w", queue, wayOut, err)
	}
	bound, err := t.api.queueBindings(ctx, queue)
	if err != nil {
		return nil, fmt.Errorf("queue %s: %s: %w", queue, wayOut, err)
	}
	return bound, nil
}

// exists asks the broker for a queue. One that belongs to another connection is
// there, too.
func (t *tapper) exists(ctx context.Context, queue string) error {
	return t.control.do(ctx, func(ch *amqp091.Channel) error {
		_, err := ch.QueueDeclarePassive(queue, false, false, false, false, nil)
		if err != nil && code(err) != amqp091.ResourceLocked {
			return fmt.Errorf("queue %s: %w", queue, replyError(err))
		}
		return nil
	})
}

// checkStream makes sure that reading takes nothing away: consuming any other
// queue would.
func (t *tapper) checkStream(ctx context.Context, stream string) error {
	if err := t.exists(ctx, stream); err != nil {
		return err
	}
	err := t.askable(ctx)
	var q queueInfo
	if err == nil {
		q, err = t.api.queue(ctx, stream)
	}
	if err != nil {
		return fmt.Errorf("stream %s: before it is read it must be sure that it is a stream, which only the management API tells: %w", stream, err)
	}
	if q.Type != "stream" {
		return fmt.Errorf("stream %s %w: it is a queue of type %s, reading it would take its messages; name it as a queue instead", stream, brokers.ErrNotTappable, q.Type)
	}
	return nil
}

// arguments turns a binding's arguments from JSON to AMQP, so that a headers
// exchange matches as it does for the queue.
func arguments(in map[string]any) amqp091.Table {
	if len(in) == 0 {
		return nil
	}
	table := make(amqp091.Table, len(in))
	for name, v := range in {
		table[name] = argument(v)
	}
	return table
}

func argument(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64() // beyond its range it is infinite
		return f
	case map[string]any:
		return arguments(v)
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = argument(item)
		}
		return list
	}
	return v
}
