package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"github.com/flowcheck/flowcheck/flows"
)

// JUnit writes the result as a JUnit test suite: a test case for each scenario,
// one for each other chain that does not pass, one for the chains that do, and
// one for what belongs to no chain. An unknown is an error, not a failure.
func JUnit(w io.Writer, r *flows.Result) error {
	suite := junit.Testsuite{Name: r.Flow}
	mine := map[string]bool{}
	for _, s := range r.Scenarios {
		for _, c := range s.Chains {
			mine[c] = true
		}
	}
	for _, s := range r.Scenarios {
		suite.AddTestcase(testcase(r, s.Name, s.State, func(chain string) bool {
			for _, c := range s.Chains {
				if c == chain {
					return true
				}
			}
			return false
		}))
	}
	for _, chain := range troubled(r, mine) {
		name, state := "chain "+chain, stateOf(r, chain)
		if chain == "" {
			name = "across chains"
		}
		suite.AddTestcase(testcase(r, name, state, func(c string) bool { return c == chain }))
	}
	if r.Chains.Pass > 0 && len(r.Scenarios) == 0 {
		suite.AddTestcase(junit.Testcase{Name: fmt.Sprintf("%d chains pass", r.Chains.Pass), Classname: r.Flow, Time: "0"})
	}
	suites := junit.Testsuites{}
	suites.AddSuite(suite)
	if err := suites.WriteXML(w); err != nil {
		return fmt.Errorf("write the JUnit report: %w", err)
	}
	return nil
}

func testcase(r *flows.Result, name string, state flows.State, about func(chain string) bool) junit.Testcase {
	t := junit.Testcase{Name: name, Classname: r.Flow, Time: "0"}
	if state == flows.Pass {
		return t
	}
	var text strings.Builder
	first := ""
	say := func(line string) {
		if first == "" {
			first = line
		}
		text.WriteString(line + "\n")
	}
	for i := range r.Findings {
		if f := &r.Findings[i]; about(f.Chain) {
			say(fmt.Sprintf("%s: %s", f.Kind, f.Text))
			fmt.Fprintf(&text, "  expected: %s\n  actual:   %s\n", f.Expected, f.Actual)
			for _, e := range f.Evidence {
				fmt.Fprintf(&text, "  seen at:  %s %s\n", e.Channel, e.Position)
			}
		}
	}
	for _, u := range r.Unknowns {
		if about(u.Chain) {
			say("unknown: " + u.Reason)
		}
	}
	outcome := &junit.Result{Message: first, Type: state.String(), Data: text.String()}
	if state == flows.Fail {
		t.Failure = outcome
	} else {
		t.Error = outcome
	}
	return t
}

// troubled are the chains with findings or unknowns that belong to no scenario.
func troubled(r *flows.Result, mine map[string]bool) []string {
	var chains []string
	seen := map[string]bool{}
	add := func(chain string) {
		if !mine[chain] && !seen[chain] {
			seen[chain] = true
			chains = append(chains, chain)
		}
	}
	for i := range r.Findings {
		add(r.Findings[i].Chain)
	}
	for _, u := range r.Unknowns {
		add(u.Chain)
	}
	return chains
}

func stateOf(r *flows.Result, chain string) flows.State {
	for i := range r.Findings {
		if r.Findings[i].Chain == chain {
			return flows.Fail
		}
	}
	return flows.NotKnown
}
