package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/flows"
)

// TestARulesFindingIsInEveryReport: a rule may blame a chain that passes for
// itself, and no report may be green then.
func TestARulesFindingIsInEveryReport(t *testing.T) {
	blamed := flows.Finding{Kind: flows.SequenceGap, Chain: "c-1", Rule: "ordered", Text: "2 never came"}
	for _, c := range []struct {
		about, last string
		result      flows.Result
	}{
		{"a scenario's chain", "0 passed, 1 failed", flows.Result{
			Scenarios: []flows.ScenarioResult{{Name: "s", State: flows.Fail, Chains: []string{"c-1"}}},
		}},
		{"a chain of nobody's", "1 passed, 1 failed", flows.Result{
			Scenarios: []flows.ScenarioResult{{Name: "s", State: flows.Pass, Chains: []string{"c-2"}}},
		}},
		{"no scenarios", "2 passed, 1 failed", flows.Result{Chains: flows.ChainCounts{Total: 3, Pass: 3}}},
	} {
		c.result.State, c.result.Findings = flows.Fail, []flows.Finding{blamed}
		var text, junit bytes.Buffer
		if err := Text(&text, &c.result, TextOptions{}); err != nil {
			t.Fatal(err)
		}
		if lines := strings.Split(strings.TrimSpace(text.String()), "\n"); lines[len(lines)-1] != c.last {
			t.Errorf("%s: the last line is %q, want %q", c.about, lines[len(lines)-1], c.last)
		}
		var suites Suites
		suites.Add(&c.result)
		if err := suites.Write(&junit); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(junit.String(), "2 never came") {
			t.Errorf("%s: not in the JUnit report:\n%s", c.about, &junit)
		}
	}
}
