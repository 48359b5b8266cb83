package rabbitmq

import (
	"context"
	"sync"
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// order is a body of 400 bytes.
var order = make([]byte, 400)

// BenchmarkLatency is from before Publish to the event, and what of it is the
// broker's confirm.
func BenchmarkLatency(b *testing.B) {
	s := newSite(b)
	ch := s.orders()
	w := s.tapChannels(ch)
	p := s.publisher()
	ctx := context.Background()
	m := brokers.Outgoing{Message: message.Message{Payload: order, Properties: map[string]any{"delivery-mode": int64(1)}}}
	for b.Loop() {
		confirmed := make(chan error, 1)
		go func() {
			_, err := p.Publish(ctx, ch, m)
			confirmed <- err
		}()
		<-w.events
		s.must(<-confirmed)
	}
	s.must(w.tap.Close(s.ctx()))
}

// BenchmarkTap is what a tap takes off a full queue.
func BenchmarkTap(b *testing.B) {
	s := newSite(b)
	tp := s.open(s.config())
	tp.limits.messages = 1 << 30
	tp.limits.bytes = 1 << 40
	x := s.exchange("topic")
	w := s.arm(tp, brokers.TapConfig{Channels: []brokers.Channel{{Name: "orders", Exchange: x, RoutingKeys: []string{"placed"}}}})
	s.fill(x, b.N)
	b.ResetTimer()
	for range b.N {
		<-w.events
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	b.StopTimer()
	s.must(w.tap.Close(s.ctx()))
}

// BenchmarkConsume is the same with the library alone, which acknowledges nothing
// and proves nothing.
func BenchmarkConsume(b *testing.B) {
	s := newSite(b)
	x := s.exchange("topic")
	queue := s.bound(x, "placed", nil)
	s.fill(x, b.N)
	_, own := s.dial()
	deliveries, err := own.Consume(queue, "", true, false, false, false, nil)
	s.must(err)
	b.ResetTimer()
	for range b.N {
		<-deliveries
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

// fill publishes n messages and returns when the broker has taken them.
func (s *site) fill(exchange string, n int) {
	s.Helper()
	for range n {
		s.send(exchange, "placed", amqp091.Publishing{Body: order})
	}
	s.must(s.ch.ExchangeDeclarePassive(exchange, "topic", false, false, false, false, nil))
}

// BenchmarkPublish is with n callers of one publisher.
func BenchmarkPublish(b *testing.B) {
	for _, c := range []struct {
		name string
		n    int
	}{{"one", 1}, {"ten", 10}, {"hundred", 100}} {
		b.Run(c.name, func(b *testing.B) {
			s := newSite(b)
			ch := s.orders()
			p := s.publisher()
			m := brokers.Outgoing{Message: message.Message{Payload: order, Properties: map[string]any{"delivery-mode": int64(1)}}}
			ctx := context.Background()
			work := make(chan struct{})
			var callers sync.WaitGroup
			for range c.n {
				callers.Go(func() {
					for range work {
						if _, err := p.Publish(ctx, ch, m); err != nil {
							b.Error(err)
						}
					}
				})
			}
			b.ResetTimer()
			for range b.N {
				work <- struct{}{}
			}
			close(work)
			callers.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}
