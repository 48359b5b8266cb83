package main

import (
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/testprogram"
	"github.com/flowcheck/flowcheck/scenarios"
)

// benchFlow is a chain of steps on channels c0, c1, …
func benchFlow(url, kind string, addresses []string, scenarioCount int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "flowcheck: 1\nflow: bench\nbrokers: { events: %q }\nchannels:\n", url)
	for i, a := range addresses {
		fmt.Fprintf(&b, "  c%d: { broker: events, %s: %s }\n", i, kind, a)
	}
	b.WriteString("correlate: { order: body.orderId }\nsteps:\n  s0: { channel: c0 }\n")
	for i := 1; i < len(addresses); i++ {
		fmt.Fprintf(&b, "  s%d: { channel: c%d, after: s%d, within: 10s }\n", i, i, i-1)
	}
	b.WriteString("scenarios:\n")
	for i := range scenarioCount {
		fmt.Fprintf(&b, "  - { name: n%d, send: { to: c0, key: \"${id}\", body: { orderId: \"${id}\" } } }\n", i)
	}
	return b.String()
}

// bench is a flow on a connected system.
type bench struct {
	flow *flows.Flow
	sys  *system
	// sent and acked are, in nanoseconds, when the system began to send its last
	// message and when the broker had it.
	sent, acked atomic.Int64
}

func newBench(b *testing.B, text string) *bench {
	b.Helper()
	a, _, errs := testApp(map[string]string{})
	opts, err := a.options(&flowFlags{})
	if err != nil {
		b.Fatal(err)
	}
	flow, wrong := flows.Load("bench.flow.yaml", []byte(text), opts)
	if len(wrong) > 0 {
		b.Fatal(wrong)
	}
	c := &connector{adapters: a.adapters, runID: newRunID(), log: a.logger(false)}
	sys, err := c.connect(b.Context(), flow, true)
	b.Cleanup(sys.close)
	if err != nil {
		b.Fatal(err, errs)
	}
	return &bench{flow: flow, sys: sys}
}

// run runs the scenarios once; decided is when the first was.
func (s *bench) run(b *testing.B) (stats scenarios.Stats, decided time.Time) {
	b.Helper()
	result, stats, err := scenarios.Run(b.Context(), scenarios.Config{
		Flow: s.flow, Tappers: s.sys.tappers, Publishers: s.sys.publishers, Channels: s.sys.channels,
		Parallel: defaultParallel, Now: time.Now, NewID: newScenarioID, Log: slog.New(slog.DiscardHandler),
		Progress: func(p scenarios.Progress) {
			if decided.IsZero() && p.WatchingForDoubles+p.Done > 0 {
				decided = time.Now()
			}
		},
	})
	if err != nil || result.State != flows.Pass {
		b.Fatalf("%v: %+v", err, result)
	}
	return stats, decided
}

// decisions runs one scenario after the other. The metrics are milliseconds from
// the last message to the decided verdict, median and 95th percentile: from when
// the system began to send it, and from when the broker had said that it has it
// (below 0: the verdict was there before the system had the broker's word); then
// the wait for doubles, and the whole run.
func (s *bench) decisions(b *testing.B) {
	var fromSend, fromAck, watched, total []time.Duration
	for b.Loop() {
		stats, decided := s.run(b)
		fromSend = append(fromSend, decided.Sub(time.Unix(0, s.sent.Load())))
		fromAck = append(fromAck, decided.Sub(time.Unix(0, s.acked.Load())))
		watched, total = append(watched, stats.Watched), append(total, stats.Total)
	}
	metric(b, "from-send", fromSend)
	metric(b, "from-ack", fromAck)
	metric(b, "doubles", watched)
	metric(b, "run", total)
}

func metric(b *testing.B, name string, all []time.Duration) {
	b.Helper()
	slices.Sort(all)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(all[len(all)/2]), name+"-p50-ms")
	b.ReportMetric(ms(all[len(all)*95/100]), name+"-p95-ms")
}

// BenchmarkDecisionOnKafka: a message is sent, the system answers on another
// topic, and the verdict is decided.
func BenchmarkDecisionOnKafka(b *testing.B) {
	s := newSite(b)
	f := newBench(b, benchFlow("kafka://"+s.kafka, "topic", []string{s.orders, s.payments}, 1))
	pipe(b, s.kafka, []string{s.orders, s.payments}, f)
	f.decisions(b)
}

