package rabbitmq

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/brokertest"
	"github.com/flowcheck/flowcheck/message"
)

// claims are those of an exchange.
var claims = brokertest.Claims{
	Ordered:       true,
	Positions:     message.Sequence,
	BinaryHeaders: true,
	TypedHeaders:  true,
	Properties:    true,
	EmptyBody:     true,
	BinaryBody:    true,
	ExactCatchUp:  true,
	Unroutable:    true,
	Quiet:         true,
	Identity:      true,
}

// subject is what all subjects have.
func (s *site) subject() brokertest.Subject {
	wrong := s.config()
	wrong.Username, wrong.Password = "nobody", "hunter2-refused"
	nowhere := brokers.Config{URL: "amqp://127.0.0.1:1/", Username: "guest", Password: "hunter2-nowhere"}
	return brokertest.Subject{
		Adapter:     Adapter(),
		Config:      s.config(),
		Unreachable: nowhere,
		Refused:     wrong,
		Observe:     s.observe,
		Claims:      claims,
		Patience:    2 * time.Minute, // RabbitMQ's own figures are up to 11 s old
	}
}

func fresh(letter string) string { return letter + "-" + strings.ToLower(rand.Text()[:8]) }

// exchangeSubject taps exchanges of a type; the key is that of all messages.
func (s *site) exchangeSubject(kind, key string, keys ...string) brokertest.Subject {
	subject := s.subject()
	queues := map[string]string{}
	subject.NewChannel = func(t testing.TB, o brokertest.ChannelOptions) brokers.Channel {
		ch := brokers.Channel{Exchange: fresh("x"), RoutingKeys: keys}
		if o.State == brokertest.Absent {
			return ch
		}
		s.must(s.ch.ExchangeDeclare(ch.Exchange, kind, true, false, false, false, nil))
		t.Cleanup(func() { s.must(s.ch.ExchangeDelete(ch.Exchange, false, false)) })
		if o.State == brokertest.Live {
			queue := fresh("q")
			s.temporary(t, queue, nil)
			s.must(s.ch.QueueBind(queue, key, ch.Exchange, false, nil))
			queues[ch.Exchange] = queue
		}
		return ch
	}
	subject.NewConsumer = func(_ testing.TB, ch brokers.Channel) brokertest.Consumer {
		_, own := s.dial()
		return getter{own, queues[ch.Exchange]}
	}
	subject.Untappable = func(testing.TB) []brokers.Channel {
		var all []brokers.Channel
		for _, kind := range []string{"x-consistent-hash", "x-modulus-hash", "x-random"} {
			name := fresh("h")
			s.must(s.ch.ExchangeDeclare(name, kind, false, false, false, false, nil))
			all = append(all, brokers.Channel{Exchange: name, RoutingKeys: []string{"1"}})
		}
		return all
	}
	return subject
}

func TestConformanceExchange(t *testing.T) {
	s := newSite(t)
	t.Run("topic", func(t *testing.T) {
		brokertest.Run(t, s.exchangeSubject("topic", "orders.*", "orders.eu", "orders.#"))
	})
	t.Run("direct", func(t *testing.T) { brokertest.Run(t, swift(s.exchangeSubject("direct", "placed", "placed"))) })
	t.Run("fanout", func(t *testing.T) { brokertest.Run(t, swift(s.exchangeSubject("fanout", ""))) })
	t.Run("headers", func(t *testing.T) { brokertest.Run(t, swift(s.exchangeSubject("headers", ""))) })
}

// swift leaves out two cases that take 11 s and 6 s on RabbitMQ and do not depend
// on the type of an exchange.
func swift(subject brokertest.Subject) brokertest.Subject {
	subject.Unserved = map[string]string{
		"quiet":   "served: shown with topic exchanges",
		"refused": "served: shown with topic exchanges",
	}
	return subject
}

// bypass publishes to the exchange that feeds a queue: a tap of the queue sees
// what its bindings bring.
type bypass struct{ brokers.Publisher }

func (b bypass) Publish(ctx context.Context, ch brokers.Channel, m brokers.Outgoing) (brokers.Receipt, error) {
	return b.Publisher.Publish(ctx, brokers.Channel{Name: ch.Name, Exchange: "x-" + ch.Queue}, m)
}

