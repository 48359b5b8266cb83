package rabbitmq

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// guard looks after the bindings: nothing tells a tap that an exchange was
// deleted and declared anew, or that a queue was bound with one more key.
func (tp *tap) guard() {
	tick := time.NewTicker(tp.tapper.limits.look)
	defer tick.Stop()
	for {
		select {
		case <-tp.ctx.Done():
			return
		case <-tick.C:
		}
		for _, r := range tp.readers {
			if q, ok := r.(*queueReader); ok {
				q.look(tp.ctx)
			}
		}
	}
}

// unbound says of a queue what is wrong with its bindings.
type unbound struct {
	queue string
	why   error
}

// look cuts the reader off if its bindings are not what they should be, so that
// it is armed again. What cannot be asked is left as it is.
func (q *queueReader) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, managementTimeout)
	defer cancel()
	queue, bindings := q.state.bound()
	if queue == "" {
		return
	}
	if err := q.traced(ctx); err != nil {
		q.tap.log.Debug("tracing not checked", "channel", q.name(), "reason", err)
	}
	why := q.unbound(ctx, queue, bindings)
	if why == nil || ctx.Err() != nil {
		return
	}
	select {
	case q.cut <- unbound{queue, why}:
	case <-ctx.Done(): // it waits for Events, or is lost already: the next look tells again
	}
}

// unbound says what is wrong with the bindings of a queue, if that can be known.
func (q *queueReader) unbound(ctx context.Context, queue string, bindings []bind) error {
	t := q.tap.tapper
	if t.askable(ctx) != nil {
		return q.unboundByAMQP(ctx, bindings)
	}
	has, err := t.api.queueBindings(ctx, queue)
	if err != nil {
		return nil //nolint:nilerr // not known: the API may be away for a while
	}
	for _, b := range bindings {
		if !slices.ContainsFunc(has, func(h binding) bool { return h.Source == b.exchange && h.RoutingKey == b.key }) {
			return fmt.Errorf("the tap's binding to exchange %s with key %q is gone", b.exchange, b.key)
		}
	}
	if q.channel.Queue == "" || q.traces {
		return nil
	}
	now, err := t.api.queueBindings(ctx, q.channel.Queue)
	if err == nil && !reflect.DeepEqual(bindsOf(now), bindings) {
		return fmt.Errorf("the bindings of queue %s have changed", q.channel.Queue)
	}
	return nil
}

// unboundByAMQP only sees that an exchange is gone.
func (q *queueReader) unboundByAMQP(ctx context.Context, bindings []bind) error {
	var gone error
	_ = q.tap.tapper.control.do(ctx, func(ch *amqp091.Channel) error {
		for _, b := range bindings {
			err := ch.ExchangeDeclarePassive(b.exchange, amqp091.ExchangeTopic, false, false, false, false, nil)
			if code(err) == amqp091.NotFound {
				gone = fmt.Errorf("exchange %s is gone", b.exchange)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}) // an error that is not "gone" is not known
	return gone
}
