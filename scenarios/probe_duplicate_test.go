package scenarios_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/flows"
)

// probed is the chain with a probe.
func probed(probes string) string { return chain + "    probes: " + probes + "\n" }

// deduped handles each message of a channel once, by its id.
func deduped(next service) service {
	var mu sync.Mutex
	done := map[string]bool{}
	return func(from string, b body) []out {
		mu.Lock()
		defer mu.Unlock()
		key := fmt.Sprint(from, b["id"])
		if done[key] {
			return nil
		}
		done[key] = true
		return next(from, b)
	}
}

// verdicts are the probes' verdicts, with their tries where they do not pass.
func verdicts(result *flows.Result) string {
	var all []string
	for _, s := range result.Scenarios {
		for _, p := range s.Probes {
			text := p.Name + " " + p.State.String()
			if p.Off {
				text = p.Name + " off"
			}
			var tries []string
			for _, t := range p.Tries {
				if t.State != flows.Pass {
					tries = append(tries, t.Name+" "+t.State.String())
				}
			}
			if len(tries) > 0 {
				text += " (" + strings.Join(tries, ", ") + ")"
			}
			all = append(all, text)
		}
	}
	return strings.Join(all, "; ")
}

// tell logs all that a result says of probes.
func tell(t *testing.T, result *flows.Result) {
	t.Helper()
	for _, s := range result.Scenarios {
		for _, p := range s.Probes {
			t.Logf("%s %s %s noise %q", p.Name, p.State, p.Reason, p.Noise)
			for _, y := range p.Tries {
				t.Logf("  %s %s: %s %+v", y.Name, y.State, y.Text, y.Did)
			}
		}
	}
	for _, f := range result.Findings {
		t.Logf("%s %s %s [%s] %v", f.Kind, f.Chain, f.Text, f.Probe, f.Evidence)
	}
	t.Log(result.Unknowns, result.Warnings)
}

func TestDuplicateIsAsked(t *testing.T) {
	late := func(d time.Duration) service { // forgets what it did after d
		var mu sync.Mutex
		done := map[string]time.Time{}
		return func(from string, b body) []out {
			mu.Lock()
			defer mu.Unlock()
			key := fmt.Sprint(from, b["id"])
			if at, ok := done[key]; ok && time.Since(at) < d {
				return nil
			}
			done[key] = time.Now()
			return honest(from, b)
		}
	}
	for _, c := range []struct {
		name    string
		service service
		want    string
		kinds   string
	}{
		{"deduplicated", deduped(honest), "duplicate pass", ""},
		{"no deduplication", honest, "duplicate fail (at once fail, in flight fail, after the end fail)", strings.Repeat("not-idempotent, ", 8) + "not-idempotent"},
		{"forgets too soon", late(100 * time.Millisecond), "duplicate fail (after the end fail)", "not-idempotent, not-idempotent, not-idempotent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, probed("[ duplicate ]"), memory.Options{})
				result, _ := r.runWith(c.service)
				tell(t, result)
				if got := verdicts(result); got != c.want {
					t.Errorf("probes %q, want %q", got, c.want)
				}
				if got := states(result); got != "through: pass" {
					t.Errorf("scenarios %q", got)
				}
				var got []string
				for _, f := range result.Findings {
					got = append(got, string(f.Kind))
				}
				if got := strings.Join(got, ", "); got != c.kinds {
					t.Errorf("findings %q, want %q", got, c.kinds)
				}
			})
		})
	}
}

// knowing is a broker that knows each message again, as a FIFO topic does.
type knowing struct {
	brokers.Publisher
	mu   *sync.Mutex
	done map[string]brokers.Receipt
}

func (k knowing) Publish(ctx context.Context, ch brokers.Channel, m brokers.Outgoing) (brokers.Receipt, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r, ok := k.done[string(m.Payload)]; ok {
		return r, nil
	}
	r, err := k.Publisher.Publish(ctx, ch, m)
	k.done[string(m.Payload)] = r
	return r, err
}

// TestABrokerMayKnowADuplicate: what a broker swallows is no message of the
// probe's, and the first one stays the trigger.
func TestABrokerMayKnowADuplicate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, probed("[ duplicate ]"), memory.Options{})
		r.cfg.Publishers[0] = knowing{r.cfg.Publishers[0], new(sync.Mutex), map[string]brokers.Receipt{}}
		result, _ := r.runWith(honest)
		tell(t, result)
		if got := verdicts(result); got != "duplicate pass" {
			t.Errorf("probes %q", got)
		}
		for _, y := range result.Scenarios[0].Probes[0].Tries {
			if len(y.Did) != 1 || !strings.Contains(y.Did[0].What, "the broker knew it again") {
				t.Errorf("%s: %+v", y.Name, y.Did)
			}
		}
	})
}
