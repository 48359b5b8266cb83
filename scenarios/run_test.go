package scenarios_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/scenarios"
)

// Every tap is armed, then the recording begins, then the scenario is marked,
// then it is sent, then it is seen; the end comes last.
func TestOrderOfARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chain, memory.Options{})
		r.cfg.Parallel = 1
		var mu sync.Mutex
		var order []string
		note := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, what)
		}
		for i := range r.flow.Brokers {
			r.bend(i).armed = func(brokers.TapConfig) error {
				note("arm")
				if r.tape.begun {
					t.Error("the recording began before every tap was armed")
				}
				return nil
			}
		}
		r.cfg.Publishers[0] = hook{r.cfg.Publishers[0], func() error {
			note("send")
			if !r.tape.begun {
				t.Error("sent before the recording began")
			}
			return nil
		}}
		r.tape.on = func(e message.Event) {
			if e.Mark != nil {
				note(string(e.Mark.Kind))
				return
			}
			note(e.Observation.Channel)
		}
		r.runWith(honest)
		if len(order) == 9 {
			slices.Sort(order[4:8]) // what several taps see comes in any order
		}
		want := []string{"arm", "arm", "scenario", "send", "a", "b", "c", "d", "end"}
		if !slices.Equal(order, want) {
			t.Errorf("%v, want %v", order, want)
		}
		if h := r.tape.header; h.Flow != "chain" || h.Started.IsZero() || h.Brokers["events"].Kind != "memory" || h.Brokers["tasks"].ID != "m" {
			t.Errorf("header %+v", h)
		}
	})
}

const cases = head + `
steps:
  placed: { channel: a }
  paid:   { channel: b, after: placed, within: 1s, check: [ body.qty == placed.body.qty ] }
scenarios:
  - name: twice
    cases: [ { qty: 1 }, { qty: 2 } ]
    send:
      - { to: a, key: "${id}", body: { id: "${id}-x", qty: "${case.qty}" } }
      - { to: a, key: "${id}", body: { id: "${id}-y", qty: "${case.qty}" } }
    check: [ paid.body.qty == case.qty ]
`

// A scenario is run once for each case, under an id of its own, and marked once
// for each chain that it begins, before any message of that.
func TestMarksOfCases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cases, memory.Options{})
		result, _ := r.runWith(honest)
		wantState(t, result, flows.Pass)
		marks := r.tape.marks(message.MarkScenario)
		var got []string
		for _, m := range marks {
			got = append(got, fmt.Sprint(m.Name, " ", m.ID, " ", m.IDs["order"], " ", m.Case["qty"]))
		}
		want := []string{"twice id-001 id-001-x 1", "twice id-001 id-001-y 1", "twice id-002 id-002-x 2", "twice id-002 id-002-y 2"}
		if !slices.Equal(got, want) {
			t.Errorf("marks %v, want %v", got, want)
		}
		if got := states(result); got != `twice {"qty":1}: pass, twice {"qty":2}: pass` {
			t.Errorf("scenarios %s", got)
		}
		r.marksComeFirst()
	})
}

// marksComeFirst sees that no message of a scenario precedes its mark.
func (r *rig) marksComeFirst() {
	r.Helper()
	marked := map[string]bool{}
	for _, e := range r.tape.events {
		if m := e.Mark; m != nil && m.Kind == message.MarkScenario {
			marked[m.ID] = true
			continue
		}
		if o := e.Observation; o != nil && strings.Contains(string(o.Payload), "id-") {
			_, id, _ := strings.Cut(string(o.Payload), `"id-`)
			if !marked["id-"+id[:3]] {
				r.Errorf("%s came before its mark", o.Payload)
			}
		}
	}
	last := r.tape.events[len(r.tape.events)-1]
	if last.Mark == nil || last.Mark.Kind != message.MarkEnd || len(r.tape.marks(message.MarkEnd)) != 1 {
		r.Errorf("the recording's last line is %+v, and it has %d ends", last, len(r.tape.marks(message.MarkEnd)))
	}
}

