package memorytest

import (
	"context"
	"errors"
	"testing"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/brokertest" //nolint:depguard // for tests only
	"github.com/flowcheck/flowcheck/brokers/memory"     //nolint:depguard // for tests only
	"github.com/flowcheck/flowcheck/message"
)

// Exchange describes exchanges, tapped by routing keys.
func Exchange() (brokertest.Subject, *memory.Server) {
	f := newFace()
	s := f.amqp()
	s.NewChannel = f.newExchange
	s.NewConsumer = func(t testing.TB, ch brokers.Channel) brokertest.Consumer {
		return f.newReader(t, ch.Exchange+".work")
	}
	s.Claims.Unroutable = true
	s.Untappable = func(t testing.TB) []brokers.Channel {
		name := f.name("direct")
		must(t, f.DeclareExchange(name, memory.Direct))
		t.Cleanup(func() { f.DeleteExchange(name) })
		return []brokers.Channel{{Exchange: name}}
	}
	return s, f.Server
}

// Queue describes queues, tapped by their bindings.
func Queue() (brokertest.Subject, *memory.Server) {
	f := newFace()
	s := f.amqp()
	s.NewChannel = f.newQueue
	s.Adapter.OpenPublisher = around(s.Adapter.OpenPublisher)
	s.NewConsumer = func(t testing.TB, ch brokers.Channel) brokertest.Consumer { return f.newReader(t, ch.Queue) }
	s.Untappable = func(t testing.TB) []brokers.Channel {
		name := f.name("unbound")
		must(t, f.DeclareQueue(name, memory.QueueOptions{}))
		t.Cleanup(func() { f.DeleteQueue(name) })
		return []brokers.Channel{{Queue: name}}
	}
	return s, f.Server
}

// amqp is what exchanges and queues have in common.
func (f *face) amqp() brokertest.Subject {
	s := f.subject()
	s.Claims = brokertest.Claims{
		Ordered: true, Positions: message.Sequence, BinaryHeaders: true, TypedHeaders: true, Properties: true,
		EmptyBody: true, BinaryBody: true, ExactCatchUp: true, Quiet: true, Identity: true, MaxMessage: maxMessage,
	}
	return s
}

// newExchange makes a topic exchange, with a queue unless nobody is to read.
func (f *face) newExchange(t testing.TB, o brokertest.ChannelOptions) brokers.Channel {
	name := f.name("exchange")
	ch := brokers.Channel{Exchange: name, RoutingKeys: []string{"order.placed", "order.#"}}
	if o.State == brokertest.Absent {
		return ch
	}
	must(t, f.DeclareExchange(name, memory.Topic))
	t.Cleanup(func() { f.DeleteExchange(name) })
	if o.State == brokertest.Live {
		f.bound(t, name+".work", name, "order.*")
	}
	return ch
}

// newQueue makes a queue behind a direct exchange.
func (f *face) newQueue(t testing.TB, o brokertest.ChannelOptions) brokers.Channel {
	name := f.name("queue")
	if o.State != brokertest.Absent {
		must(t, f.DeclareExchange(name+".in", memory.Direct))
		t.Cleanup(func() { f.DeleteExchange(name + ".in") })
		f.bound(t, name, name+".in", "work")
	}
	return brokers.Channel{Queue: name}
}

// around publishes to a queue by its binding, where a tap sees it; the adapter
// itself takes the default exchange, as RabbitMQ's does.
func around(open openPublisher) openPublisher {
	return func(ctx context.Context, cfg brokers.Config) (brokers.Publisher, error) {
		p, err := open(ctx, cfg)
		return byBinding{p}, err
	}
}

type openPublisher = func(context.Context, brokers.Config) (brokers.Publisher, error)

// byBinding publishes to the exchange before a queue, if there is one.
type byBinding struct{ brokers.Publisher }

func (p byBinding) Publish(ctx context.Context, ch brokers.Channel, m brokers.Outgoing) (brokers.Receipt, error) {
	before := brokers.Channel{Name: ch.Name, Exchange: ch.Queue + ".in", RoutingKeys: []string{"work"}}
	receipt, err := p.Publisher.Publish(ctx, before, m)
	if errors.Is(err, brokers.ErrAbsent) {
		return p.Publisher.Publish(ctx, ch, m)
	}
	return receipt, err
}

// bound makes a queue with one binding.
func (f *face) bound(t testing.TB, queueName, exchangeName, key string) {
	must(t, f.DeclareQueue(queueName, memory.QueueOptions{}))
	t.Cleanup(func() { f.DeleteQueue(queueName) })
	must(t, f.Bind(exchangeName, key, queueName))
}

// newReader consumes a queue.
func (f *face) newReader(t testing.TB, queueName string) brokertest.Consumer {
	c, err := f.Consume(queueName)
	must(t, err)
	t.Cleanup(c.Close)
	return take(func(ctx context.Context) ([]byte, error) {
		d, err := c.Next(ctx)
		if err != nil {
			return nil, err
		}
		d.Ack()
		return d.Payload, nil
	})
}
