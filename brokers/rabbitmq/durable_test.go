package rabbitmq

import (
	"strings"
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// TestDurableTapLosesNothing: the queue goes on collecting while the connection
// is lost.
func TestDurableTapLosesNothing(t *testing.T) {
	s := newSite(t)
	ch := s.orders()
	cfg, proxy := s.proxied("")
	w := s.arm(s.open(cfg), brokers.TapConfig{Channels: []brokers.Channel{ch}, Durable: true})
	p := s.publisher()
	s.publish(p, ch, numbers(0, 5)...)
	for range 5 {
		w.message()
	}
	proxy.Stop()
	s.publish(p, ch, numbers(5, 300)...)
	s.must(proxy.Start())
	for i, body := range numbers(5, 300) {
		if o := w.message(); string(o.Payload) != body || o.Position != message.Nth(int64(i+6)) {
			t.Fatalf("number %s came as %s %q", body, o.Position, o.Payload)
		}
	}
	w.nothing()
	s.must(w.tap.Close(s.ctx()))
	s.nothingLeft()
}

// TestDurableTapCutWhileItReads: each message comes once, or there is a gap.
func TestDurableTapCutWhileItReads(t *testing.T) {
	s := newSite(t)
	ch := s.orders()
	cfg, proxy := s.proxied("")
	w := s.arm(s.open(cfg), brokers.TapConfig{Channels: []brokers.Channel{ch}, Durable: true})
	p := s.publisher()
	const n = 2000
	go func() {
		for _, body := range numbers(0, n) {
			if _, err := p.Publish(t.Context(), ch, brokers.Outgoing{Message: message.Message{Payload: []byte(body)}}); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	var events []message.Event
	for cut := range 4 {
		for range 100 * (cut + 1) {
			events = append(events, w.next())
		}
		proxy.Stop()
		s.must(proxy.Start())
	}
	for len(events) == 0 || !last(events, n-1) {
		events = append(events, w.next())
	}
	t.Logf("%d lost, gaps: %d", holes(t, events, n), len(marks(events)))
	s.must(w.tap.Close(s.ctx()))
}

func last(events []message.Event, n int) bool {
	o := events[len(events)-1].Observation
	return o != nil && string(o.Payload) == numbers(n, 1)[0]
}

// TestDurableQueueIsKnownAndExpires: its name has no chance in it, and it goes by
// itself.
func TestDurableQueueIsKnownAndExpires(t *testing.T) {
	s := newSite(t)
	ch := s.orders()
	ch.Name = "orders & more"
	w := s.arm(s.open(s.config()), brokers.TapConfig{Channels: []brokers.Channel{ch}, Durable: true})
	name := w.tap.(*tap).readers[0].(*queueReader).queue
	if !strings.HasPrefix(name, "flowcheck-"+w.tapper.address.run+"-orders___more-") {
		t.Fatalf("the queue is named %s", name)
	}
	var q struct {
		Durable, Exclusive bool
		Arguments          map[string]any
	}
	for _, queue := range []string{name, name + "-drops"} {
		s.call("GET", "/api/queues/"+s.vhost+"/"+queue, nil, &q)
		if !q.Durable || q.Exclusive || q.Arguments["x-expires"] != float64(3_600_000) || q.Arguments["x-max-length"] == nil {
			t.Fatalf("queue %s: %+v", queue, q)
		}
	}
	s.must(w.tap.Close(s.ctx()))
	s.nothingLeft()
}

// TestDurableTapStartsAtItsEnd: what a run of the same id left is not read.
func TestDurableTapStartsAtItsEnd(t *testing.T) {
	s := newSite(t)
	ch := s.orders()
	cfg := s.config()
	name := "flowcheck-" + cfg.RunID + "-orders"
	for _, queue := range []string{name, name + "-drops"} {
		_, err := s.ch.QueueDeclare(queue, true, false, false, false, nil)
		s.must(err)
		s.send("", queue, amqp091.Publishing{Body: []byte("old")})
	}
	w := s.arm(s.open(cfg), brokers.TapConfig{Channels: []brokers.Channel{ch}, Durable: true})
	w.nothing()
	s.must(w.tap.Close(s.ctx()))
	s.nothingLeft()
}