func TestConformanceQueue(t *testing.T) {
	s := newSite(t)
	subject := s.subject()
	subject.Adapter.OpenPublisher = func(ctx context.Context, cfg brokers.Config) (brokers.Publisher, error) {
		p, err := openPublisher(ctx, cfg)
		if err != nil {
			return nil, err
		}
		return bypass{p}, nil
	}
	subject.NewChannel = func(t testing.TB, o brokertest.ChannelOptions) brokers.Channel {
		ch := brokers.Channel{Queue: fresh("q")}
		if o.State == brokertest.Absent {
			return ch
		}
		s.temporary(t, ch.Queue, nil)
		exchange := "x-" + ch.Queue
		s.must(s.ch.ExchangeDeclare(exchange, "fanout", true, false, false, false, nil))
		t.Cleanup(func() { s.must(s.ch.ExchangeDelete(exchange, false, false)) })
		s.must(s.ch.QueueBind(ch.Queue, "", exchange, false, nil))
		return ch
	}
	subject.Untappable = func(testing.TB) []brokers.Channel {
		return []brokers.Channel{{Queue: s.queue(nil)}}
	}
	subject.NewConsumer = s.queueGetter
	subject.Unserved = map[string]string{
		"unroutable": "a queue that exists is always reached",
		"refused":    "served: shown with exchanges",
		"quiet":      "served: shown with exchanges, and by TestQuietWaitsForAcknowledgements",
	}
	brokertest.Run(t, subject)
}

// temporary makes a queue that is gone after the case.
func (s *site) temporary(t testing.TB, name string, args amqp091.Table) {
	_, err := s.ch.QueueDeclare(name, true, false, false, false, args)
	s.must(err)
	t.Cleanup(func() { _, err := s.ch.QueueDelete(name, false, false, false); s.must(err) })
}

func (s *site) queueGetter(_ testing.TB, ch brokers.Channel) brokertest.Consumer {
	_, own := s.dial()
	return getter{own, ch.Queue}
}

func TestConformanceFirehose(t *testing.T) {
	s := newSite(t)
	subject := s.subject()
	subject.Claims.ExactCatchUp = false
	subject.NewChannel = func(t testing.TB, o brokertest.ChannelOptions) brokers.Channel {
		ch := brokers.Channel{Queue: fresh("q"), Firehose: true}
		if o.State == brokertest.Absent {
			return ch
		}
		s.temporary(t, ch.Queue, nil)
		return ch
	}
	subject.NewConsumer = s.queueGetter
	subject.Unserved = map[string]string{
		"unroutable": "a queue that exists is always reached",
		"untappable": "the firehose sees every queue",
		"quiet":      "served: shown with queues",
		"refused":    "served: shown with exchanges",
	}
	brokertest.Run(t, subject)
}

func TestConformanceStream(t *testing.T) {
	s := newSite(t)
	subject := s.subject()
	subject.Claims.ExactCatchUp = false
	subject.Claims.Quiet = false
	subject.Claims.TypedHeaders = false // RabbitMQ (3.10, 4.0) keeps no tables and lists in streams
	subject.Claims.StartBeginning = true
	subject.Claims.StartOffset = true
	subject.NewChannel = func(t testing.TB, o brokertest.ChannelOptions) brokers.Channel {
		ch := brokers.Channel{Stream: fresh("s")}
		if o.State == brokertest.Absent {
			return ch
		}
		s.temporary(t, ch.Stream, amqp091.Table{"x-queue-type": "stream"})
		return ch
	}
	subject.Untappable = func(t testing.TB) []brokers.Channel {
		return []brokers.Channel{{Stream: s.queue(nil)}}
	}
	subject.NewConsumer = func(t testing.TB, ch brokers.Channel) brokertest.Consumer {
		return s.streamConsumer(t, ch.Stream)
	}
	subject.Unserved = map[string]string{
		"unroutable": "a stream that exists is always reached",
		"refused":    "served: shown with exchanges",
		"start-time": "a start at a time is rounded to whole seconds and to chunks: TestStreamStartsAtTime",
	}
	brokertest.Run(t, subject)
}
