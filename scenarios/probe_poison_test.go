package scenarios_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// poisoned is the chain with a place for dead letters of a, and a number in its
// trigger.
func poisoned(probes string) string {
	text := strings.Replace(probed(probes), "correlate:", "  e: { broker: events, topic: e, dead-letters: a }\ncorrelate:", 1)
	return strings.Replace(text, `body: { id: "${id}" }`, `body: { id: "${id}", total: 5 }`, 1)
}

// strict refuses what has no number as its total.
func strict(refuse func(b body) []out) service {
	return func(from string, b body) []out {
		if _, ok := b["total"].(float64); from == "a" && !ok {
			return refuse(b)
		}
		return honest(from, b)
	}
}

// bury dead-letters a message as frameworks do.
func (r *rig) bury(m message.Message, headers ...message.Header) {
	m.Headers = append(m.Headers, headers...)
	_, err := r.server.Produce("e", brokers.Outgoing{Message: m})
	r.must(err)
}

var reason = message.Header{Name: "dead-letter-reason", Value: "it cannot be read"}

func TestPoison(t *testing.T) {
	const all = "cut %, not JSON %, wrong type %, missing field %, 1 MB %"
	failing := func(names string) string { return "poison fail (" + names + ")" }
	unreadable := "cut fail, not JSON fail"
	for _, c := range []struct {
		name   string
		flow   string
		broken func(r *rig) func(context.Context, string, message.Message)
		want   string
		kinds  string
	}{
		{"buried", "", func(r *rig) func(context.Context, string, message.Message) {
			return func(_ context.Context, _ string, m message.Message) { r.bury(m, reason) }
		}, "poison pass", ""},
		{"swallowed", "", nil, failing(unreadable), "missing, missing"},
		{"without a reason", "", func(r *rig) func(context.Context, string, message.Message) {
			return func(_ context.Context, _ string, m message.Message) { r.bury(m) }
		}, failing(unreadable), "mismatch, mismatch"},
		{"twice", "", func(r *rig) func(context.Context, string, message.Message) {
			return func(_ context.Context, _ string, m message.Message) { r.bury(m, reason); r.bury(m, reason) }
		}, failing(unreadable), "duplicate, duplicate"},
		{"written anew", "", func(r *rig) func(context.Context, string, message.Message) {
			return func(_ context.Context, _ string, m message.Message) {
				text, err := json.Marshal(string(m.Payload))
				r.must(err)
				m.Payload = text
				r.bury(m, reason)
			}
		}, failing(unreadable), "altered, altered"},
		{"without its key", "", func(r *rig) func(context.Context, string, message.Message) {
			return func(_ context.Context, _ string, m message.Message) { m.Key = nil; r.bury(m, reason) }
		}, failing(unreadable), "altered, altered"},
		{"nowhere to be seen", strings.Replace(poisoned("[ poison ]"), ", dead-letters: a", "", 1), nil, "poison unknown (cut unknown, not JSON unknown, wrong type unknown, missing field unknown)", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if c.flow == "" {
					c.flow = poisoned("[ poison ]")
				}
				r := newRig(t, c.flow, memory.Options{})
				r.server.CreateTopic("e", 1)
				if c.broken != nil {
					r.broken = c.broken(r)
				}
				result, _ := r.runWith(strict(func(b body) []out {
					text, err := json.Marshal(b)
					r.must(err)
					r.bury(message.Message{Key: []byte(b["id"].(string)), Payload: text}, reason)
					return nil
				}))
				tell(t, result)
				if got := verdicts(result); got != c.want {
					t.Errorf("probes %q, want %q", got, c.want)
				}
				if got := kinds(result); got != c.kinds {
					t.Errorf("findings %q, want %q", got, c.kinds)
				}
				for _, f := range result.Findings {
					if !inATry(result, f.Chain) {
						t.Errorf("the chain %s of %s is in no try", f.Chain, f.Kind)
					}
				}
				for _, p := range result.Scenarios[0].Probes {
					if len(p.Tries) != strings.Count(all, "%") {
						t.Errorf("%d tries", len(p.Tries))
					}
				}
			})
		})
	}
}

// A system that makes sense of a broken message is not watched for a dead letter
// until the flow's timeout is over. The clock is a fake one.
func TestPoisonThatIsUnderstood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, poisoned("[ poison ]"), memory.Options{})
		r.server.CreateTopic("e", 1)
		r.broken = func(_ context.Context, _ string, m message.Message) { r.bury(m, reason) }
		result, stats := r.runWith(honest)
		tell(t, result)
		if got := verdicts(result); got != "poison pass" || stats.Total > r.flow.Timeout {
			t.Errorf("probes %q after %v, with a timeout of %v", got, stats.Total, r.flow.Timeout)
		}
	})
}

// A broken message that holds up what is behind it is found: for ever, and for
// longer than the flow allows.
func TestPoisonThatHoldsUp(t *testing.T) {
	for _, c := range []struct {
		name  string
		pause time.Duration
		kind  string
	}{{"for ever", time.Hour, "missing paid"}, {"for too long", 3 * time.Second, "late paid"}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, poisoned("[ poison ]"), memory.Options{})
				r.server.CreateTopic("e", 1)
				var held atomic.Int64
				r.broken = func(ctx context.Context, _ string, m message.Message) {
					held.Add(1)
					if rest(ctx, c.pause) {
						r.bury(m, reason)
					}
				}
				result, _ := r.runWith(honest)
				tell(t, result)
				if result.State != flows.Fail || held.Load() == 0 || !strings.Contains(kinds(result), c.kind) {
					t.Errorf("%s: %s", result.State, kinds(result))
				}
			})
		})
	}
}

// inATry reports whether a try of a probe names the chain.
func inATry(result *flows.Result, chain string) bool {
	for _, s := range result.Scenarios {
		for _, p := range s.Probes {
			for _, t := range p.Tries {
				if slices.Contains(t.Chains, chain) {
					return true
				}
			}
		}
	}
	return false
}
