package rabbitmq

import (
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
)

// says asks whether the channels are quiet and fails if the answer is another.
func (s *site) says(tp *tapper, known, quiet bool, reason string, channels ...brokers.Channel) {
	s.Helper()
	q, err := tp.Quiet(s.ctx(), channels)
	s.must(err)
	if q.Known != known || q.Quiet != quiet || !strings.Contains(q.Reason, reason) || (q.Reason == "") != quiet {
		s.Fatalf("Quiet says %+v, want known %t, quiet %t, %q", q, known, quiet, reason)
	}
}

func TestQuietCountsWhatIsReadyNow(t *testing.T) {
	s := newSite(t)
	tp := s.open(s.config())
	x, y := s.exchange("topic"), s.exchange("fanout")
	s.must(s.ch.ExchangeBind(y, "placed", x, false, nil))
	far := s.bound(y, "", nil) // over two exchanges
	other := s.bound(x, "paid.#", nil)
	ch := brokers.Channel{Name: "orders", Exchange: x, RoutingKeys: []string{"placed"}}
	s.publish(s.publisher(), brokers.Channel{Queue: other}, "1")
	s.says(tp, false, false, "may be 11s old", ch) // the other key's queue does not count
	s.publish(s.publisher(), ch, "1", "2")
	s.says(tp, true, false, "queue "+far+" has 2 messages ready", ch)
	s.says(tp, true, false, "channel tasks: queue "+other+" has 1", brokers.Channel{Name: "tasks", Queue: other})
	named := ch
	named.Consumers = []string{other}
	s.says(tp, true, false, "queue "+other, named)
	s.says(tp, true, true, "", brokers.Channel{Name: "nobody", Exchange: s.exchange("topic")})
	s.says(tp, false, false, "readers of a stream", s.stream())
}

// TestQuietWaitsForAcknowledgements: a message that a consumer holds is work.
func TestQuietWaitsForAcknowledgements(t *testing.T) {
	s := newSite(t)
	tp := s.open(s.config())
	ch := brokers.Channel{Name: "tasks", Queue: s.queue(nil)}
	s.publish(s.publisher(), ch, "1")
	d, ok, err := s.ch.Get(ch.Queue, false)
	s.must(err)
	if !ok {
		t.Fatal("no message")
	}
	s.says(tp, false, false, "may be 11s old", ch)
	eventually(t, "RabbitMQ counts", func() string {
		q, err := tp.Quiet(s.ctx(), []brokers.Channel{ch})
		s.must(err)
		if q.Quiet {
			t.Fatal("quiet, though a message is held")
		}
		if !q.Known {
			return q.Reason
		}
		return ""
	})
	s.must(d.Ack(false))
	acknowledged := time.Now()
	eventually(t, "it becomes quiet", func() string {
		q, err := tp.Quiet(s.ctx(), []brokers.Channel{ch})
		s.must(err)
		return q.Reason
	})
	if took := time.Since(acknowledged); took < 9*time.Second {
		t.Fatalf("quiet after %s: RabbitMQ's figures can be older", took)
	}
}

// TestQuietOfAnExclusiveQueue, which AMQP tells nothing of.
func TestQuietOfAnExclusiveQueue(t *testing.T) {
	s := newSite(t)
	tp := s.open(s.config())
	_, err := s.ch.QueueDeclare("own", false, false, true, false, nil)
	s.must(err)
	s.says(tp, false, false, "may be 11s old", brokers.Channel{Name: "tasks", Queue: "own"})
}

func TestQuietWithoutTheAPI(t *testing.T) {
	s := newSite(t)
	tp := s.open(s.withoutAPI())
	ch := brokers.Channel{Name: "tasks", Queue: s.queue(nil)}
	s.says(tp, false, false, "only the management API tells what is not acknowledged", ch)
	s.says(tp, false, false, "consumers: can name them", s.orders())
	s.send("", ch.Queue, amqp091.Publishing{})
	eventually(t, "the message is there", func() string {
		if s.ready(ch.Queue) == 1 {
			return ""
		}
		return "not yet"
	})
	s.says(tp, true, false, "1 messages ready", ch)
}
