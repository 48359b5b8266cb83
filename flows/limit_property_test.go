package flows_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/flows/oracle"
)

// TestALimitNeverAccuses: what is found within a limit is wrong without it, too,
// and what a limit hid is unknown, not a pass.
func TestALimitNeverAccuses(t *testing.T) {
	limited := 0
	rapid.Check(t, func(t *rapid.T) {
		sound := rapid.Bool().Draw(t, "sound")
		c := oracle.Cases(oracle.Wish{Sound: sound, Chains: 8}).Draw(t, "case")
		cfg := flows.AuditConfig{
			MaxChains: rapid.IntRange(1, 4).Draw(t, "chains"), MaxEntries: rapid.IntRange(1, 4).Draw(t, "entries"),
		}
		if limit(t, c, cfg) {
			limited++
		}
	})
	if limited == 0 {
		t.Error("no limit was ever reached")
	}
}

// limit compares a limited audit with one that is not. It reports whether the limit
// made something unknown.
func limit(t fataler, c oracle.Case, cfg flows.AuditConfig) bool {
	t.Helper()
	whole, got := engine(t, c.Flow, c.Run), limitedEngine(t, c, cfg)
	switch {
	case got.State == flows.Fail && whole.State != flows.Fail:
		t.Fatalf("a limit accuses: %d chains, %d entries\n%s\n%s\n%s\n--- without\n%s", cfg.MaxChains, cfg.MaxEntries, c.Flow.YAML(), told(c), heard(got), heard(whole))
	case got.State == flows.Pass && whole.State != flows.Pass:
		t.Fatalf("a limit hides: %d chains, %d entries\n%s\n%s\n%s\n--- without\n%s", cfg.MaxChains, cfg.MaxEntries, c.Flow.YAML(), told(c), heard(got), heard(whole))
	}
	return got.State == flows.NotKnown && whole.State != flows.NotKnown
}

func limitedEngine(t fataler, c oracle.Case, cfg flows.AuditConfig) *flows.Result {
	t.Helper()
	flow, errs := flows.Load("generated.yaml", []byte(c.Flow.YAML()), options())
	if len(errs) > 0 {
		t.Fatalf("%v", errs)
	}
	cfg.Mode = c.Run.Mode
	if c.Run.Started != oracle.None {
		cfg.Started = oracle.Time(c.Run.Started)
	}
	audit := flows.NewAudit(flow, cfg)
	for _, e := range c.Run.Events {
		audit.Add(c.Flow.Event(e))
	}
	return audit.Result()
}
