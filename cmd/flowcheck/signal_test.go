package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
)

// waitingFlow waits for half a minute for what never comes.
const waitingFlow = `flowcheck: 1
flow: waiting
brokers: { events: "kafka://%s" }
channels:
  orders:   { broker: events, topic: orders }
  payments: { broker: events, topic: payments }
correlate: { order: body.orderId }
steps:
  placed: { channel: orders }
  paid:   { channel: payments, after: placed, within: 30s }
scenarios:
  - name: an order
    send: { to: orders, body: { orderId: "${id}" } }
`

// embeddedKafka is a Kafka inside the test's process.
func embeddedKafka(t testing.TB, topics ...string) string {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topics...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

func TestAnInterruptedRunHasNoVerdict(t *testing.T) {
	t.Parallel()
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			flow := write(t, "waiting.flow.yaml", fmt.Sprintf(waitingFlow, embeddedKafka(t, "orders", "payments")))
			recording := filepath.Join(t.TempDir(), "run.jsonl")
			p := start(t, "run", flow, "--record", recording)
			p.await("the trigger is seen", func() bool { return fileHas(recording, `{"channel":"orders"`) })
			p.end(sig, exitInterrupted)
			p.says("^flowcheck: interrupted before a verdict; nothing is left on the brokers\n$")
			if p.out.String() != "" {
				t.Errorf("a report: %s", &p.out)
			}
			if fileHas(recording, `{"mark":"end"`) {
				t.Error("the recording has an end")
			}
			if p := start(t, "verify", flow, recording); p.code() != exitUnknown {
				t.Errorf("what was recorded cannot be judged: %s", &p.errs)
			}
		})
	}
}

func TestAnInterruptedRecordingHasAnEnd(t *testing.T) {
	t.Parallel()
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			kafka := embeddedKafka(t, "orders", "payments")
			flow := write(t, "waiting.flow.yaml", fmt.Sprintf(waitingFlow, kafka))
			recording := filepath.Join(t.TempDir(), "day.jsonl")
			p := start(t, "record", flow, "-o", recording)
			p.await("it records", func() bool { return strings.Contains(p.errs.String(), "recording to") })
			produce(t, kafka, "orders", 3, `{"orderId":"o-%d"}`)
			// Whether the tap has seen them yet does not matter: the end waits for them.
			p.end(sig, exitPass)
			if got := p.out.String(); !strings.Contains(got, "day.jsonl: 3 messages in ") {
				t.Errorf("it says %q", got)
			}
			if !fileHas(recording, `{"mark":"end"`) {
				t.Error("the recording has no end")
			}
			if p := start(t, "verify", flow, recording, "--report", "json=-"); p.code() != exitUnknown || !strings.Contains(p.out.String(), `"seen":3`) {
				t.Errorf("what was recorded cannot be judged: %s%s", &p.out, &p.errs)
			}
		})
	}
}

// produce sends messages; body has the number.
func produce(t testing.TB, kafka, topic string, n int, body string) {
	t.Helper()
	cfg := sarama.NewConfig()
	cfg.Producer.Return.Successes = true
	producer, err := sarama.NewSyncProducer([]string{kafka}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for i := range n {
		m := &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(fmt.Sprintf(body, i))}
		if _, _, err := producer.SendMessage(m); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAnInterruptWhileConnecting: a broker that takes the connection and says
// nothing keeps nobody from leaving.
func TestAnInterruptWhileConnecting(t *testing.T) {
	t.Parallel()
	for scheme, address := range map[string]string{"kafka": "topic:", "amqp": "exchange:"} {
		t.Run(scheme, func(t *testing.T) {
			// A listener of its own: a client may connect more than once.
			addr, connected := silence(t)
			text := strings.Replace(fmt.Sprintf(waitingFlow, addr), "kafka://", scheme+"://", 1)
			p := start(t, "run", write(t, "deaf.flow.yaml", strings.ReplaceAll(text, "topic:", address)))
			select {
			case <-connected:
			case <-time.After(patience):
				t.Fatalf("it has not connected: %s", &p.errs)
			}
			p.end(os.Interrupt, exitInterrupted)
			p.says("interrupted before a verdict")
		})
	}
}

// silence takes connections, and says nothing; connected is closed with the
// first.
func silence(t *testing.T) (address net.Addr, connected chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	connected = make(chan struct{})
	over := make(chan struct{})
	go func() {
		defer close(over)
		for first := true; ; first = false {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			if first {
				close(connected)
			}
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-over
	})
	return listener.Addr(), connected
}
