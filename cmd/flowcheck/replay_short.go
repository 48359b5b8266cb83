package main

import (
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/compare"
	"github.com/flowcheck/flowcheck/flows"
)

// cutShort is what a replay that did not come to its end cannot know: something may
// be missing for no fault of the system.
type cutShort struct {
	stopped bool            // the sending
	blind   bool            // the taps did not read to the end
	begins  map[string]bool // the steps that follow none
	chains  map[string]bool // of the recording, and whether a trigger did not come
}

func newCutShort(f *flows.Flow, stopped, blind bool) *cutShort {
	c := &cutShort{stopped: stopped, blind: blind, begins: map[string]bool{}, chains: map[string]bool{}}
	for i := range f.Steps {
		c.begins[f.Steps[i].Name] = len(f.Steps[i].After) == 0
	}
	return c
}

// unsure is a compare.Config's: of a sending that was stopped it is a chain of which a
// trigger did not come, or a message of no chain; all, where the taps are blind.
func (c *cutShort) unsure(was *compare.Chain, all []compare.Difference) bool {
	unsent := c.stopped && (strings.HasPrefix(was.Name, loneName) ||
		slices.ContainsFunc(all, func(x compare.Difference) bool { return x.What == compare.Missing && c.begins[x.Step] }))
	if unsent || c.blind {
		c.chains[was.Name] = unsent
	}
	return unsent || c.blind
}

// mend takes out what the flow misses in chains that were not sent whole, and tells
// of those that nothing is told of.
func (c *cutShort) mend(r *flows.Result, names map[string]string) {
	for was, unsent := range c.chains {
		is := names[was]
		if unsent {
			r.Findings = slices.DeleteFunc(r.Findings, func(f flows.Finding) bool { return f.Kind == flows.Missing && f.Chain == is })
		}
		if !slices.ContainsFunc(r.Unknowns, func(u flows.Unknown) bool { return u.Chain == is }) {
			r.Unknowns = append(r.Unknowns, flows.Unknown{
				Chain: is, Reason: "the replay was cut short: what did not come may not have been sent, or may have come unseen",
			})
		}
	}
}
