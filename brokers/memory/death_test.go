package memory_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/message"
)

// deadLetters are the options of a queue whose dead letters go to an exchange.
func deadLetters(exchange string) memory.QueueOptions {
	return memory.QueueOptions{DeadLetter: &memory.DeadLetter{Exchange: exchange}}
}

// headersOf are a message's headers by name.
func headersOf(m message.Message) map[string]any {
	all := map[string]any{}
	for _, h := range m.Headers {
		all[h.Name] = h.Value
	}
	return all
}

func TestRejectedGoesToTheDeadLetterExchange(t *testing.T) {
	s := server(memory.Options{})
	dead := queue(t, s, "dead", memory.QueueOptions{})
	work := queue(t, s, "work", deadLetters("dead"))
	_, err := s.Publish("work", "order.placed", message.Message{
		Payload: []byte("x"), Headers: []message.Header{{Name: "y", Value: int64(1)}, {Name: "a", Value: "b"}},
		Properties: map[string]any{"message-id": "m-1", "expiration": "60000"},
	})
	must(t, err)
	next(t, work).Reject(false)
	d := next(t, dead)
	want := map[string]any{
		"a": "b", "y": int64(1),
		"x-death": []any{map[string]any{
			"count": int64(1), "reason": "rejected", "queue": "work", "exchange": "work",
			"routing-keys": []any{"order.placed"}, "time": epoch.Truncate(time.Second), "original-expiration": "60000",
		}},
		"x-first-death-reason": "rejected", "x-first-death-queue": "work", "x-first-death-exchange": "work",
		"x-last-death-reason": "rejected", "x-last-death-queue": "work", "x-last-death-exchange": "work",
	}
	if diff := cmp.Diff(want, headersOf(d.Message)); diff != "" {
		t.Error(diff)
	}
	if d.Exchange != "dead" || d.RoutingKey != "order.placed" || string(d.Payload) != "x" || d.Redelivered {
		t.Errorf("the dead letter is %+v", d)
	}
	if diff := cmp.Diff(map[string]any{"message-id": "m-1"}, d.Properties); diff != "" {
		t.Errorf("properties: %s", diff)
	}
	for i := 1; i < len(d.Headers); i++ {
		if d.Headers[i-1].Name > d.Headers[i].Name {
			t.Errorf("headers are not sorted: %v", d.Headers)
		}
	}
}

// A retry by rejection and a waiting queue: the work queue's entry counts on
// and comes to the front, the first death stays.
func TestRetryLoopCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := server(memory.Options{})
		must(t, s.DeclareExchange("wait", memory.Fanout))
		work := queue(t, s, "work", deadLetters("wait"))
		must(t, s.DeclareQueue("wait", memory.QueueOptions{TTL: time.Second, DeadLetter: &memory.DeadLetter{Exchange: "work"}}))
		must(t, s.Bind("wait", "", "wait"))
		publish(t, s, "work", "k", "x")
		for range 2 {
			next(t, work).Reject(false)
		}
		d := next(t, work)
		deaths, _ := headersOf(d.Message)["x-death"].([]any)
		var got []string
		for _, e := range deaths {
			table, _ := e.(map[string]any)
			got = append(got, fmt.Sprint(table["queue"], " ", table["reason"], " ", table["count"]))
		}
		if diff := cmp.Diff([]string{"wait expired 2", "work rejected 2"}, got); diff != "" {
			t.Error(diff)
		}
		h := headersOf(d.Message)
		if h["x-first-death-reason"] != "rejected" || h["x-last-death-reason"] != "expired" || h["x-last-death-queue"] != "wait" {
			t.Errorf("headers: %v", h)
		}
		d.Ack()
		idle(t, work)
	})
}

// Expiry looks at the oldest message only, as RabbitMQ's does.
func TestMessagesExpireInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := server(memory.Options{})
		dead := queue(t, s, "dead", memory.QueueOptions{})
		must(t, s.DeclareQueue("rest", deadLetters("dead")))
		for _, ms := range []string{"3000", "1000", "nonsense"} {
			_, err := s.Publish("", "rest", message.Message{Payload: []byte(ms), Properties: map[string]any{"expiration": ms}})
			must(t, err)
		}
		<-time.After(2 * time.Second)
		synctest.Wait()
		idle(t, dead)
		first, second := next(t, dead), next(t, dead)
		if string(first.Payload) != "3000" || string(second.Payload) != "1000" {
			t.Errorf("expired: %s, %s", first.Payload, second.Payload)
		}
		idle(t, dead)
	})
}

