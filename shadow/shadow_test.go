package shadow_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/shadow"
)

func (r *rig) order(id string, amount, seq int) {
	r.produce("orders", map[string]any{"order": id, "amount": amount})
	r.produce("payments", map[string]any{"order": id, "amount": amount, "seq": seq})
}

func kinds(all []shadow.Record) string {
	var lines []string
	for i := range all {
		if r := &all[i]; r.Event != shadow.EventChains {
			lines = append(lines, strings.Join(strings.Fields(r.Event+" "+r.Kind+" "+r.Chain+colon(r.Reason)), " "))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func colon(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

func TestChainsAreJudgedAsTheyClose(t *testing.T) {
	r := newRig(t)
	run := r.start(r.config(r.state))
	r.order("o-1", 5, 1)
	r.produce("orders", map[string]any{"order": "o-2", "amount": 5})
	r.produce("orders", map[string]any{"order": "o-3", "amount": 5})
	r.produce("payments", map[string]any{"order": "o-3", "amount": 6, "seq": 2})
	r.produce("payments", map[string]any{"order": "o-4", "amount": -1, "seq": 3})
	want := "finding forbidden o-4\nfinding mismatch o-3\nfinding missing o-2\nunknown o-4: placed may have come before the tap began"
	until(t, "three findings and an unknown", func() bool { return kinds(findings(t, r.state)) == want })
	// A double that comes later than its chain has closed is told as well.
	r.produce("payments", map[string]any{"order": "o-1", "amount": 5, "seq": 1})
	until(t, "the double", func() bool { return strings.Contains(kinds(findings(t, r.state)), "duplicate o-1") })
	s := run.end()
	if run.err != nil || s.Flows[0].State() != flows.Fail || s.Flows[0].Chains.Total != 4 || s.Flows[0].Findings != 4 {
		t.Fatalf("%v, %+v", run.err, s.Flows[0])
	}
}

func TestALateMessageTakesTheMissingBack(t *testing.T) {
	r := newRig(t)
	run := r.start(r.config(r.state))
	r.produce("orders", map[string]any{"order": "o-1", "amount": 5})
	until(t, "missing", func() bool { return kinds(findings(t, r.state)) == "finding missing o-1" })
	r.produce("payments", map[string]any{"order": "o-1", "amount": 5, "seq": 1})
	until(t, "late", func() bool {
		return kinds(findings(t, r.state)) == "finding late o-1\nfinding missing o-1\nwithdrawn missing o-1"
	})
	if s := run.end(); s.Flows[0].Findings != 1 {
		t.Fatalf("%+v", s.Flows[0])
	}
}

func TestItGoesOnWhereItWas(t *testing.T) {
	r := newRig(t)
	first := r.start(r.config(r.state))
	r.order("o-1", 5, 1)
	r.produce("orders", map[string]any{"order": "o-2", "amount": 5})
	until(t, "a finding", func() bool { return len(findings(t, r.state)) > 0 })
	first.end()
	// What comes while nobody watches is seen, and what came before is still known.
	r.order("o-3", 5, 2)
	r.order("o-1", 5, 3)
	second := r.start(r.config(r.state))
	want := "finding duplicate o-1\nfinding duplicate o-1\nfinding missing o-2"
	until(t, "the doubles", func() bool { return kinds(findings(t, r.state)) == want })
	s := second.end()
	if second.err != nil || s.Flows[0].Chains.Total != 3 || s.Flows[0].Findings != 3 {
		t.Fatalf("%v, %+v", second.err, s.Flows[0])
	}
}

func TestSeveralFlowsShareATap(t *testing.T) {
	r := newRig(t)
	r.flows = append(r.flows, strings.Replace(orders, "flow: orders", "flow: others", 1))
	run := r.start(r.config(r.state))
	r.produce("orders", map[string]any{"order": "o-1", "amount": 5})
	until(t, "both findings", func() bool { return kinds(findings(t, r.state)) == "finding missing o-1\nfinding missing o-1" })
	s := run.end()
	if len(s.Flows) != 2 || s.Flows[0].Findings != 1 || s.Flows[1].Findings != 1 {
		t.Fatalf("%+v", s)
	}
}

func TestWithoutAStateNothingIsKept(t *testing.T) {
	r := newRig(t)
	run := r.start(r.config(""))
	r.produce("orders", map[string]any{"order": "o-1", "amount": 5})
	until(t, "a finding", func() bool { return run.cfg.Status.Flows()[0].Findings.Load() == 1 })
	if s := run.end(); run.err != nil || s.Flows[0].State() != flows.Fail {
		t.Fatalf("%v, %+v", run.err, s.Flows[0])
	}
}

// TestWhatADeadProcessToldIsTakenBack: a message that was missing came while nobody
// watched, so that the new process never misses it.
func TestWhatADeadProcessToldIsTakenBack(t *testing.T) {
	r := newRig(t)
	first := r.start(r.config(r.state))
	r.produce("orders", map[string]any{"order": "o-1", "amount": 5})
	until(t, "missing", func() bool { return kinds(findings(t, r.state)) == "finding missing o-1" })
	first.end()
	r.produce("payments", map[string]any{"order": "o-1", "amount": 5, "seq": 1})
	second := r.start(r.config(r.state))
	until(t, "late, and no longer missing", func() bool {
		return kinds(findings(t, r.state)) == "finding late o-1\nfinding missing o-1\nwithdrawn missing o-1"
	})
	if s := second.end(); s.Flows[0].Findings != 1 {
		t.Fatalf("%+v", s.Flows[0])
	}
}
