package shadow_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/await"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/shadow"
)

// orders is the flow of most tests here: two topics, and a rule.
const orders = `flowcheck: 1
flow: orders
brokers: { k: "memory://test" }
settle: 50ms
timeout: 2s
channels:
  orders:   { broker: k, topic: orders }
  payments: { broker: k, topic: payments }
correlate: { order: body.order }
steps:
  placed: { channel: orders }
  paid:   { channel: payments, after: placed, within: 1s, check: [ body.amount == placed.body.amount ] }
rules:
  - never: { name: negative, channel: payments, when: body.amount < 0 }
  - ordered: { name: sequence, channel: payments, by: body.seq, gapless: true }
`

// rig is a broker with the topics of orders, and a folder for the state.
type rig struct {
	t      testing.TB
	server *memory.Server
	state  string
	flows  []string
}

func newRig(t testing.TB) *rig {
	server := memory.New(memory.Options{Name: "test"})
	server.CreateTopic("orders", 2)
	server.CreateTopic("payments", 2)
	return &rig{t: t, server: server, state: t.TempDir(), flows: []string{orders}}
}

func (r *rig) flow(text string) *flows.Flow {
	f, errs := flows.Load("test.yaml", []byte(text), flows.Options{MaskSalt: "x"})
	if len(errs) > 0 {
		var b strings.Builder
		_ = errs.Format(&b)
		r.t.Fatal(b.String())
	}
	return f
}

// config is a shadow of the rig's flows on the state.
func (r *rig) config(state string) shadow.Config {
	adapter := memory.Adapter(r.server)
	tapper, err := adapter.OpenTapper(r.t.Context(), brokers.Config{URL: r.server.URL(), RunID: "shadow"})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = tapper.Close() })
	cfg := shadow.Config{
		State: state, Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Status: &shadow.Status{},
		Tappers: []shadow.Tapper{{Name: "k", Tapper: tapper}},
	}
	for _, text := range r.flows {
		f := r.flow(text)
		of := shadow.Watched{Flow: f, Brokers: []int{0}}
		for i := range f.Channels {
			ch := &f.Channels[i]
			of.Channels = append(of.Channels, brokers.Channel{Name: ch.Name, Topic: ch.Topic, Exchange: ch.Exchange, RoutingKeys: ch.RoutingKeys})
		}
		cfg.Flows = append(cfg.Flows, of)
	}
	return cfg
}

// running is a shadow under way.
type running struct {
	t      testing.TB
	cfg    shadow.Config
	stop   context.CancelFunc
	done   chan struct{}
	result *shadow.Summary
	err    error
}

func (r *rig) start(cfg shadow.Config) *running {
	ctx, cancel := context.WithCancel(context.Background())
	run := &running{t: r.t, cfg: cfg, stop: cancel, done: make(chan struct{})}
	armed := make(chan struct{})
	run.cfg.Armed = func() { close(armed) }
	go func() {
		defer close(run.done)
		run.result, run.err = shadow.Run(ctx, run.cfg)
	}()
	r.t.Cleanup(func() { run.end() })
	select {
	case <-armed:
	case <-run.done:
		r.t.Fatalf("it did not begin: %v", run.err)
	case <-time.After(time.Minute):
		r.t.Fatal("it was not armed within a minute")
	}
	return run
}

func (r *running) end() *shadow.Summary {
	r.stop()
	<-r.done
	return r.result
}

// until waits for a condition.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	await.True(t, what, is)
}

// produce sends a message whose body is the JSON of a map.
func (r *rig) produce(topic string, body map[string]any) {
	data, err := json.Marshal(body)
	if err != nil {
		r.t.Error(err)
		return
	}
	m := brokers.Outgoing{Message: message.Message{Key: fmt.Append(nil, body["order"]), Payload: data}}
	if _, err := r.server.Produce(topic, m); err != nil {
		r.t.Error(err)
	}
}

// findings are the lines of a findings file.
func findings(t testing.TB, state string) []shadow.Record {
	t.Helper()
	f, err := os.Open(filepath.Join(state, "findings.jsonl"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []shadow.Record
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var r shadow.Record
		if json.Unmarshal(lines.Bytes(), &r) == nil { // the last may be half written
			all = append(all, r)
		}
	}
	return all
}

// stands are the findings that were told and not withdrawn, spelt, and how many
// were told while they stood already.
func stands(all []shadow.Record) (lines []string, twice int) {
	at := map[string]string{}
	for i := range all {
		r := &all[i]
		switch r.Event {
		case shadow.EventFinding:
			if at[r.ID] != "" {
				twice++
			}
			at[r.ID] = fmt.Sprint(r.Kind, " ", r.Chain, " ", r.Step, " ", r.Rule, " ", r.Evidence)
		case shadow.EventWithdrawn:
			delete(at, r.ID)
		}
	}
	for _, line := range at {
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines, twice
}