// A check of a scenario is judged against its own case.
func TestCheckOfACase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, strings.Replace(cases, ", check: [ body.qty == placed.body.qty ]", "", 1), memory.Options{})
		result, _ := r.runWith(func(_ string, b body) []out { return []out{{body: body{"id": b["id"], "qty": 2}}} })
		if got := states(result); got != `twice {"qty":1}: fail, twice {"qty":2}: pass` {
			t.Errorf("scenarios %s", got)
		}
	})
}

const outcomes = head + `
steps:
  placed:   { channel: a }
  paid:     { channel: b, when: body.ok, after: placed, within: 1s }
  declined: { channel: b, when: not body.ok, after: placed, within: 1s }
outcomes:
  paid:     [ placed, paid ]
  declined: [ placed, declined ]
scenarios:
  - name: mixed
    send:
      - { to: a, key: "${id}", body: { id: "${id}-1", ok: true }, outcome: paid }
      - { to: a, key: "${id}", body: { id: "${id}-2", ok: false } }
    outcome: declined
`

// Each message of a scenario may have an outcome of its own.
func TestOutcomesOfSeveralSends(t *testing.T) {
	for _, c := range []struct {
		flip  string
		kinds string
	}{
		{"", ""}, {"id-001-1", "wrong-outcome"}, {"id-001-2", "wrong-outcome"},
	} {
		t.Run("flip "+c.flip, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, outcomes, memory.Options{})
				result, _ := r.runWith(func(_ string, b body) []out {
					ok, _ := b["ok"].(bool)
					return []out{{body: body{"id": b["id"], "ok": ok != (b["id"] == c.flip)}}}
				})
				if got := kinds(result); got != c.kinds {
					t.Errorf("findings %q, want %q", got, c.kinds)
				}
				if c.flip != "" && result.Findings[0].Chain != c.flip {
					t.Errorf("found at %s, want %s", result.Findings[0].Chain, c.flip)
				}
			})
		})
	}
}

// many is the chain with n scenarios.
func many(n int) string {
	var b strings.Builder
	b.WriteString(chain)
	for i := range n - 1 {
		fmt.Fprintf(&b, "  - { name: \"s%d\", send: { to: a, key: \"${id}\", body: { id: \"${id}\" } } }\n", i)
	}
	return b.String()
}

// Two hundred scenarios side by side, with what others send in between: only
// those that were tampered with fail, and what is foreign is not judged.
func TestManySideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 200
		r := newRig(t, many(n), memory.Options{})
		r.cfg.Parallel = n
		r.tape.on = once(func() {
			for i := range 50 {
				r.emit("a", body{"id": fmt.Sprintf("foreign-%d", i)})
				r.emit("d", body{"id": "foreign-of-nobody"})
			}
		})
		result, stats := r.runWith(func(from string, b body) []out {
			switch id := b["id"]; {
			case id == "id-050" && from == "b":
				return nil
			case id == "id-100" && from == "c", id == "foreign-1":
				return []out{{body: b}, {body: b}}
			}
			return honest(from, b)
		})
		var got []string
		for _, f := range result.Findings {
			got = append(got, fmt.Sprint(f.Chain, " ", f.Kind, " ", f.Step))
		}
		if want := []string{"id-050 missing mailed", "id-050 missing packed", "id-100 duplicate mailed"}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		if result.Chains.Total != n || result.Chains.Pass != n-2 || len(result.Unknowns) > 0 {
			t.Errorf("%+v, unknown: %v", result.Chains, result.Unknowns)
		}
		if seen := result.Messages.Seen; seen < 4*n+50 {
			t.Errorf("%d messages seen", seen)
		}
		if stats.Total > 2*time.Second+settle {
			t.Errorf("it took %v", stats.Total)
		}
		r.marksComeFirst()
	})
}

