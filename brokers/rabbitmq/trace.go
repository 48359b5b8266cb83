package rabbitmq

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
)

// The firehose: while tracing is on, RabbitMQ publishes a copy of every publish
// to traceExchange, with the key publish.<exchange>.
const (
	traceExchange = "amq.rabbitmq.trace"
	tracePublish  = "publish."
)

// trace tells which traced messages belong to a channel.
type trace struct {
	queue    string   // routed to this queue
	exchange string   // or published to this exchange,
	keys     []string // with one of these keys; none: any
}

// resolveTrace finds the traced exchanges from which messages come to a channel.
func (t *tapper) resolveTrace(ctx context.Context, ch brokers.Channel) (target, error) {
	if err := t.askable(ctx); err != nil {
		return target{}, fmt.Errorf("tap: firehose is switched on by the management API: %w", err)
	}
	if ch.Queue == "" {
		if _, err := t.api.exchange(ctx, ch.Exchange); err != nil {
			return target{}, fmt.Errorf("exchange %s: %w", ch.Exchange, err)
		}
		return target{
			bindings: []bind{{exchange: traceExchange, key: tracePublish + ch.Exchange}},
			trace:    &trace{exchange: ch.Exchange, keys: ch.RoutingKeys},
		}, nil
	}
	bound, err := t.bindingsOf(ctx, ch.Queue)
	if err != nil {
		return target{}, err
	}
	sources := map[string]bool{"": true} // the default exchange feeds every queue
	if err := t.upstream(ctx, bound, sources); err != nil {
		return target{}, fmt.Errorf("queue %s: %w", ch.Queue, err)
	}
	tg := target{trace: &trace{queue: ch.Queue}}
	for _, source := range slices.Sorted(maps.Keys(sources)) {
		tg.bindings = append(tg.bindings, bind{exchange: traceExchange, key: tracePublish + source})
	}
	return tg, nil
}

// upstream collects the exchanges that bindings lead from, over any number of
// exchanges.
func (t *tapper) upstream(ctx context.Context, bound []binding, known map[string]bool) error {
	for _, b := range bound {
		if known[b.Source] {
			continue
		}
		known[b.Source] = true
		further, err := t.api.boundFrom(ctx, b.Source)
		if err != nil {
			return err
		}
		if err := t.upstream(ctx, further, known); err != nil {
			return err
		}
	}
	return nil
}

// vhostInfo is what a PUT has to repeat: it clears what it does not name.
type vhostInfo struct {
	Description string `json:"description"`
	Tags        any    `json:"tags"`
	QueueType   any    `json:"default_queue_type,omitempty"`
	Tracing     bool   `json:"tracing"`
}

// switchTracing switches the tracing of the vhost, and tells whether that was a
// change. It works on the node that serves the API.
func (m *management) switchTracing(ctx context.Context, on bool) (changed bool, err error) {
	var v vhostInfo
	if err := m.get(ctx, path("vhosts", m.vhost), &v); err != nil {
		return false, fmt.Errorf("tap: firehose switches tracing on, which takes the tag administrator: %w", err)
	}
	if v.Tracing == on {
		return false, nil
	}
	v.Tracing = on
	if tags, ok := v.Tags.([]any); ok {
		v.Tags = joined(tags)
	}
	if v.QueueType == "undefined" {
		v.QueueType = nil
	}
	if err := m.put(ctx, path("vhosts", m.vhost), v); err != nil {
		return false, fmt.Errorf("tap: firehose switches tracing on, which takes the tag administrator: %w", err)
	}
	return true, nil
}

// joined spells tags as a PUT wants them.
func joined(tags []any) string {
	var words []string
	for _, tag := range tags {
		words = append(words, fmt.Sprint(tag))
	}
	return strings.Join(words, ",")
}

// untrace gives the message that a traced delivery tells of, and whether it is
// the channel's.
func (f *trace) untrace(d *amqp091.Delivery) (amqp091.Delivery, bool) {
	original := amqp091.Delivery{Body: d.Body, Exchange: text(d.Headers["exchange_name"])}
	keys := textList(d.Headers["routing_keys"])
	if len(keys) > 0 {
		original.RoutingKey = keys[0]
	}
	if f.queue != "" && !slices.Contains(textList(d.Headers["routed_queues"]), f.queue) {
		return original, false
	}
	if f.queue == "" && (original.Exchange != f.exchange || !f.wants(keys)) {
		return original, false
	}
	p, _ := d.Headers["properties"].(amqp091.Table)
	original.Headers, _ = p["headers"].(amqp091.Table)
	original.ContentType = text(p["content_type"])
	original.ContentEncoding = text(p["content_encoding"])
	original.CorrelationId = text(p["correlation_id"])
	original.ReplyTo = text(p["reply_to"])
	original.Expiration = text(p["expiration"])
	original.MessageId = text(p["message_id"])
	original.Type = text(p["type"])
	original.UserId = text(p["user_id"])
	original.AppId = text(p["app_id"])
	original.DeliveryMode = uint8(number(p["delivery_mode"]))
	original.Priority = uint8(number(p["priority"]))
	if at := number(p["timestamp"]); at != 0 {
		original.Timestamp = time.Unix(at, 0)
	}
	return original, true
}

func (f *trace) wants(keys []string) bool {
	if len(f.keys) == 0 {
		return true
	}
	return slices.ContainsFunc(f.keys, func(pattern string) bool {
		return slices.ContainsFunc(keys, func(key string) bool { return overlap(pattern, key) })
	})
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func textList(v any) []string {
	list, _ := v.([]any)
	all := make([]string, 0, len(list))
	for _, item := range list {
		all = append(all, text(item))
	}
	return all
}

func number(v any) int64 {
	n, _ := decodeValue(v).(int64)
	return n
}
