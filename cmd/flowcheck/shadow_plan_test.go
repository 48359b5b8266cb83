package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const billingFlow = `flowcheck: 1
flow: billing
brokers:
  bills: kafka://${env.KAFKA}
  tasks: ${env.RABBIT}
channels:
  orders:    { broker: bills, topic: "${env.ORDERS}" }
  payments:  { broker: bills, topic: "${env.PAYMENTS}" }
  shipments: { broker: tasks, exchange: shipping, routing-key: "#" }
correlate: { order: body.orderId }
steps:
  placed:  { channel: orders }
  paid:    { channel: payments, after: placed }
  shipped: { channel: shipments, after: paid }
`

// TestShadowPlan: the plan names what a shadow of two flows makes and reads, each
// once, while that runs and has the state; and nothing is made by it.
func TestShadowPlan(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	flow, billing, state := write(t, "site.flow.yaml", siteFlow), write(t, "billing.flow.yaml", billingFlow), filepath.Join(t.TempDir(), "state")
	plan := func(args ...string) string {
		t.Helper()
		a, out, errs := testApp(s.vars())
		if code := execute(t.Context(), append([]string{"shadow", "--plan"}, args...), a); code != exitPass || errs.Len() > 0 {
			t.Fatalf("%v ends with %d: %s", args, code, errs)
		}
		return out.String()
	}
	if text := plan(flow, billing, "--state", state); !strings.Contains(text, "flowcheck-shadow-") || strings.Contains(text, "hunter2") {
		t.Errorf("of a shadow that has never run:\n%s", text)
	}
	if _, err := os.Stat(state); err == nil || len(s.created()) > 0 {
		t.Fatalf("the plan has made %v, %v", s.created(), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a, _, _ := testApp(s.vars())
	log, said := make(lines, 100), make(chan int, 1)
	a.err = log
	go func() { said <- execute(ctx, []string{"shadow", flow, billing, "--state", state}, a) }()
	log.await(t, "every tap is armed")
	await(t, "its queues are seen", func() bool { return len(s.created()) >= 4 }) // three on RabbitMQ, one on SQS
	made := s.created()
	text := plan(flow, billing, "--state", state)
	if now := s.created(); !slices.Equal(now, made) {
		t.Errorf("the plan has made %v of %v", now, made)
	}
	cancel()
	<-said
	for _, name := range made {
		name, ok := strings.CutPrefix(name, "rabbitmq queue ")
		if ok && !strings.Contains(text, "queue "+name) {
			t.Errorf("the plan does not name %s:\n%s", name, text)
		}
	}
	for _, part := range []string{
		"site, billing: what a shadow would do", "topic " + s.orders + ", 3 partitions", "topic " + s.payments + ", 3 partitions",
		"durable, gone when nobody has read it for 1h0m0s", "the queue to exchange shipping with key", "sqs:CreateQueue", "which keeps messages for 24h0m0s",
	} {
		if strings.Count(text, part) != 1 {
			t.Errorf("the plan has %q %d times:\n%s", part, strings.Count(text, part), text)
		}
	}
	if text := plan(billing, "--state", state, "--workers", "group=night,partitions=4"); !strings.Contains(text, "topic flowcheck-workers-night, 4 partitions") ||
		!strings.Contains(text, "needs Read on Group:flowcheck-workers-night") || !strings.Contains(text, "queue flowcheck-workers-night-shipments-") {
		t.Errorf("of workers:\n%s", text)
	}
}