func TestParallelIsKept(t *testing.T) {
	for _, parallel := range []int{0, 1, 3, 10, 50} {
		t.Run(fmt.Sprint(parallel), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const n = 10
				r := newRig(t, many(n), memory.Options{})
				r.cfg.Parallel = parallel
				open, most := 0, 0
				r.cfg.Progress = func(p scenarios.Progress) {
					open = len(r.tape.marks(message.MarkScenario)) - p.Done
					most = max(most, open)
				}
				result, stats := r.runWith(slowly("c", 100*time.Millisecond))
				wantState(t, result, flows.Pass)
				if want := max(1, min(parallel, n)); most != want {
					t.Errorf("%d under way at once, want %d", most, want)
				}
				if stats.Total < 100*n*time.Millisecond { // the service takes one after the other
					t.Errorf("it took %v", stats.Total)
				}
				if got := len(result.Scenarios); got != n {
					t.Errorf("%d scenarios", got)
				}
			})
		})
	}
}

func TestOnlySomeAreRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, many(5), memory.Options{})
		r.cfg.Only = []string{"s1", "s3"}
		result, _ := r.runWith(honest)
		if got := states(result); got != "s1: pass, s3: pass" {
			t.Errorf("scenarios %s", got)
		}
		r.cfg.Only = []string{"nobody"}
		if _, _, err := scenarios.Run(t.Context(), r.cfg); !errors.Is(err, scenarios.ErrNothing) {
			t.Errorf("error %v", err)
		}
	})
}

// lost are scenarios whose trigger is never told from others' messages.
var lost = map[string]string{
	"without ids":    `send: { to: a, body: { other: "${id}" } }`,
	"kept out":       `send: { to: guarded, body: { id: "${id}" } }`,
	"after one seen": `send: [ { to: a, key: k, body: { id: "${id}" } }, { to: e, body: { id: "${id}-2" } } ]`,
}

// Such a scenario is unknown after the flow's timeout, not for ever, and its
// neighbours are judged.
func TestTriggerThatIsNotRecognised(t *testing.T) {
	for name, send := range lost {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				text := strings.Replace(chain, "correlate:", "  guarded: { broker: events, topic: a, when: body.tenant == \"me\" }\n"+
					"  e: { broker: events, topic: e }\ncorrelate:", 1)
				text = strings.Replace(text, "scenarios:", "  extra: { channel: e, optional: true }\n  kept: { channel: guarded, optional: true }\nscenarios:", 1)
				r := newRig(t, text+"  - name: lost\n    "+send+"\n", memory.Options{})
				r.server.CreateTopic("e", 1)
				// The second message is swallowed on its way.
				r.bend(0).edit = func(e message.Event) []message.Event {
					if e.Observation != nil && e.Observation.Channel == "e" {
						return nil
					}
					return []message.Event{e}
				}
				result, stats := r.runWith(honest)
				if got := states(result); got != "through: pass, lost: unknown" {
					t.Errorf("scenarios %s", got)
				}
				wantState(t, result, flows.NotKnown)
				if stats.Total < 30*time.Second || stats.Total > 30*time.Second+settle+grain {
					t.Errorf("it took %v", stats.Total)
				}
			})
		})
	}
}

// The scenario's own timeout ends it earlier.
func TestTimeoutOfAScenario(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chain+"    timeout: 700ms\n", memory.Options{})
		result, stats := r.runWith(slowly("b", time.Hour))
		wantState(t, result, flows.NotKnown)
		near(t, "the run", stats.Total, 700*time.Millisecond)
	})
}

// hook is a publisher that does something before it sends.
type hook struct {
	brokers.Publisher
	before func() error
}

func (h hook) Publish(ctx context.Context, ch brokers.Channel, m brokers.Outgoing) (brokers.Receipt, error) {
	if err := h.before(); err != nil {
		return brokers.Receipt{}, err
	}
	return h.Publisher.Publish(ctx, ch, m)
}
