package flows_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/flows/oracle"
)

// TestMain draws the same cases each time, unless -rapid.seed says otherwise.
func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("rapid.seed").Value.String() == "0" {
		_ = flag.Set("rapid.seed", "20260101")
	}
	_ = flag.Set("rapid.nofailfile", "true")
	os.Exit(m.Run())
}

// TestTheEngineSaysWhatTheOracleSays is the proof: random flows, random traffic
// with faults, and two judges who share no code.
func TestTheEngineSaysWhatTheOracleSays(t *testing.T) {
	cases := oracle.Cases(oracle.Wish{Chains: 4})
	rapid.Check(t, func(t *rapid.T) {
		c := cases.Draw(t, "case")
		compare(t, c)
	})
}

// fataler is what a comparison needs of a test.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func compare(t fataler, c oracle.Case) {
	t.Helper()
	compareWith(t, c, engine(t, c.Flow, c.Run))
}

// compareWith compares the engine's result with the oracle's.
func compareWith(t fataler, c oracle.Case, r *flows.Result) {
	t.Helper()
	want := spoken(oracle.Judge(c.Flow, c.Run))
	got := heard(r)
	if got != want {
		t.Fatalf("the engine (+) and the oracle (-) differ\n%s\n%s\n%s", c.Flow.YAML(), told(c), difference(want, got))
	}
}

// difference is the lines that only one of two texts has.
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	var out strings.Builder
	for _, l := range a {
		if !slices.Contains(b, l) {
			fmt.Fprintln(&out, "-", l)
		}
	}
	for _, l := range b {
		if !slices.Contains(a, l) {
			fmt.Fprintln(&out, "+", l)
		}
	}
	return out.String()
}

// engine is the engine's result.
func engine(t fataler, f *oracle.Flow, run oracle.Run) *flows.Result {
	t.Helper()
	flow, errs := flows.Load("generated.yaml", []byte(f.YAML()), options())
	if len(errs) > 0 {
		var b strings.Builder
		_ = errs.Format(&b)
		t.Fatalf("the flow does not load:\n%s\n%s", f.YAML(), b.String())
	}
	return audited(flow, f, run)
}

func audited(flow *flows.Flow, f *oracle.Flow, run oracle.Run) *flows.Result {
	cfg := flows.AuditConfig{Mode: run.Mode}
	if run.Started != oracle.None {
		cfg.Started = oracle.Time(run.Started)
	}
	audit := flows.NewAudit(flow, cfg)
	for _, e := range run.Events {
		audit.Add(f.Event(e))
	}
	return audit.Result()
}

// spoken is the oracle's report as text.
func spoken(r *oracle.Report) string {
	var lines []string
	for _, f := range r.Findings {
		lines = append(lines, line(f.Kind, f.Chain, f.Step, f.Rule, called(f.Anomaly, f.Weak), f.Evidence))
	}
	return summed(r.State, [8]int{r.Chains, r.Pass, r.Fail, r.Unknown, r.Seen, r.Matched, r.Undecided, r.Redelivered}, r.Retried, r.Outcomes, lines, r.Unknowns)
}

// heard is the engine's result as the same text.
func heard(r *flows.Result) string {
	var lines, unknowns []string
	for _, f := range r.Findings {
		evidence := []string{}
		for _, e := range f.Evidence {
			evidence = append(evidence, e.Channel+" "+e.Position.String())
		}
		lines = append(lines, line(string(f.Kind), f.Chain, f.Step, f.Rule, called(string(f.Anomaly), f.Weaker != ""), evidence))
	}
	for _, u := range r.Unknowns {
		unknowns = append(unknowns, u.Chain)
	}
	c := r.Chains
	return summed(r.State.String(), [8]int{c.Total, c.Pass, c.Fail, c.Unknown, r.Messages.Seen, r.Messages.Matched, r.Undecided, r.Redelivered}, r.Retried, c.Outcomes, lines, unknowns)
}

func line(kind, chain, step, rule, called string, evidence []string) string {
	return fmt.Sprintf("%s chain=%q step=%q rule=%q%s %s", kind, chain, step, rule, called, strings.Join(evidence, ", "))
}

func called(anomaly string, weak bool) string {
	if weak {
		return " weakly " + anomaly
	}
	return " " + anomaly
}

func summed(state string, n [8]int, retried int, outcomes map[string]int, lines, unknowns []string) string {
	slices.Sort(lines)
	slices.Sort(unknowns)
	unknowns = slices.Compact(unknowns)
	return fmt.Sprintf("%s: %d chains, %d pass, %d fail, %d unknown %v\n%d seen, %d matched\n%d undecided, %d redelivered, %d retried\n%s\nunknown: %q",
		state, n[0], n[1], n[2], n[3], outcomes, n[4], n[5], n[6], n[7], retried, strings.Join(lines, "\n"), unknowns)
}

// told is a run as a recording, to read.
func told(c oracle.Case) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, started %v\n", c.Run.Mode, oracle.Time(c.Run.Started))
	for _, e := range c.Run.Events {
		fmt.Fprintln(&b, c.Flow.Line(e))
	}
	return b.String()
}
