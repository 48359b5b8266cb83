package memory_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/message"
)

// epoch is the time of a server with a fixed clock.
var epoch = time.Date(2026, 11, 22, 10, 0, 0, 700_000_000, time.UTC)

// server starts one with a fixed clock, which makes x-death comparable.
func server(o memory.Options) *memory.Server {
	o.Name = "test"
	o.Now = func() time.Time { return epoch }
	return memory.New(o)
}

func text(s string) message.Message { return message.Message{Payload: []byte(s)} }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantError fails unless err says so.
func wantError(t testing.TB, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("want an error with %q, got: %v", part, err)
	}
}

// soon is a context for what must happen.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// cancelled is a context that is over.
func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// queue declares a queue bound to a fanout exchange of its name.
func queue(t testing.TB, s *memory.Server, name string, o memory.QueueOptions) *memory.Consumer {
	t.Helper()
	must(t, s.DeclareQueue(name, o))
	must(t, s.DeclareExchange(name, memory.Fanout))
	must(t, s.Bind(name, "", name))
	c, err := s.Consume(name)
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

// publish sends a text to an exchange.
func publish(t testing.TB, s *memory.Server, exchange, key, body string) {
	t.Helper()
	_, err := s.Publish(exchange, key, text(body))
	must(t, err)
}

// next takes the next message of a consumer.
func next(t testing.TB, c *memory.Consumer) memory.Delivery {
	t.Helper()
	d, err := c.Next(soon(t))
	must(t, err)
	return d
}

// idle fails if the consumer has a message.
func idle(t testing.TB, c *memory.Consumer) {
	t.Helper()
	if d, err := c.Next(cancelled()); err == nil {
		t.Errorf("there is a message more: %s", d.Payload)
	}
}

// tap arms a tap on the server.
func tap(t testing.TB, s *memory.Server, buffer int, chs ...brokers.Channel) (brokers.Tap, chan message.Event) {
	t.Helper()
	tapper, err := memory.Adapter(s).OpenTapper(soon(t), brokers.Config{URL: s.URL(), RunID: "r1"})
	must(t, err)
	t.Cleanup(func() { tapper.Close() })
	events := make(chan message.Event, buffer)
	armed, err := tapper.Tap(soon(t), brokers.TapConfig{Channels: chs, Events: events})
	must(t, err)
	return armed, events
}
