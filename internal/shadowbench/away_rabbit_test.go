package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/rabbitmq"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/testbroker"
	"github.com/flowcheck/flowcheck/shadow"
)

const awayFlow = `flowcheck: 1
flow: away
brokers: { r: "amqp://here" }
channels:
  orders:   { broker: r, exchange: orders, routing-key: "#" }
  payments: { broker: r, exchange: payments, routing-key: "#" }
correlate: { order: body.order }
steps:
  placed: { channel: orders }
  paid:   { channel: payments, after: placed, within: WITHIN }
`

// away is how long a broker is away.
var away = flag.Duration("away", 0, "how long a broker is to be away; 0: a few seconds, of Kafka alone")

// TestARabbitMQThatIsAway: what was under way when a RabbitMQ stopped, and comes when
// it is back, is judged; a chain of which something may have been lost is unknown,
// and no other.
func TestARabbitMQThatIsAway(t *testing.T) {
	if *away == 0 {
		t.Skip("it takes minutes: make shadow-away")
	}
	t.Parallel()
	own := testbroker.OwnRabbitMQ(t)
	ctx, cancel := context.WithTimeout(t.Context(), *away+20*time.Minute)
	defer cancel()
	p := &producer{t: t, url: own.URL}
	p.connect()
	status := &shadow.Status{}
	stop := (&far{awayFlow, rabbitmq.Adapter(), brokers.Config{URL: own.URL}}).watch(ctx, t, status)
	await := awaiting(ctx, t)
	await("armed", status.Armed.Load)
	f := status.Flows()[0]
	p.send("orders", "open")
	p.send("orders", "lost")
	chains(p.send, 0, 50)
	await("all read and judged", func() bool { return f.Messages.Load() >= 102 && f.Open.Load() == 2 })
	if err := own.Stop(); err != nil {
		t.Fatal(err)
	}
	await("behind", func() bool { return status.Tappers()[0].Behind(time.Now()) > *away })
	if err := own.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	p.connect()
	await("reading again", func() bool { return f.Gaps.Load() >= 2 && status.Tappers()[0].Behind(time.Now()) < 3*time.Second })
	p.send("payments", "open")
	chains(p.send, 50, 50)
	await("judged", func() bool { return f.Open.Load() == 0 && f.Messages.Load() >= 203 })
	got := stop()
	if got.Findings > 0 || got.Chains.Pass != 101 || got.Chains.Unknown != 1 {
		t.Fatalf("%+v", got)
	}
	for _, r := range got.Reasons {
		if r.Chain != "" && r.Chain != "lost" {
			t.Errorf("%s is unknown: %s", r.Chain, r.Reason)
		}
	}
}

// far is a broker that will be away, and the flow of two channels on it.
type far struct {
	flow    string
	adapter brokers.Adapter
	cfg     brokers.Config
}

// watch begins a shadow, which what it returns ends.
func (b *far) watch(ctx context.Context, t *testing.T, status *shadow.Status) func() *shadow.FlowSummary {
	t.Helper()
	flow, errs := flows.Load("away.yaml", []byte(strings.Replace(b.flow, "WITHIN", (*away+3*time.Minute).String(), 1)), flows.Options{MaskSalt: "x"})
	if len(errs) > 0 {
		t.Fatal(errs[0])
	}
	b.cfg.Name, b.cfg.RunID, b.cfg.Log = "r", "away", slog.New(slog.DiscardHandler)
	tapper, err := b.adapter.OpenTapper(ctx, b.cfg)
	if err != nil {
		t.Fatal(err)
	}
	of := shadow.Watched{Flow: flow, Brokers: []int{0}}
	for _, ch := range flow.Channels {
		of.Channels = append(of.Channels, brokers.Channel{Name: ch.Name, Exchange: ch.Exchange, RoutingKeys: ch.RoutingKeys, SNS: ch.SNS})
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	var s *shadow.Summary
	go func() {
		defer close(done)
		s, err = shadow.Run(ctx, shadow.Config{
			Flows: []shadow.Watched{of}, Tappers: []shadow.Tapper{{Name: "r", Beat: time.Second, Tapper: tapper}},
			State: t.TempDir(), Status: status, Now: time.Now, Log: b.cfg.Log,
		})
	}()
	return func() *shadow.FlowSummary {
		cancel()
		<-done
		if err != nil {
			t.Error(err)
		}
		_ = tapper.Close()
		return &s.Flows[0]
	}
}

// producer publishes persistent messages.
type producer struct {
	t   *testing.T
	url string
	ch  *amqp091.Channel
}

func (p *producer) connect() {
	p.t.Helper()
	conn, err := amqp091.Dial(p.url)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	if p.ch, err = conn.Channel(); err != nil {
		p.t.Fatal(err)
	}
	for _, name := range []string{"orders", "payments"} {
		if err := p.ch.ExchangeDeclare(name, "topic", true, false, false, false, nil); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *producer) send(exchange, order string) {
	p.t.Helper()
	m := amqp091.Publishing{DeliveryMode: amqp091.Persistent, Body: fmt.Appendf(nil, `{"order":%q}`, order)}
	if err := p.ch.PublishWithContext(p.t.Context(), exchange, "x", false, false, m); err != nil {
		p.t.Fatal(err)
	}
}

// chains sends whole chains, numbered from a number on.
func chains(send func(to, order string), from, n int) {
	for i := from; i < from+n; i++ {
		send("orders", fmt.Sprintf("o-%d", i))
		send("payments", fmt.Sprintf("o-%d", i))
	}
}

// awaiting fails the test where something does not come about before ctx ends.
func awaiting(ctx context.Context, t *testing.T) func(what string, is func() bool) {
	return func(what string, is func() bool) {
		t.Helper()
		if err := wait(ctx, is); err != nil {
			t.Fatalf("not %s: %v", what, err)
		}
	}
}
