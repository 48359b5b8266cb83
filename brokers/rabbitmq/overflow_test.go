package rabbitmq

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// small makes a tap's queue overflow soon.
var small = limits{messages: 40, bytes: 1 << 20, prefetch: 10, expires: time.Minute, look: time.Minute}

// numbers are n bodies, from first on.
func numbers(first, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = strconv.Itoa(first + i)
	}
	return all
}

// holes counts messages that did not come, and fails if one of them has no gap
// where it would have come: a mark between its neighbours, or the mark of the
// batch in which both came at the same time.
func holes(t *testing.T, events []message.Event, published int) int {
	t.Helper()
	lost, last, marked := 0, -1, false
	var lastSeen, markSeen time.Time
	for _, e := range append(events, message.Event{Observation: &message.Observation{Message: message.Message{Payload: []byte(strconv.Itoa(published))}}}) {
		if e.Mark != nil {
			marked, markSeen = true, e.Mark.Seen
			continue
		}
		n, err := strconv.Atoi(string(e.Observation.Payload))
		if err != nil || n <= last {
			t.Fatalf("message %q came after %d", e.Observation.Payload, last)
		}
		sameBatch := lastSeen.Equal(markSeen) && lastSeen.Equal(e.Observation.Seen)
		if n > last+1 && !marked && !sameBatch {
			t.Fatalf("messages %d to %d were lost without a gap", last+1, n-1)
		}
		lost += n - last - 1
		last, lastSeen, marked = n, e.Observation.Seen, false
	}
	return lost
}

func marks(events []message.Event) (all []message.Mark) {
	for _, e := range events {
		if e.Mark != nil {
			all = append(all, *e.Mark)
		}
	}
	return all
}

func TestOverflowIsAGap(t *testing.T) {
	s := newSite(t)
	tp := s.open(s.config())
	tp.limits = small
	ch := s.orders()
	w := s.arm(tp, brokers.TapConfig{Channels: []brokers.Channel{ch}})
	s.publish(s.publisher(), ch, numbers(0, 200)...)
	events := w.rest()
	if lost := holes(t, events, 200); lost < 100 {
		t.Fatalf("%d messages were lost of 200, the queue keeps 40", lost)
	}
	all := marks(events)
	if len(all) == 0 || len(all) > 6 {
		t.Fatalf("%d gaps for one loss", len(all))
	}
	if m := all[0]; m.Kind != message.MarkGap || m.Channel != "orders" || !strings.Contains(m.Reason, "was full") {
		t.Fatalf("the gap says %+v", m)
	}
	for i, e := range events {
		if o := e.Observation; o != nil && o.Position.Offset > int64(i+1) {
			t.Fatalf("event %d has position %s", i, o.Position)
		}
	}
}

// TestOverflowOfBytesIsAGap: few large messages.
func TestOverflowOfBytesIsAGap(t *testing.T) {
	s := newSite(t)
	tp := s.open(s.config())
	tp.limits = limits{messages: 1000, bytes: 2000, prefetch: 3, expires: time.Minute, look: time.Minute}
	ch := s.orders()
	w := s.arm(tp, brokers.TapConfig{Channels: []brokers.Channel{ch}})
	pad := strings.Repeat("0", 500)
	for _, n := range numbers(0, 20) {
		s.publish(s.publisher(), ch, pad+n)
	}
	if lost := holes(t, w.rest(), 20); lost == 0 {
		t.Fatal("nothing was lost")
	}
}

func TestNoOverflowNoGap(t *testing.T) {
	s := newSite(t)
	tp := s.open(s.config())
	tp.limits = small
	ch := s.orders()
	w := s.arm(tp, brokers.TapConfig{Channels: []brokers.Channel{ch}})
	p := s.publisher()
	for round := range 5 {
		s.publish(p, ch, numbers(round*40, 40)...) // all that the queue keeps
		events := w.rest()
		if len(events) != 40 || len(marks(events)) > 0 {
			t.Fatalf("round %d: %d events, gaps %+v", round, len(events), marks(events))
		}
	}
}

// TestOverflowAnywhere loses messages at many places of a stream that is read in
// fits and starts.
func TestOverflowAnywhere(t *testing.T) {
	s := newSite(t)
	tp := s.open(s.config())
	tp.limits = limits{messages: 12, bytes: 1 << 20, prefetch: 4, expires: time.Minute, look: time.Minute}
	ch := s.orders()
	w := s.arm(tp, brokers.TapConfig{Channels: []brokers.Channel{ch}})
	p := s.publisher()
	random := rand.New(rand.NewPCG(7, 11))
	var events []message.Event
	published := 0
	for range 60 {
		n := random.IntN(30)
		s.publish(p, ch, numbers(published, n)...)
		published += n
		for range random.IntN(20) {
			select {
			case e := <-w.events:
				events = append(events, e)
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	events = append(events, w.rest()...)
	lost, gaps := holes(t, events, published), len(marks(events))
	t.Logf("%d messages, %d lost, %d gaps", published, lost, gaps)
	if lost == 0 || lost > published/2 || gaps > published/4 {
		t.Fatalf("of %d messages %d were lost, with %d gaps", published, lost, gaps)
	}
}

// TestExpiryIsAGap: a message's own time to live runs in the tap's queue, too.
func TestExpiryIsAGap(t *testing.T) {
	s := newSite(t)
	tp := s.open(s.config())
	tp.limits = small
	ch := s.orders()
	w := s.arm(tp, brokers.TapConfig{Channels: []brokers.Channel{ch}})
	p := s.publisher()
	s.publish(p, ch, numbers(0, 25)...) // more than the tap holds: 25 has to wait
	s.send(ch.Exchange, "placed", amqp091.Publishing{Expiration: "1", Body: []byte("25")})
	s.publish(p, ch, "26")
	first := w.message()
	<-time.After(20 * time.Millisecond) // its time to live
	events := append([]message.Event{{Observation: &first}}, w.rest()...)
	if lost := holes(t, events, 27); lost != 1 {
		t.Fatalf("%d messages were lost", lost)
	}
	if m := marks(events); !strings.Contains(m[0].Reason, "expired") {
		t.Fatalf("the gap says %+v", m)
	}
}
