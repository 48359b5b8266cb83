package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/compare"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/replay"
)

// merge puts what the flow says and what the comparison says into one result. Its
// chains have the names that they have now.
func merge(side *side, cfg *compare.Config, was *past, short *cutShort) *flows.Result {
	now, names := side.result, renamedChains(cfg)
	if n, unknown := asBefore(side, was.found, names); n+unknown > 0 {
		now.Warnings = append(now.Warnings, fmt.Sprintf("%s and %s of the flow are no change: the recording's chains have them as well, as verify tells",
			count(n, "finding"), count(unknown, "unknown")))
	}
	alias(cfg.Was, cfg.Now, cfg.Renamed)
	if cfg.Again != nil {
		alias(cfg.Was, cfg.Again, cfg.AgainRenamed)
	}
	cfg.Unsure = short.unsure
	diff := compare.Diff(*cfg)
	r := now
	if cfg.Steps != nil { // what comes before them was not sent
		r.Findings = slices.DeleteFunc(r.Findings, func(f flows.Finding) bool { return f.Kind == flows.Missing })
		r.Unknowns = slices.DeleteFunc(r.Unknowns, func(u flows.Unknown) bool { return u.Chain != "" })
	}
	for _, f := range diff.Findings {
		if name, ok := names[f.Chain]; ok && name != f.Chain {
			ids := map[string]string{"recorded": f.Chain}
			for _, id := range cfg.Flow.IDs {
				if v, ok := f.IDs[id.Name]; ok {
					ids[id.Name] = cfg.Renamed(v)
				}
			}
			f.Chain, f.IDs = name, ids
		}
		r.Findings = append(r.Findings, f)
	}
	short.mend(r, names)
	before := map[string][]flows.Moment{}
	for was, moments := range diff.Compared.Before {
		before[names[was]] = moments
		r.Timelines[names[was]] = diff.Timelines[was]
	}
	diff.Compared.Before = before
	for _, u := range diff.Unknowns {
		if u.Chain == "" && len(now.Unknowns) == 0 {
			r.Unknowns = append(r.Unknowns, u)
		}
	}
	r.Compared, r.Mode = diff.Compared, "replay"
	r.Warnings = append(r.Warnings, diff.Warnings...)
	return r
}

// renamedChains are the names that the recording's chains have now.
func renamedChains(cfg *compare.Config) map[string]string {
	names := map[string]string{}
	for i := range cfg.Was.Chains() {
		was := cfg.Was.Chains()[i].Name
		names[was] = cfg.Renamed(was)
	}
	return names
}

// alias has what ids are made of stand for the same on both sides, since it was
// rewritten, too, wherever it stood.
func alias(was, now *compare.Set, renamed compare.Renamed) {
	byName := map[string]*compare.Chain{}
	for i := range now.Chains() {
		byName[now.Chains()[i].Name] = &now.Chains()[i]
	}
	for i := range was.Chains() {
		w := &was.Chains()[i]
		n := byName[renamed(w.Name)]
		for _, id := range w.IDs {
			for _, part := range replay.Parts(id.Value) {
				if as := fmt.Sprintf("part %d", len(w.Aliases)); n != nil {
					w.Aliases = append(w.Aliases, compare.Alias{Value: part, As: as})
					n.Aliases = append(n.Aliases, compare.Alias{Value: renamed(part), As: as})
				}
			}
		}
	}
}

// settleCounts counts the chains by their worst word.
func settleCounts(r *flows.Result) {
	bad, open := map[string]bool{}, map[string]bool{}
	for _, f := range r.Findings {
		bad[f.Chain] = f.Chain != ""
	}
	for _, u := range r.Unknowns {
		open[u.Chain] = u.Chain != "" && !bad[u.Chain]
	}
	n := func(of map[string]bool) (n int) {
		for _, is := range of {
			if is {
				n++
			}
		}
		return n
	}
	r.Chains.Fail, r.Chains.Unknown = n(bad), n(open)
	r.Chains.Total = max(r.Chains.Total, r.Chains.Fail+r.Chains.Unknown)
	r.Chains.Pass = r.Chains.Total - r.Chains.Fail - r.Chains.Unknown
	r.Conclude()
}

// effects are what the second sending of the same messages set off.
func (e *exercise) effects(once, twice *side) []flows.Finding {
	diff := compare.Diff(compare.Config{
		Flow: e.flow, Was: once.set, Now: twice.set, Renamed: func(v string) string { return v }, Steps: e.planner.Steps(),
	})
	var all []flows.Finding
	for _, f := range diff.Findings {
		if f.Kind != flows.Changed || strings.HasPrefix(f.Text, "the order") {
			continue
		}
		f.Kind = flows.NotIdempotent
		f.Text = "sent once more, it had an effect: " + f.Text
		all = append(all, f)
	}
	return all
}

// sendings recognises, once each, the messages that are sent once more: they are
// no doing of the system's.
type sendings map[uint64]int

func (e *exercise) sendings(which func(*replay.Shipment) bool) sendings {
	own := sendings{}
	for i := range e.plan.Shipments {
		s := &e.plan.Shipments[i]
		if !which(s) {
			continue
		}
		o := &message.Observation{Message: s.Message, Channel: e.flow.Channels[s.Channel].Name}
		own[e.flow.Masked(o).Fingerprint()]++
	}
	return own
}

func (s sendings) is(o *message.Observation) bool {
	k := o.Fingerprint()
	if s[k] == 0 {
		return false
	}
	s[k]--
	return true
}