// BenchmarkDecisionOnRabbitMQ is the same between two exchanges.
func BenchmarkDecisionOnRabbitMQ(b *testing.B) {
	s := newSite(b)
	declareExchanges(b, s.rabbit, "a", "z")
	text := benchFlow(s.rabbit, "exchange", []string{"a", "z"}, 1)
	url, management := s.rabbit, s.api
	text = strings.Replace(text, fmt.Sprintf("events: %q", url), fmt.Sprintf("events: { url: %q, management: %q }", url, management), 1)
	f := newBench(b, text)
	conn, err := amqp091.Dial(s.rabbit)
	s.must(err)
	b.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	s.must(err)
	s.must(ch.Confirm(false))
	drain, err := ch.Consume("z-all", "", true, false, false, false, nil)
	s.must(err)
	go func() {
		for range drain {
		}
	}()
	deliveries, err := ch.Consume("a-all", "", false, false, false, false, nil)
	s.must(err)
	go func() {
		for d := range deliveries {
			f.sent.Store(time.Now().UnixNano())
			confirm, err := ch.PublishWithDeferredConfirm("z", "", false, false, amqp091.Publishing{Body: d.Body})
			if err == nil {
				confirm.Wait()
			}
			f.acked.Store(time.Now().UnixNano())
			_ = d.Ack(false)
		}
	}()
	f.decisions(b)
}

// BenchmarkHundredScenariosOnKafka: a hundred scenarios of a four-step chain,
// side by side; the aim is 3 s for all.
func BenchmarkHundredScenariosOnKafka(b *testing.B) {
	s := newSite(b)
	topics := []string{s.orders, s.payments, s.orders + "-2", s.orders + "-3"}
	s.createTopics(topics[2:]...)
	f := newBench(b, benchFlow("kafka://"+s.kafka, "topic", topics, 100))
	pipe(b, s.kafka, topics, f)
	var total, decided, watched []time.Duration
	for b.Loop() {
		stats, _ := f.run(b)
		total, decided, watched = append(total, stats.Total), append(decided, stats.Decided), append(watched, stats.Watched)
	}
	metric(b, "run", total)
	metric(b, "decided", decided)
	metric(b, "doubles", watched)
}

// pipe is a system that sends on what comes on each topic to the next one, as
// one consumer group a hop.
func pipe(b *testing.B, kafka string, topics []string, f *bench) {
	b.Helper()
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_6_0_0
	cfg.Producer.Return.Successes = true
	cfg.Consumer.MaxWaitTime = 20 * time.Millisecond
	cfg.Consumer.Offsets.AutoCommit.Enable = false
	ctx, cancel := context.WithCancel(b.Context())
	b.Cleanup(cancel)
	for i := range len(topics) - 1 {
		producer, err := sarama.NewSyncProducer([]string{kafka}, cfg)
		if err != nil {
			b.Fatal(err)
		}
		group, err := sarama.NewConsumerGroup([]string{kafka}, topics[i]+"-hop", cfg)
		if err != nil {
			b.Fatal(err)
		}
		h := &hop{to: topics[i+1], producer: producer, bench: f, ready: make(chan struct{}, 64)}
		over := make(chan struct{})
		go func() {
			defer close(over)
			for ctx.Err() == nil {
				if err := group.Consume(ctx, topics[i:i+1], h); err != nil {
					return
				}
			}
		}()
		b.Cleanup(func() {
			cancel()
			<-over
			_ = group.Close()
			_ = producer.Close()
		})
		for range 3 { // partitions
			<-h.ready
		}
	}
}

// hop is one of its consumers.
type hop struct {
	to       string
	producer sarama.SyncProducer
	bench    *bench
	ready    chan struct{}
}

func (h *hop) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (h *hop) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (h *hop) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	h.ready <- struct{}{}
	for m := range claim.Messages() {
		h.bench.sent.Store(time.Now().UnixNano())
		_, _, err := h.producer.SendMessage(&sarama.ProducerMessage{Topic: h.to, Key: sarama.ByteEncoder(m.Key), Value: sarama.ByteEncoder(m.Value)})
		if err != nil {
			return err
		}
		h.bench.acked.Store(time.Now().UnixNano())
		s.MarkMessage(m, "")
		s.Commit()
	}
	return nil
}

// BenchmarkStart is the time of `flowcheck version`, from start to end; the aim
// is 50 ms.
func BenchmarkStart(b *testing.B) {
	program := testprogram.Build(b)
	for b.Loop() {
		if out, err := exec.CommandContext(b.Context(), program, "version").CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
	}
}
