package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"github.com/flowcheck/flowcheck/flows"
)

// Suites gathers results for one JUnit file: a suite for each flow. The zero
// value is empty. It is for one goroutine.
type Suites struct{ all junit.Testsuites }

// Empty reports whether nothing was added.
func (s *Suites) Empty() bool { return len(s.all.Suites) == 0 }

// Add adds the result as a suite: a test case for each scenario, one for each
// other chain that does not pass, one for the chains that do, and one for what
// belongs to no chain. An unknown is an error, not a failure. Warnings are the
// suite's output.
func (s *Suites) Add(r *flows.Result) {
	suite := junit.Testsuite{Name: r.Flow, ID: len(s.all.Suites), Time: "0"}
	mine := chainsOf(r)
	for _, sc := range r.Scenarios {
		suite.AddTestcase(testcase(r, sc.Name, sc.State, func(chain string) bool { return slices.Contains(sc.Chains, chain) }))
		for _, p := range sc.Probes {
			suite.AddTestcase(probeCase(r, sc.Name, &p))
		}
	}
	for _, chain := range troubled(r, mine) {
		name := "chain " + chain
		if chain == "" {
			name = "across chains"
		}
		suite.AddTestcase(testcase(r, name, stateOf(r, chain), func(c string) bool { return c == chain }))
	}
	if r.Chains.Pass > 0 && len(r.Scenarios) == 0 {
		suite.AddTestcase(junit.Testcase{Name: fmt.Sprintf("%d chains pass", r.Chains.Pass), Classname: r.Flow, Time: "0"})
	}
	if len(r.Warnings) > 0 {
		suite.SystemOut = &junit.Output{Data: warnings(r)}
	}
	s.all.AddSuite(suite)
}

// warnings are what is odd and no verdict, a line each.
func warnings(r *flows.Result) string {
	var b strings.Builder
	for _, w := range r.Warnings {
		b.WriteString("warning: " + flat(w) + "\n")
	}
	return b.String()
}

// Write writes the file, encoding and all.
func (s *Suites) Write(w io.Writer) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write the JUnit report: %w", err)
	}
	if err := s.all.WriteXML(w); err != nil {
		return fmt.Errorf("write the JUnit report: %w", err)
	}
	return nil
}

// testcase is one test: passed, failed, or in error where it is not known.
func testcase(r *flows.Result, name string, state flows.State, about func(chain string) bool) junit.Testcase {
	t := junit.Testcase{Name: name, Classname: r.Flow, Time: "0"}
	if state == flows.Pass {
		return t
	}
	first, text := story(r, about)
	if first == "" { // all that is known is said of the whole run
		first, text = story(r, func(chain string) bool { return chain == "" })
	}
	outcome := &junit.Result{Message: first, Type: state.String(), Data: clean(text)}
	if state == flows.Fail {
		t.Failure = outcome
	} else {
		t.Error = outcome
	}
	return t
}

// story tells what is wrong with some chains; first is its first line.
func story(r *flows.Result, about func(chain string) bool) (first, text string) {
	var b strings.Builder
	say := func(line string) {
		if first == "" {
			first = line
		}
		b.WriteString(line + "\n")
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		if !about(f.Chain) {
			continue
		}
		say(fmt.Sprintf("%s: %s", f.Kind, f.Text))
		fmt.Fprintf(&b, "  expected: %s\n  actual:   %s\n", f.Expected, f.Actual)
		for _, e := range f.Evidence {
			fmt.Fprintf(&b, "  seen at:  %s %s\n", e.Channel, e.Position)
		}
	}
	for _, u := range r.Unknowns {
		if about(u.Chain) && u.Probe == "" {
			say("unknown: " + u.Reason)
		}
	}
	return first, b.String()
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
		if u.Probe == "" {
			add(u.Chain)
		}
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
