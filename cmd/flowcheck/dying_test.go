package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/flowcheck/flowcheck/internal/testbroker"
)

// dyingFlow waits a second for what never comes.
const dyingFlow = `flowcheck: 1
flow: dying
brokers: { events: "%s" }
channels:
  orders:   { broker: events, %s: orders }
  payments: { broker: events, %s: payments }
correlate: { order: body.orderId }
steps:
  placed: { channel: orders }
  paid:   { channel: payments, after: placed, within: 1s }
scenarios:
  - name: an order
    send: { to: orders, body: { orderId: "${id}" } }
`

// dies runs flowcheck, ends the broker once the trigger is seen, and wants an end
// without a verdict, soon.
func dies(t *testing.T, flow string, kill func()) {
	recording := filepath.Join(t.TempDir(), "run.jsonl")
	p := start(t, "run", flow, "--record", recording)
	p.await("the trigger is seen", func() bool { return fileHas(recording, `{"channel":"orders"`) })
	kill()
	began := time.Now()
	code := p.code()
	t.Logf("it ended after %v with %d: %s%s", time.Since(began), code, &p.out, &p.errs)
	if code != exitUnknown {
		t.Errorf("exit code %d", code)
	}
	for _, text := range []string{p.out.String(), p.errs.String()} {
		if strings.Contains(text, "guest:guest") {
			t.Error("a password")
		}
	}
	if !strings.Contains(p.out.String(), "the tap cannot tell how far it has read") {
		t.Error("the report does not say why")
	}
	if lines := strings.Count(p.errs.String(), "\n"); lines > 8 {
		t.Errorf("%d lines of warnings", lines)
	}
	v := start(t, "verify", flow, recording)
	if code := v.code(); code != exitUnknown {
		t.Errorf("verify says %d: %s%s", code, &v.out, &v.errs)
	}
}

func TestAKafkaThatDies(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders", "payments"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	flow := write(t, "dying.flow.yaml", fmt.Sprintf(dyingFlow, "kafka://"+cluster.ListenAddrs()[0], "topic", "topic"))
	dies(t, flow, cluster.Close)
}

func TestARabbitMQThatDies(t *testing.T) {
	t.Parallel()
	broker := testbroker.OwnRabbitMQ(t)
	flow := write(t, "dying.flow.yaml", fmt.Sprintf(dyingFlow, broker.URL, "exchange", "exchange"))
	declareExchanges(t, broker.URL, "orders", "payments")
	dies(t, flow, func() {
		if err := broker.Kill(); err != nil {
			t.Fatal(err)
		}
	})
}
