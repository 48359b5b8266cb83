package flows_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/flows/oracle"
)

// TestASoundSystemIsNeverAccused: where nothing is wrong, nothing is found, and
// nothing is unknown.
func TestASoundSystemIsNeverAccused(t *testing.T) {
	cases := oracle.Cases(oracle.Wish{Sound: true, Chains: 5})
	rapid.Check(t, func(t *rapid.T) {
		c := cases.Draw(t, "case")
		got := engine(t, c.Flow, c.Run)
		if got.State != flows.Pass && got.Chains.Total > 0 {
			t.Fatalf("a sound system is accused\n%s\n%s\n%s", c.Flow.YAML(), told(c), heard(got))
		}
		compare(t, c)
	})
}

// TestAPlantedFaultIsFound: one fault in traffic that is sound otherwise is found
// by its kind, where it is.
func TestAPlantedFaultIsFound(t *testing.T) {
	cases := oracle.Cases(oracle.Wish{Sound: true, Planted: true, Chains: 5})
	planted := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		c := cases.Draw(t, "case")
		got := engine(t, c.Flow, c.Run)
		p := c.Planted
		planted[p.Name]++
		if p.Kind != "" && !found(got, p) {
			t.Fatalf("%s, but there is no %s in chain %q, step %q, rule %q\n%s\n%s\n%s", p.Name, p.Kind, p.Chain, p.Step, p.Rule, c.Flow.YAML(), told(c), heard(got))
		}
		compare(t, c)
	})
	t.Log(fmt.Sprint(planted))
}

func found(r *flows.Result, p oracle.Planted) bool {
	for _, f := range r.Findings {
		if string(f.Kind) == p.Kind && strings.HasPrefix(f.Rule, p.Rule) && (p.Rule != "" || f.Chain == p.Chain && f.Step == p.Step) {
			return true
		}
	}
	return false
}
