package memory_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/message"
)

func TestRouting(t *testing.T) {
	s := server(memory.Options{})
	bindings := []struct {
		exchange string
		kind     memory.ExchangeType
		key      string
		queue    string
	}{
		{"d", memory.Direct, "k", "direct"},
		{"t", memory.Topic, "order.#", "all"},
		{"t", memory.Topic, "order.*.paid", "paid"},
		{"t", memory.Topic, "*.eu.*", "all"},
		{"f", memory.Fanout, "ignored", "fan1"},
		{"f", memory.Fanout, "", "fan2"},
	}
	for _, b := range bindings {
		must(t, s.DeclareExchange(b.exchange, b.kind))
		must(t, s.DeclareQueue(b.queue, memory.QueueOptions{}))
		must(t, s.Bind(b.exchange, b.key, b.queue))
	}
	for _, c := range []struct {
		exchange, key string
		taken         int
	}{
		{"d", "k", 1},
		{"d", "other", 0},
		{"t", "order.eu.paid", 2}, // two bindings of one queue count once
		{"t", "order", 1},
		{"t", "x", 0},
		{"f", "anything", 2},
		{"", "direct", 1},
		{"", "absent", 0},
	} {
		if taken, err := s.Publish(c.exchange, c.key, text("x")); taken != c.taken || err != nil {
			t.Errorf("Publish(%q, %q) = %d, %v, want %d", c.exchange, c.key, taken, err, c.taken)
		}
	}
}

func TestRequeueKeepsThePlace(t *testing.T) {
	s := server(memory.Options{})
	c := queue(t, s, "work", memory.QueueOptions{})
	for _, body := range []string{"1", "2", "3"} {
		publish(t, s, "work", "", body)
	}
	first, second := next(t, c), next(t, c)
	first.Reject(true)
	second.Reject(true)
	var got []string
	for range 3 {
		d := next(t, c)
		got = append(got, string(d.Payload))
		if d.Redelivered != (string(d.Payload) != "3") {
			t.Errorf("%s redelivered: %t", d.Payload, d.Redelivered)
		}
		d.Ack()
	}
	if diff := cmp.Diff([]string{"1", "2", "3"}, got); diff != "" {
		t.Error(diff)
	}
}

// A consumer that ends gives back what it holds; a word on it afterwards says
// nothing.
func TestClosedConsumerGivesBack(t *testing.T) {
	s := server(memory.Options{})
	c := queue(t, s, "work", memory.QueueOptions{})
	other, err := s.Consume("work")
	must(t, err)
	publish(t, s, "work", "", "x")
	held := next(t, c)
	c.Close()
	c.Close()
	held.Ack()
	d := next(t, other)
	if !d.Redelivered || string(d.Payload) != "x" {
		t.Errorf("redelivered: %+v", d)
	}
	d.Ack()
	d.Reject(true)
	idle(t, other)
	if _, err := c.Next(soon(t)); err == nil {
		t.Error("a closed consumer consumes")
	}
}

func TestConsumersShare(t *testing.T) {
	s := server(memory.Options{})
	a := queue(t, s, "work", memory.QueueOptions{})
	b, err := s.Consume("work")
	must(t, err)
	publish(t, s, "work", "", "1")
	publish(t, s, "work", "", "2")
	if one, two := next(t, a), next(t, b); string(one.Payload) != "1" || string(two.Payload) != "2" {
		t.Errorf("%s, %s", one.Payload, two.Payload)
	}
}

func TestDeletedQueueEndsItsConsumers(t *testing.T) {
	s := server(memory.Options{})
	c := queue(t, s, "work", memory.QueueOptions{})
	ended := make(chan error, 1)
	go func() {
		_, err := c.Next(soon(t))
		ended <- err
	}()
	s.DeleteQueue("work")
	s.DeleteQueue("work")
	wantError(t, <-ended, "is gone")
	if taken, err := s.Publish("work", "", text("x")); taken != 0 || err != nil {
		t.Errorf("published to %d queues, %v", taken, err)
	}
}

