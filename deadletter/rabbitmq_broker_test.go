package deadletter

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/internal/testbroker"
	"github.com/flowcheck/flowcheck/message"
)

// broker is a channel to a real RabbitMQ, with names of the test's own.
type broker struct {
	testing.TB
	ch  *amqp091.Channel
	ctx context.Context
	tag string
}

func realBroker(t *testing.T) broker {
	conn, err := amqp091.Dial(testbroker.RabbitMQ(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(func() {
		cancel()
		_ = conn.Close()
	})
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return broker{TB: t, ch: ch, ctx: ctx, tag: "-" + strings.ToLower(rand.Text()[:8])}
}

func (b broker) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// queue declares a queue that the test's end deletes.
func (b broker) queue(name string, args amqp091.Table) {
	b.Helper()
	_, err := b.ch.QueueDeclare(name+b.tag, true, false, false, false, args)
	b.must(err)
	b.Cleanup(func() { _, _ = b.ch.QueueDelete(name+b.tag, false, false, false) })
}

// deadLetter are the arguments of a queue whose dead letters go to another.
func (b broker) deadLetter(to string, more amqp091.Table) amqp091.Table {
	args := amqp091.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": to + b.tag}
	maps.Copy(args, more)
	return args
}

func (b broker) publish(queue string, headers amqp091.Table) {
	b.Helper()
	b.must(b.ch.PublishWithContext(b.ctx, "", queue+b.tag, false, false, amqp091.Publishing{Headers: headers, Body: []byte("{}")}))
}

// get waits for the next message of a queue.
func (b broker) get(queue string) amqp091.Delivery {
	b.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		d, ok, err := b.ch.Get(queue+b.tag, false)
		b.must(err)
		if ok {
			return d
		}
		select {
		case <-tick.C:
		case <-b.ctx.Done():
			b.Fatalf("nothing in %s", queue)
		}
	}
}

// read reads the record of a delivery.
func (b broker) read(d amqp091.Delivery) Death {
	b.Helper()
	b.must(d.Ack(false))
	var h []message.Header
	for _, name := range slices.Sorted(maps.Keys(d.Headers)) {
		h = append(h, message.Header{Name: name, Value: plain(d.Headers[name])})
	}
	death, ok := Read(&message.Observation{Message: message.Message{Headers: h, Payload: d.Body}})
	if !ok {
		b.Fatalf("not recognised: %v", d.Headers)
	}
	b.Logf("%v", d.Headers)
	return death
}

// plain turns the library's types into those of message.Header.
func plain(v any) any {
	switch v := v.(type) {
	case amqp091.Table:
		table := make(map[string]any, len(v))
		for name, field := range v {
			table[name] = plain(field)
		}
		return table
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = plain(item)
		}
		return list
	case int32:
		return int64(v)
	default:
		return v
	}
}

func (b broker) want(want, got Death) {
	b.Helper()
	want.Dialect = "rabbitmq"
	want.Origin.Queue += b.tag
	want.Origin.RoutingKey = want.Origin.Queue
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Death{}, "At")); diff != "" {
		b.Errorf("(-want +got):\n%s", diff)
	}
	if !got.At.IsZero() && time.Since(got.At).Abs() > time.Minute {
		b.Errorf("dead at %v", got.At)
	}
}

func TestRealRabbitMQ(t *testing.T) {
	origin := Origin{Queue: "work"}
	t.Run("refused", func(t *testing.T) {
		b := realBroker(t)
		b.queue("dead", nil)
		b.queue("work", b.deadLetter("dead", nil))
		b.publish("work", nil)
		b.must(b.get("work").Reject(false))
		b.want(Death{Origin: origin, Reason: "rejected", Attempts: ptr(1)}, b.read(b.get("dead")))
	})
	t.Run("refused and waited, parked by the application", func(t *testing.T) {
		b := realBroker(t)
		b.queue("parked", nil)
		b.queue("work", b.deadLetter("wait", nil))
		b.queue("wait", b.deadLetter("work", amqp091.Table{"x-message-ttl": int32(20)}))
		b.publish("work", nil)
		b.must(b.get("work").Reject(false))
		b.must(b.get("work").Reject(false))
		third := b.get("work")
		b.publish("parked", third.Headers)
		b.must(third.Ack(false))
		b.want(Death{Origin: origin, Reason: "rejected", Attempts: ptr(3)}, b.read(b.get("parked")))
	})
	t.Run("expired", func(t *testing.T) {
		b := realBroker(t)
		b.queue("dead", nil)
		b.queue("work", b.deadLetter("dead", amqp091.Table{"x-message-ttl": int32(20)}))
		b.publish("work", nil)
		b.want(Death{Origin: origin, Reason: "expired"}, b.read(b.get("dead")))
	})
	t.Run("pushed out", func(t *testing.T) {
		b := realBroker(t)
		b.queue("dead", nil)
		b.queue("work", b.deadLetter("dead", amqp091.Table{"x-max-length": int32(1)}))
		b.publish("work", nil)
		b.publish("work", nil)
		b.want(Death{Origin: origin, Reason: "maxlen"}, b.read(b.get("dead")))
	})
	t.Run("beyond the delivery limit", func(t *testing.T) {
		b := realBroker(t)
		b.queue("dead", nil)
		b.queue("work", b.deadLetter("dead", amqp091.Table{"x-queue-type": "quorum", "x-delivery-limit": int32(2)}))
		b.publish("work", nil)
		for range 3 {
			b.must(b.get("work").Reject(true))
		}
		b.want(Death{Origin: origin, Reason: "delivery_limit"}, b.read(b.get("dead")))
	})
}
