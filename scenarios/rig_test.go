package scenarios_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/pause"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/scenarios"
)

// TestMain sees that nothing is left running. With -busy two goroutines keep the
// processors busy while the tests run, for a minute at most.
func TestMain(m *testing.M) {
	busy := flag.Bool("busy", false, "run the tests under load")
	flag.Parse()
	if *busy {
		for range 2 {
			go load(time.Now().Add(time.Minute))
		}
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/flowcheck/flowcheck/scenarios_test.load"))
}

func load(until time.Time) {
	for time.Now().Before(until) {
		for range 1 << 20 {
		}
		runtime.Gosched()
	}
}

// head is what the flows of these tests begin with: two brokers, and a channel
// of each kind.
const head = `
flowcheck: 1
flow: chain
brokers: { events: "memory://m", tasks: "memory://m" }
channels:
  a: { broker: events, topic: a }
  b: { broker: events, topic: b }
  c: { broker: tasks, exchange: c, routing-key: "work.#" }
  d: { broker: tasks, sns: d }
correlate: { order: body.id }
`

// chain is a flow of four steps, one a channel.
const chain = head + `
steps:
  placed:   { channel: a }
  paid:   { channel: b, after: placed, within: 2s }
  packed: { channel: c, after: paid, within: 2s }
  mailed:  { channel: d, after: packed, within: 2s }
scenarios:
  - name: through
    send: { to: a, key: "${id}", body: { id: "${id}" } }
`

// body is a message of the system under test.
type body = map[string]any

// out is what a service of the system sends on, and when.
type out struct {
	after time.Duration
	body  body
	to    string // "": the next channel
}

// service tells what the system makes of a message that comes from a channel.
type service func(from string, b body) []out

// honest sends on what it gets.
func honest(_ string, b body) []out { return []out{{body: b}} }

// slowly is honest, and takes that long on the channel.
func slowly(channel string, d time.Duration) service {
	return func(from string, b body) []out {
		if from == channel {
			return []out{{after: d, body: b}}
		}
		return honest(from, b)
	}
}

// rig is a run with all that is around it.
type rig struct {
	testing.TB
	server *memory.Server
	flow   *flows.Flow
	tape   *tape
	// broken, if not nil, handles what is no JSON; it returns when that is done.
	broken func(ctx context.Context, from string, m message.Message)
	cfg    scenarios.Config
}

// newRig loads the flow and connects it to a server. Tests change cfg.
func newRig(t testing.TB, text string, options memory.Options) *rig {
	t.Helper()
	options.Name = "m"
	r := &rig{TB: t, server: memory.New(options), tape: &tape{}}
	r.declare()
	flow, errs := flows.Load("test.yaml", []byte(text), flows.Options{
		Env: map[string]string{}, Now: time.Now, UUID: func() string { return "u" }, ReadFile: os.ReadFile, Open: os.ReadFile,
		MaskSalt: "salt",
	})
	for _, err := range errs {
		t.Fatal(err)
	}
	r.flow = flow
	var serial atomic.Int64
	r.cfg = scenarios.Config{
		Flow: flow, Tappers: map[int]brokers.Tapper{}, Publishers: map[int]brokers.Publisher{}, Parallel: 64,
		Record: r.tape, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		NewID: func() string { return fmt.Sprintf("id-%03d", serial.Add(1)) },
	}
	adapter := memory.Adapter(r.server)
	for i := range flow.Brokers {
		config := brokers.Config{Name: flow.Brokers[i].Name, URL: flow.Brokers[i].URL, RunID: "r1"}
		var err1, err2 error
		r.cfg.Tappers[i], err1 = adapter.OpenTapper(t.Context(), config)
		r.cfg.Publishers[i], err2 = adapter.OpenPublisher(t.Context(), config)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
	}
	for i := range flow.Channels {
		ch := &flow.Channels[i]
		r.cfg.Channels = append(r.cfg.Channels, brokers.Channel{
			Name: ch.Name, Topic: ch.Topic, Exchange: ch.Exchange, RoutingKeys: ch.RoutingKeys, Queue: ch.Queue,
			SNS: ch.SNS, SQS: ch.SQS, Consumers: ch.Consumers,
		})
	}
	return r
}

func (r *rig) declare() {
	r.server.CreateTopic("a", 3)
	r.server.CreateTopic("b", 2)
	r.server.CreateSNS("d")
	if err := errors.Join(
		r.server.DeclareExchange("c", memory.Topic),
		r.server.DeclareQueue("c.work", memory.QueueOptions{}),
		r.server.Bind("c", "work.#", "c.work"),
		r.server.CreateSQS("d.work", memory.SQSOptions{}),
		r.server.Subscribe("d", "d.work", true),
	); err != nil {
		r.Fatal(err)
	}
}

// serve runs the system under test, a → b → c → d, until stop is called. Each
// of its consumers is ready when serve returns.
func (r *rig) serve(s service) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	for from, to := range map[string]string{"a": "b", "b": "c"} {
		member, err := r.server.Join("group-"+from, from)
		r.must(err)
		wait.Go(func() {
			defer member.Leave()
			for {
				record, err := member.Next(ctx)
				if err != nil || !r.handle(ctx, s, message.Event{Observation: &message.Observation{Message: record.Message, Channel: from}}, to) {
					return
				}
				member.Commit(record)
			}
		})
	}
	consumer, err := r.server.Consume("c.work")
	r.must(err)
	wait.Go(func() {
		defer consumer.Close()
		for {
			d, err := consumer.Next(ctx)
			if err != nil || !r.handle(ctx, s, message.Event{Observation: &message.Observation{Message: d.Message, Channel: "c"}}, "d") {
				return
			}
			d.Ack()
		}
	})
	wait.Go(func() {
		for {
			got, err := r.server.Receive(ctx, "d.work")
			if err != nil || r.server.Delete("d.work", got.Handle) != nil {
				return
			}
		}
	})
	return func() {
		cancel()
		wait.Wait()
	}
}