// What AMQP cannot carry is told, not bent.
func TestTables(t *testing.T) {
	s := server(memory.Options{})
	c := queue(t, s, "work", memory.QueueOptions{})
	for _, headers := range [][]message.Header{
		{{Name: "a", Value: 1}},
		{{Name: "a", Value: []byte("x")}},
		{{Name: "a", Value: []any{[]any{uint8(1)}}}},
		{{Name: "a", Value: map[string]any{"b": struct{}{}}}},
	} {
		_, err := s.Publish("work", "", message.Message{Headers: headers})
		wantError(t, err, "an AMQP table cannot hold")
	}
	_, err := s.Publish("work", "", message.Message{Headers: []message.Header{{Name: "a", Value: "1"}, {Name: "b"}, {Name: "a", Value: "2"}}})
	wantError(t, err, `header "a" twice`)
	at := time.Date(2026, 1, 2, 3, 4, 5, 678, time.FixedZone("x", 3600))
	_, err = s.Publish("work", "", message.Message{Key: []byte("k"), Headers: []message.Header{{Name: "at", Value: at}}})
	must(t, err)
	d := next(t, c)
	if got, _ := d.Header("at"); got != at.UTC().Truncate(time.Second) || d.Key != nil || d.Payload == nil {
		t.Errorf("carried: %+v", d.Message)
	}
}

func TestAMQPErrors(t *testing.T) {
	s := server(memory.Options{MaxMessage: 10})
	wantError(t, s.DeclareExchange("", memory.Topic), "no name")
	wantError(t, s.DeclareExchange("x", "headers"), "is not direct, topic or fanout")
	wantError(t, s.DeclareQueue("", memory.QueueOptions{}), "no name")
	must(t, s.DeclareExchange("x", memory.Topic))
	must(t, s.DeclareExchange("x", memory.Topic))
	wantError(t, s.DeclareExchange("x", memory.Direct), "exists as topic")
	must(t, s.DeclareQueue("q", memory.QueueOptions{}))
	wantError(t, s.Bind("x", "k", "absent"), `queue "absent" on memory://test does not exist`)
	wantError(t, s.Bind("absent", "k", "q"), `exchange "absent" on memory://test does not exist`)
	_, err := s.Publish("absent", "k", text("x"))
	wantError(t, err, `exchange "absent" on memory://test does not exist`)
	_, err = s.Consume("absent")
	if !errors.Is(err, brokers.ErrAbsent) {
		t.Errorf("Consume: %v", err)
	}
	_, err = s.Publish("x", "k", text(strings.Repeat("x", 11)))
	wantError(t, err, "11 bytes, memory://test takes 10: message too large")
}

// Nobody can change what the broker has.
func TestMessagesAreCopied(t *testing.T) {
	s := server(memory.Options{})
	a, b := queue(t, s, "a", memory.QueueOptions{}), queue(t, s, "b", memory.QueueOptions{})
	must(t, s.Bind("a", "", "b"))
	m := message.Message{
		Payload: []byte("x"), Headers: []message.Header{{Name: "h", Value: []any{"v"}}}, Properties: map[string]any{"type": "t"},
	}
	_, err := s.Publish("a", "", m)
	must(t, err)
	spoil := func(m message.Message) {
		m.Payload[0] = '!'
		m.Headers[0].Value.([]any)[0] = "!"
		m.Properties["type"] = "!"
	}
	spoil(m)
	spoil(next(t, a).Message)
	want := message.Message{
		Payload: []byte("x"), Headers: []message.Header{{Name: "h", Value: []any{"v"}}}, Properties: map[string]any{"type": "t"},
	}
	if diff := cmp.Diff(want, next(t, b).Message); diff != "" {
		t.Error(diff)
	}
}
