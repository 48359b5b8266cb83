package scenarios_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// pairs is the chain with a sequence: each scenario sends two orders of one
// account.
const pairs = `
rules:
  - ordered: { channel: b, by: body.seq, per: body.acc, gapless: true }
  - latency: { from: placed, to: mailed, p95: 5s }
  - never: { channel: d, when: body.seq == nil and body.id == nil }
scenarios:
`

// fault is what goes wrong with one order of one scenario.
type fault struct {
	kind  string // none, drop, double, short, long, swap
	at    string // the channel whose consumer does it
	order int    // 1 or 2
}

// plan is a run with what goes wrong in it. Every scenario has one fault.
type plan struct {
	faults   []fault
	deaf     bool
	parallel int
	behind   time.Duration // the brokers' clocks
	gap      int           // which message on b is swallowed and told as a gap; 0: none
}

func drawPlan(t *rapid.T) plan {
	p := plan{
		deaf: rapid.Bool().Draw(t, "deaf"), parallel: rapid.IntRange(1, 8).Draw(t, "parallel"),
		behind: time.Duration(rapid.SampledFrom([]int{0, 0, 0, 3, 60}).Draw(t, "behind")) * time.Second,
		gap:    rapid.SampledFrom([]int{0, 0, 0, 1, 2, 5}).Draw(t, "gap"),
	}
	for i := range rapid.IntRange(1, 6).Draw(t, "scenarios") {
		p.faults = append(p.faults, fault{
			kind:  rapid.SampledFrom([]string{"none", "none", "drop", "double", "short", "long", "swap"}).Draw(t, fmt.Sprint("kind ", i)),
			at:    rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, fmt.Sprint("at ", i)),
			order: rapid.IntRange(1, 2).Draw(t, fmt.Sprint("order ", i)),
		})
	}
	return p
}

func (p plan) flow() string {
	text, _, _ := strings.Cut(chain, "scenarios:")
	var b strings.Builder
	b.WriteString(text + pairs)
	for i := range p.faults {
		fmt.Fprintf(&b, "  - name: s%d\n    send:\n", i)
		for seq := 1; seq <= 2; seq++ {
			fmt.Fprintf(&b, "      - { to: a, key: \"${id}\", body: { id: \"${id}-%d\", acc: \"${id}\", seq: %d } }\n", seq, seq)
		}
	}
	return b.String()
}

// service is the system with the plan's faults.
func (p plan) service() service {
	var mu sync.Mutex
	held := map[any]body{}
	return func(from string, b body) []out {
		var scenario, order int
		if _, err := fmt.Sscanf(fmt.Sprint(b["id"]), "id-%d-%d", &scenario, &order); err != nil {
			return nil
		}
		f := p.faults[scenario-1]
		if f.kind == "swap" && from == "a" {
			mu.Lock()
			defer mu.Unlock()
			if first, ok := held[b["acc"]]; ok {
				return []out{{body: b}, {body: first}}
			}
			held[b["acc"]] = b
			return nil
		}
		if f.at != from || f.order != order {
			return honest(from, b)
		}
		switch f.kind {
		case "drop":
			return nil
		case "double":
			return []out{{body: b}, {body: b}}
		case "short":
			return []out{{after: 40 * time.Millisecond, body: b}}
		case "long":
			return []out{{after: 2200 * time.Millisecond, body: b}}
		default:
			return honest(from, b)
		}
	}
}

// arrange prepares a rig as the plan has it.
func (p plan) arrange(t *testing.T) *rig {
	r := newRig(t, p.flow(), memory.Options{})
	if p.deaf {
		r.deafen()
	}
	r.cfg.Parallel = p.parallel
	if p.behind > 0 {
		r.shift(-p.behind)
	}
	n := 0
	r.bend(0).edit = func(e message.Event) []message.Event {
		if o := e.Observation; o != nil && o.Channel == "b" {
			if n++; n == p.gap {
				return []message.Event{{Mark: &message.Mark{Kind: message.MarkGap, Channel: "b", Seen: o.Seen, Reason: "lost"}}}
			}
		}
		return []message.Event{e}
	}
	return r
}

// has reports whether the plan has a fault of the kind.
func (p plan) has(kind string) bool {
	for _, f := range p.faults {
		if f.kind == kind {
			return true
		}
	}
	return false
}

// found lists the kinds of findings of a scenario's chains.
func found(result *flows.Result, scenario int) string {
	var all []string
	for _, f := range result.Findings {
		if strings.HasPrefix(f.Chain, fmt.Sprintf("id-%03d-", scenario+1)) {
			all = append(all, string(f.Kind))
		}
	}
	return strings.Join(all, " ")
}

// TestLiveAndOfflineAgree runs generated faults against a small system. A verify
// of each run's recording says what the run said (rig.run compares), and each
// fault is found in the scenario that has it, and in no other.
func TestLiveAndOfflineAgree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := drawPlan(rt)
		var result *flows.Result
		if !t.Run("", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { result, _ = p.arrange(t).runWith(p.service()) })
		}) {
			rt.Fatalf("plan %+v", p)
		}
		if fault := p.misjudged(result); fault != "" {
			rt.Fatalf("plan %+v: %s\n%+v\n%+v", p, fault, result.Findings, result.Unknowns)
		}
	})
}

// misjudged says what of the plan the result does not tell, or tells wrongly.
func (p plan) misjudged(result *flows.Result) string {
	if p.gap > 0 {
		if result.State == flows.Pass && p.gap <= result.Channels[1].Seen {
			return "a message was swallowed, and the run passes"
		}
		return ""
	}
	if len(result.Unknowns) > 0 {
		return "something is unknown"
	}
	if p.has("long") { // it holds up whatever is behind it, in any scenario
		if result.State != flows.Fail {
			return "a step was late or missing, and the run does not fail"
		}
		return ""
	}
	want := map[string]string{"drop": "missing", "double": "duplicate", "swap": "out-of-order"}
	for i, f := range p.faults {
		got := found(result, i)
		if kind := want[f.kind]; kind != "" && !strings.Contains(got, kind) {
			return fmt.Sprintf("scenario %d: %s was not found", i, kind)
		}
		if sound := f.kind == "none" || f.kind == "short"; sound && got != "" {
			return fmt.Sprintf("scenario %d is sound, and %s was found", i, got)
		}
	}
	return ""
}
