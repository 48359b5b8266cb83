package compare

import (
	"fmt"
	"slices"
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
)

// maxTimelines bounds the chains that are shown message by message, maxAlone the
// chains without their like that are told one by one.
const (
	maxTimelines = 100
	maxAlone     = 100
)

// result says what was found as an audit does.
func (d *diff) result() *flows.Result {
	f, p := d.cfg.Flow, d.pairing
	now := &flows.Compared{
		Was: d.cfg.WasName, Now: d.cfg.NowName, Pairs: len(p.Pairs), ByIDs: p.ByIDs, ByTrigger: p.ByTrigger, Changed: len(d.changed),
		OutcomesWas: map[string]int{}, OutcomesNow: map[string]int{}, Before: map[string][]flows.Moment{},
	}
	r := &flows.Result{
		Flow: f.Name, About: f.About, Mode: "diff", Compared: now, Timelines: map[string][]flows.Moment{},
		Chains: flows.ChainCounts{Total: len(p.Pairs) + len(p.OnlyWas) + len(p.OnlyNow), Outcomes: now.OutcomesNow},
	}
	for _, pair := range p.Pairs {
		now.OutcomesWas[pair.Was.Outcome]++
		now.OutcomesNow[pair.Now.Outcome]++
	}
	for i := range d.changed {
		one := &d.changed[i]
		for _, x := range one.all {
			r.Findings = append(r.Findings, Finding(f, one.pair.Was, x))
		}
		if i < maxTimelines {
			now.Before[one.pair.Was.Name] = one.pair.Was.Timeline(f)
			r.Timelines[one.pair.Was.Name] = one.pair.Now.Timeline(f)
		}
	}
	d.latencies(r)
	r.Chains.Fail = len(d.changed)
	r.Chains.Pass = len(p.Pairs) - r.Chains.Fail
	r.Chains.Unknown = len(p.OnlyWas) + len(p.OnlyNow)
	r.Unknowns = append(alone(p.OnlyWas, d.cfg.WasName), alone(p.OnlyNow, d.cfg.NowName)...)
	if len(p.Pairs) == 0 {
		r.Unknowns = append(r.Unknowns, flows.Unknown{Reason: "no chain has its like on the other side: nothing was compared"})
	}
	now.Noise = noises(d.ignored)
	for _, fresh := range p.Fresh {
		r.Warnings = append(r.Warnings, "chains were paired without "+fresh+", which has no value in common")
	}
	r.Conclude()
	return r
}

// alone tells of chains without their like.
func alone(all []*Chain, where string) []flows.Unknown {
	var unknowns []flows.Unknown
	for i, c := range all {
		if i == maxAlone {
			return append(unknowns, flows.Unknown{Reason: fmt.Sprintf("%d more chains are in %s only", len(all)-i, where)})
		}
		unknowns = append(unknowns, flows.Unknown{Chain: c.Name, Reason: "it is in " + where + " only: there is nothing to compare it with"})
	}
	return unknowns
}

func noises(ignored map[Ignored]int) []string {
	all := make([]string, 0, len(ignored))
	for k, n := range ignored {
		name := k.Step
		if k.Path != "" {
			name += " " + k.Path
		}
		all = append(all, fmt.Sprintf("%s: %s, %s", name, k.Why, times(n)))
	}
	slices.Sort(all)
	return all
}

// Finding is a difference as a finding of the chain that was.
func Finding(f *flows.Flow, was *Chain, x Difference) flows.Finding {
	place := x.Step
	if place == "" {
		place = x.Channel
	}
	out := flows.Finding{
		Kind: flows.Changed, Chain: was.Name, IDs: was.names(f), Step: x.Step, Evidence: x.Evidence,
		Expected: x.Was, Actual: x.Now,
	}
	switch x.What {
	case Outcome:
		out.Text = "the chain has another outcome"
	case Missing:
		out.Text = place + " came less often"
	case Extra:
		out.Text = place + " came more often"
	case Order:
		out.Text = "the order is another"
	case Content:
		out.Text = place + " has other content"
		for i, c := range x.Changes {
			if i > 0 {
				out.Expected += ", "
				out.Actual += ", "
			}
			out.Expected += c.Path + " = " + shown(c.Was)
			out.Actual += c.Path + " = " + shown(c.Now)
			out.Parts = append(out.Parts, flows.Part{Source: c.Path, Value: shown(c.Was) + " → " + shown(c.Now)})
		}
	}
	return out
}

// shown is a value in a report; one that is not there is "absent".
func shown(value string) string {
	const most = 200
	if value == "" {
		return "absent"
	}
	if r := []rune(value); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return value
}

// names are the chain's ids by name.
func (c *Chain) names(f *flows.Flow) map[string]string {
	ids := map[string]string{}
	for _, id := range c.IDs {
		name := f.IDs[id.Name].Name
		if have, ok := ids[name]; !ok || id.Value < have {
			ids[name] = id.Value
		}
	}
	return ids
}

// Timeline are the chain's messages for a report.
func (c *Chain) Timeline(f *flows.Flow) []flows.Moment {
	all := make([]flows.Moment, len(c.messages))
	for i := range c.messages {
		m := &c.messages[i]
		all[i] = flows.Moment{
			Channel: f.Channels[m.channel].Name, Position: c.set.position(m), Time: m.time, Seen: m.seen,
		}
		if m.step != correlate.NoStep {
			all[i].Step = f.Steps[m.step].Name
		}
	}
	return all
}

// latencies tells how long the steps took, and where that is too much.
func (d *diff) latencies(r *flows.Result) {
	kinds := make([]kind, 0, len(d.spans))
	for k := range d.spans {
		kinds = append(kinds, k)
	}
	slices.SortStableFunc(kinds, compareKinds)
	for _, k := range kinds {
		spans := d.spans[k]
		slices.Sort(spans[0])
		slices.Sort(spans[1])
		l := flows.StepLatency{Step: d.cfg.Flow.Steps[k.step].Name, Was: flows.QuantilesOf(spans[0]), Now: flows.QuantilesOf(spans[1])}
		if l.Was.Max == 0 && l.Now.Max == 0 {
			continue // the first of its chain
		}
		r.Compared.Latencies = append(r.Compared.Latencies, l)
		limit := time.Duration(float64(l.Was.P95) * d.cfg.Slower)
		if d.cfg.Slower > 0 && l.Was.N > 0 && l.Now.P95 > max(limit, l.Was.P95+d.cfg.Flow.Skew) {
			r.Findings = append(r.Findings, flows.Finding{
				Kind: flows.Changed, Step: l.Step, Text: fmt.Sprintf("%s takes longer: its p95 is %.1f times what it was", l.Step, float64(l.Now.P95)/float64(max(l.Was.P95, 1))),
				Expected: "p95 " + l.Was.P95.String(), Actual: "p95 " + l.Now.P95.String(),
			})
		}
	}
}