// handle sends on what the service makes of a message; false when ctx ended.
func (r *rig) handle(ctx context.Context, s service, e message.Event, to string) bool {
	var b body
	if json.Unmarshal(e.Observation.Payload, &b) != nil {
		if r.broken != nil {
			r.broken(ctx, e.Observation.Channel, e.Observation.Message)
		}
		return ctx.Err() == nil
	}
	for _, o := range s(e.Observation.Channel, b) {
		if !rest(ctx, o.after) {
			return false
		}
		r.emit(cmp.Or(o.to, to), o.body)
	}
	return true
}

// emit publishes on a channel as the system does.
func (r *rig) emit(to string, b body) {
	payload, err := json.Marshal(b)
	r.must(err)
	m := message.Message{Payload: payload}
	switch to {
	case "c":
		_, err = r.server.Publish("c", "work.new", m)
	case "d":
		_, err = r.server.Notify("d", m)
	default:
		key := b["id"]
		if acc, ok := b["acc"]; ok {
			key = acc
		}
		m.Key = fmt.Append(nil, key)
		_, err = r.server.Produce(to, brokers.Outgoing{Message: m})
	}
	r.must(err)
}

func (r *rig) must(err error) {
	if err != nil {
		r.Error(err)
	}
}

// rest waits, unless ctx ends first: then it returns false.
func rest(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	return pause.For(ctx, d) == nil
}

// run runs the scenarios, and fails the test on an error.
func (r *rig) run() (*flows.Result, scenarios.Stats) {
	r.Helper()
	result, stats, err := scenarios.Run(r.Context(), r.cfg)
	if err != nil {
		r.Fatalf("run: %v", err)
	}
	r.nothingLeft()
	r.sameOffline(result)
	return result, stats
}

// runWith runs the scenarios against the service.
func (r *rig) runWith(s service) (*flows.Result, scenarios.Stats) {
	r.Helper()
	stop := r.serve(s)
	defer stop()
	return r.run()
}

// nothingLeft sees that the taps are gone from the broker.
func (r *rig) nothingLeft() {
	r.Helper()
	if all := strings.Join(r.server.Snapshot(), "\n"); strings.Contains(all, "flowcheck-") {
		r.Errorf("something is left on the broker:\n%s", all)
	}
}

// sameOffline sees that a verify of the recording says what the run said.
func (r *rig) sameOffline(live *flows.Result) {
	r.Helper()
	offline := r.verify()
	if diff := gocmp.Diff(judged(live), judged(offline), cmpopts.IgnoreUnexported(flows.Finding{})); diff != "" {
		r.Errorf("the run (-) and a verify of its recording (+) differ:\n%s\n%s", diff, r.tape.text(r))
	}
	for _, w := range live.Warnings {
		if strings.Contains(w, "time: seen") && !slices.Contains(offline.Warnings, w) {
			r.Errorf("the run warns of what the recording does not have: %s", w)
		}
	}
}

// judged is what a run and a verify must have in common.
func judged(result *flows.Result) any {
	return []any{
		result.State, result.Messages, result.Chains, result.Channels, result.Scenarios,
		append([]flows.Finding{}, result.Findings...), append([]flows.Unknown{}, result.Unknowns...),
	}
}

// verify judges the recording, through its written form.
func (r *rig) verify() *flows.Result {
	r.Helper()
	reader, err := message.NewReader(strings.NewReader(r.tape.text(r)))
	if err != nil {
		r.Fatal(err)
	}
	audit := flows.NewAudit(r.flow, flows.AuditConfig{Mode: "verify", Started: reader.Header().Started, Probes: reader.Header().Probes})
	for {
		e, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return audit.Result()
		}
		if err != nil {
			r.Fatal(err)
		}
		audit.Add(e)
	}
}

// kinds are the findings' kinds and steps, in their order.
func kinds(result *flows.Result) string {
	var all []string
	for _, f := range result.Findings {
		all = append(all, strings.TrimSpace(string(f.Kind)+" "+f.Step))
	}
	return strings.Join(all, ", ")
}

// wantState fails unless the run came to the verdict.
func wantState(t testing.TB, result *flows.Result, want flows.State) {
	t.Helper()
	if result.State != want {
		t.Errorf("verdict %s, want %s\nfindings: %+v\nunknowns: %+v", result.State, want, result.Findings, result.Unknowns)
	}
}
