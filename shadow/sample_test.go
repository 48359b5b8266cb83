package shadow_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/shadow"
)

// TestASampleHasWholeChains: of each chain all is seen, or nothing; and what is
// found of those that are seen is what is found of all.
func TestASampleHasWholeChains(t *testing.T) {
	r := newRig(t)
	r.flows[0], _, _ = strings.Cut(orders, "  - ordered")
	whole := r.start(r.config(r.state))
	cfg := r.config(t.TempDir())
	cfg.Sample = 0.25
	part := r.start(cfg)
	r.traffic(400, rand.New(rand.NewPCG(1, 2)))
	closed := func(run *running) bool {
		s := run.cfg.Status.Flows()[0]
		return s.Open.Load() == 0 && s.Messages.Load() > 100
	}
	until(t, "all chains closed", func() bool { return closed(whole) && closed(part) })
	all, _ := stands(findings(t, r.state))
	some, _ := stands(findings(t, cfg.State))
	sampler, err := flows.NewSampler(r.flow(r.flows[0]), 0.25)
	if err != nil {
		t.Fatal(err)
	}
	picked := func(line string) bool {
		chain := strings.Fields(line)[1]
		take, _ := sampler.Take(&message.Observation{Channel: "orders", Message: message.Message{Payload: fmt.Appendf(nil, `{"order":%q}`, chain)}})
		return take
	}
	want := slices.DeleteFunc(all, func(line string) bool { return !picked(line) })
	if !slices.Equal(some, want) || len(want) == 0 {
		t.Fatalf("the sample has %q, of all it would be %q", some, want)
	}
	if n := part.end().Flows[0].Chains.Total; n < 60 || n > 140 {
		t.Fatalf("a quarter of 400 chains are %d", n)
	}
	cfg.Sample = 0.5
	if _, err := shadow.Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "sample") {
		t.Fatalf("another share on the same state: %v", err)
	}
}

// TestWhatASampleCannotHave: rules that miss what is left out, ids that not every
// step has.
func TestWhatASampleCannotHave(t *testing.T) {
	r := newRig(t)
	for text, says := range map[string]string{
		orders: "sequence",
		strings.Replace(queued, "order: body.order", "order: body.order, other: body.other", 1): "partition-by",
	} {
		if _, err := flows.NewSampler(r.flow(text), 0.1); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("it says %v", err)
		}
	}
}

// TestACutSaysTheSame: judged again, the messages of each finding have it.
func TestACutSaysTheSame(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	run := r.start(r.config(r.state))
	r.traffic(120, rand.New(rand.NewPCG(1, 2)))
	until(t, "all chains closed", func() bool {
		s := run.cfg.Status.Flows()[0]
		gap := func(f shadow.Record) bool { return f.Kind == "gap" }
		return s.Open.Load() == 0 && s.Messages.Load() > 100 && slices.ContainsFunc(findings(t, r.state), gap)
	})
	seen, gaps := map[string]bool{}, false
	for _, f := range findings(t, r.state) {
		if f.Event != shadow.EventFinding || seen[f.ID] {
			continue
		}
		seen[f.ID], gaps = true, gaps || f.Kind == "gap"
		var piece bytes.Buffer
		if _, err := shadow.Cut(&piece, r.state, f.ID); err != nil {
			t.Fatalf("%+v: %v", f, err)
		}
		if got := verified(t, r.flow(orders), &piece); !slices.Contains(got, f.ID) {
			t.Errorf("of %s of %s verify says %q", f.Kind, f.Chain, got)
		}
	}
	if len(seen) < 5 || !gaps {
		t.Fatalf("%d findings", len(seen))
	}
	if _, err := shadow.Cut(io.Discard, r.state, "nothing"); err == nil {
		t.Error("a finding that nobody told was cut out")
	}
}

// TestACutOfAPercentile has all the messages of its window.
func TestACutOfAPercentile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.flows[0], _, _ = strings.Cut(orders, "rules:")
	r.flows[0] = strings.Replace(r.flows[0], "timeout: 2s", "timeout: 2s\nremember: 4s", 1) + "rules:\n  - latency: { from: placed, to: paid, p95: 1ms }\n"
	run := r.start(r.config(r.state))
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var slow *shadow.Record
	for i := 0; slow == nil; i++ {
		if i > 3000 {
			t.Fatal("nothing is slow")
		}
		id := fmt.Sprintf("o-%d", i)
		r.produce("orders", map[string]any{"order": id, "amount": i})
		<-tick.C
		r.produce("payments", map[string]any{"order": id, "amount": i})
		for _, f := range findings(t, r.state) {
			if f.Kind == "slow" && f.Until.Sub(*f.From) == 2*time.Second {
				slow = &f
			}
		}
	}
	run.end()
	var piece bytes.Buffer
	if _, err := shadow.Cut(&piece, r.state, slow.ID); err != nil {
		t.Fatal(err)
	}
	if got := judged(t, r.flow(r.flows[0]), &piece); len(got.Findings) != 1 || got.Findings[0].Kind != flows.Slow || got.Chains.Pass < 10 {
		t.Fatalf("verify says %+v of %+v", got.Findings, slow)
	}
}

// verified are the ids of the findings in a recording.
func verified(t *testing.T, f *flows.Flow, from io.Reader) (ids []string) {
	t.Helper()
	result := judged(t, f, from)
	for i := range result.Findings {
		ids = append(ids, flows.FindingID(f.Name, &result.Findings[i]))
	}
	return ids
}

func judged(t *testing.T, f *flows.Flow, from io.Reader) *flows.Result {
	t.Helper()
	r, err := message.NewReader(from)
	if err != nil {
		t.Fatal(err)
	}
	a := flows.NewAudit(f, flows.AuditConfig{Mode: "verify", Started: r.Header().Started})
	for {
		e, err := r.Next()
		if err == io.EOF { //nolint:errorlint // as the Reader says
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		a.Add(e)
	}
	return a.Result()
}
