package rabbitmq

import (
	"strings"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// vigilant is a tapper that looks at its bindings often.
func (s *site) vigilant(cfg brokers.Config) *tapper {
	s.Helper()
	t := s.open(cfg)
	t.limits.look = 50 * time.Millisecond
	return t
}

// againAfter takes the gaps of a tap that found its bindings changed, and sees
// that it works.
func (w *tapped) againAfter(word string, publish func()) {
	w.Helper()
	first, second := w.gap(), w.gap()
	if !strings.Contains(first.Reason, word) || !strings.Contains(second.Reason, "tapped again") {
		w.Fatalf("the gaps say %q, %q", first.Reason, second.Reason)
	}
	publish()
	if o := w.message(); string(o.Payload) != "after" {
		w.Fatalf("came %+v", o)
	}
	w.nothing()
	own := 0
	for queue := range w.snapshot().Queues {
		if ours(queue) {
			own++
		}
	}
	if own != 2 {
		w.Fatalf("the tap has %d queues", own)
	}
	w.must(w.tap.Close(w.ctx()))
	w.nothingLeft()
}

// TestExchangeDeclaredAnewIsAGap: the tap's binding went with the old one.
func TestExchangeDeclaredAnewIsAGap(t *testing.T) {
	s := newSite(t)
	ch := s.orders()
	w := s.arm(s.vigilant(s.config()), brokers.TapConfig{Channels: []brokers.Channel{ch}})
	s.must(s.ch.ExchangeDelete(ch.Exchange, false, false))
	s.must(s.ch.ExchangeDeclare(ch.Exchange, "topic", false, false, false, false, nil))
	w.againAfter("binding to exchange "+ch.Exchange, func() { s.publish(s.publisher(), ch, "after") })
}

// TestDeletedExchangeIsAGap is seen without the management API, too.
func TestDeletedExchangeIsAGap(t *testing.T) {
	s := newSite(t)
	ch := s.orders()
	w := s.arm(s.vigilant(s.withoutAPI()), brokers.TapConfig{Channels: []brokers.Channel{ch}})
	s.must(s.ch.ExchangeDelete(ch.Exchange, false, false))
	first := w.gap()
	if !strings.Contains(first.Reason, "exchange "+ch.Exchange+" is gone") {
		t.Fatalf("the gap says %q", first.Reason)
	}
	s.must(s.ch.ExchangeDeclare(ch.Exchange, "topic", false, false, false, false, nil))
	if second := w.gap(); !strings.Contains(second.Reason, "tapped again") {
		t.Fatalf("the gap says %q", second.Reason)
	}
	s.must(w.tap.Close(s.ctx()))
	s.nothingLeft()
}

// TestNewBindingOfAQueueIsAGap, and is tapped from then on.
func TestNewBindingOfAQueueIsAGap(t *testing.T) {
	s := newSite(t)
	x := s.exchange("topic")
	ch := brokers.Channel{Name: "tasks", Queue: s.bound(x, "old", nil)}
	w := s.arm(s.vigilant(s.config()), brokers.TapConfig{Channels: []brokers.Channel{ch}})
	s.must(s.ch.QueueBind(ch.Queue, "new", x, false, nil))
	w.againAfter("bindings of queue "+ch.Queue+" have changed", func() {
		s.publish(s.publisher(), brokers.Channel{Exchange: x, RoutingKeys: []string{"new"}}, "after")
	})
}

// TestBindingsAreLeftAlone: a tap that is bound as it should be goes on, durable
// or not, with arguments or without.
func TestBindingsAreLeftAlone(t *testing.T) {
	s := newSite(t)
	ch := s.orders()
	x := s.exchange("headers")
	queue := s.bound(x, "", map[string]any{"x-match": "all", "n": int64(1), "kind": "order"})
	s.must(s.ch.QueueBind(queue, "placed", ch.Exchange, false, nil))
	s.must(s.ch.QueueBind(queue, "#", ch.Exchange, false, nil))
	for _, durable := range []bool{false, true} {
		w := s.arm(s.vigilant(s.config()), brokers.TapConfig{Durable: durable, Channels: []brokers.Channel{
			ch, {Name: "tasks", Queue: queue}, {Name: "fire", Queue: queue, Firehose: true},
		}})
		var marks []message.Mark
		deadline := time.After(500 * time.Millisecond)
		for watching := true; watching; {
			select {
			case e := <-w.events:
				if !w.fenced(e) {
					marks = append(marks, *e.Mark)
				}
			case <-deadline:
				watching = false
			}
		}
		if len(marks) > 0 {
			t.Fatalf("marks: %+v", marks)
		}
		s.must(w.tap.Close(s.ctx()))
	}
}