// Of the queue's time to live and the message's own, the shorter one counts.
func TestShorterTimeToLive(t *testing.T) {
	for _, c := range []struct {
		queue time.Duration
		own   string
		want  time.Duration
	}{
		{3 * time.Second, "1000", time.Second},
		{time.Second, "3000", time.Second},
		{time.Second, "-5", time.Second},
		{0, "0", 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := server(memory.Options{})
			dead := queue(t, s, "dead", memory.QueueOptions{})
			o := deadLetters("dead")
			o.TTL = c.queue
			must(t, s.DeclareQueue("rest", o))
			began := time.Now()
			_, err := s.Publish("", "rest", message.Message{Properties: map[string]any{"expiration": c.own}})
			must(t, err)
			next(t, dead)
			if took := time.Since(began); took != c.want {
				t.Errorf("of %s and %sms: expired after %s", c.queue, c.own, took)
			}
		})
	}
}

func TestFullQueueBuriesItsOldest(t *testing.T) {
	s := server(memory.Options{})
	dead := queue(t, s, "dead", memory.QueueOptions{})
	o := deadLetters("dead")
	o.MaxLength = 2
	must(t, s.DeclareQueue("short", o))
	for _, body := range []string{"1", "2", "3"} {
		publish(t, s, "", "short", body)
	}
	d := next(t, dead)
	if string(d.Payload) != "1" || headersOf(d.Message)["x-first-death-reason"] != "maxlen" {
		t.Errorf("buried: %s %v", d.Payload, d.Headers)
	}
	idle(t, dead)
}

func TestDeliveryLimit(t *testing.T) {
	s := server(memory.Options{})
	dead := queue(t, s, "dead", memory.QueueOptions{})
	o := deadLetters("dead")
	o.DeliveryLimit = 2
	work := queue(t, s, "work", o)
	publish(t, s, "work", "", "x")
	for i, want := range []any{nil, int64(1), int64(2)} {
		d := next(t, work)
		if got := headersOf(d.Message)["x-delivery-count"]; got != want || d.Redelivered != (i > 0) {
			t.Errorf("delivery %d: count %v, redelivered %t", i, got, d.Redelivered)
		}
		d.Reject(true)
	}
	h := headersOf(next(t, dead).Message)
	if h["x-first-death-reason"] != "delivery_limit" || h["x-delivery-count"] != nil {
		t.Errorf("headers: %v", h)
	}
}

// A circle that nobody rejects in would turn for ever: its message is dropped.
func TestAutomaticCircleIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := server(memory.Options{})
		must(t, s.DeclareExchange("round", memory.Fanout))
		must(t, s.DeclareQueue("round", memory.QueueOptions{TTL: time.Second, DeadLetter: &memory.DeadLetter{Exchange: "round"}}))
		must(t, s.Bind("round", "", "round"))
		publish(t, s, "round", "", "x")
		<-time.After(5 * time.Second)
		synctest.Wait()
		c, err := s.Consume("round")
		must(t, err)
		idle(t, c)
	})
}

func TestDeadLetterToNowhereIsDropped(t *testing.T) {
	s := server(memory.Options{})
	work := queue(t, s, "work", deadLetters("absent"))
	publish(t, s, "work", "", "x")
	next(t, work).Reject(false)
	plain := queue(t, s, "plain", memory.QueueOptions{})
	publish(t, s, "plain", "", "x")
	next(t, plain).Reject(false)
	idle(t, work)
	idle(t, plain)
}

// With a key of its own, the dead-letter exchange gets that one; the record
// keeps the message's.
func TestDeadLetterKey(t *testing.T) {
	s := server(memory.Options{})
	parked := queue(t, s, "parked", memory.QueueOptions{})
	work := queue(t, s, "work", memory.QueueOptions{DeadLetter: &memory.DeadLetter{Key: "parked"}})
	publish(t, s, "work", "k", "x")
	next(t, work).Reject(false)
	d := next(t, parked)
	deaths, _ := headersOf(d.Message)["x-death"].([]any)
	first, _ := deaths[0].(map[string]any)
	if d.RoutingKey != "parked" || d.Exchange != "" || fmt.Sprint(first["routing-keys"]) != "[k]" {
		t.Errorf("dead letter %+v", d)
	}
}
