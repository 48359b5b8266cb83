package flows

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// reportProbes gives each probe of a scenario its verdict. own is the scenario's
// run with the id; its result has its verdict already.
func (a *Audit) reportProbes(own *scenarioRun, r *ScenarioResult) {
	p := probeReport{audit: a, own: own, scenario: r}
	p.gather()
	var asked []string
	if own.mark.Probe != nil {
		asked = own.mark.Probe.Kinds
	}
	for _, name := range ProbeNames() {
		off := -1
		if own.scenario != nil {
			off = slices.IndexFunc(own.scenario.Probes, func(p Probe) bool { return p.Name == name && p.Off })
		}
		switch {
		case slices.Contains(asked, name):
			r.Probes = append(r.Probes, p.judge(name))
		case off >= 0:
			r.Probes = append(r.Probes, ProbeResult{Name: name, Off: true, Reason: own.scenario.Probes[off].Reason})
		}
	}
}

// probeReport makes the verdicts of one scenario's probes.
type probeReport struct {
	audit    *Audit
	own      *scenarioRun
	scenario *ScenarioResult
	norm     *norm
	tries    []*attempt
	doubt    string // why nothing can be compared with the scenario; "" where it can
}

// gather finds the tries of the scenario, and learns what its plain runs have in
// common.
func (p *probeReport) gather() {
	id := p.own.mark.ID
	own := p.audit.attempts[id]
	if own == nil {
		return
	}
	runs := [][]effect{own.effects}
	p.doubt = own.doubt()
	if p.doubt == "" && p.scenario.State != Pass {
		p.doubt = "the scenario itself does not pass"
	}
	again, why := 0, "it was not run again"
	for _, t := range p.audit.tries {
		if t.probe.Of != id {
			continue
		}
		if !t.plain() {
			p.tries = append(p.tries, t)
			continue
		}
		again++
		if why = t.doubt(); why == "" {
			runs = append(runs, t.effects)
		}
	}
	if p.doubt == "" && len(runs) < 2 {
		p.doubt = "what varies by itself could not be learnt from a second run of the scenario: " + why
	}
	if p.doubt == "" {
		p.norm = learn(p.audit.flow, runs)
	}
}

// judge gives one probe its verdict.
func (p *probeReport) judge(name string) ProbeResult {
	r := ProbeResult{Name: name}
	for _, skip := range p.audit.skips {
		if skip.Of == p.own.mark.ID && skip.Kind == name {
			r.State, r.Reason = NotKnown, skip.Reason
			p.unknown("", name, skip.Reason)
		}
	}
	for _, t := range p.tries {
		if t.probe.Kind == name {
			one := p.try(t)
			if t.again() && one.State == Pass {
				continue // it did nothing; the one that follows has its name
			}
			r.State = max(r.State, one.State)
			r.Tries = append(r.Tries, one)
		}
	}
	if len(r.Tries) == 0 && r.Reason == "" {
		r.State, r.Reason = NotKnown, cmp.Or(p.doubt, "it was not tried")
		p.unknown("", name, r.Reason)
	}
	if p.norm != nil && len(r.Tries) > 0 {
		r.Noise = p.norm.noise()
	}
	return r
}

// unknown notes why a probe says nothing.
func (p *probeReport) unknown(chain, label, reason string) {
	p.audit.result.Unknowns = append(p.audit.result.Unknowns, Unknown{
		Chain: cmp.Or(chain, p.audit.mainID(p.own.mark.IDs)), Probe: label,
		Reason: fmt.Sprintf("probe %s of %q: %s", label, p.own.label(), reason),
	})
}

// try judges one try: by what the flow says of its chains, and by its effects.
func (p *probeReport) try(t *attempt) TryResult {
	r := TryResult{Name: t.probe.Try, Did: t.did}
	var names []string
	for _, s := range t.runs {
		if s.found && !slices.Contains(names, s.chain) {
			names = append(names, s.chain)
		}
	}
	r.Chains = names
	var found []Finding
	doubt := cmp.Or(t.doubt(), p.doubt)
	switch {
	case t.again(): // what the flow says of its chains is true all the same
		doubt = ""
	case doubt == "":
		found, doubt = p.judgeTry(t)
	}
	kinds := p.settle(t, names, found)
	for _, f := range found { // that of a broken trigger is no run's
		if !slices.Contains(r.Chains, f.Chain) {
			r.Chains = append(r.Chains, f.Chain)
		}
	}
	switch {
	case len(kinds) > 0:
		r.State, r.Text = Fail, strings.Join(kinds, "; ")
	case doubt != "":
		r.State, r.Text = NotKnown, doubt
		chain := ""
		if len(names) > 0 {
			chain = names[0]
		}
		p.unknown(chain, t.label(), doubt)
	default:
		r.Text = t.wentWell()
	}
	return r
}

// judgeTry judges what the flow itself cannot see.
func (p *probeReport) judgeTry(t *attempt) (found []Finding, doubt string) {
	switch t.probe.Kind {
	case "reorder":
		return nil, ""
	case "replay":
		return p.judgeReplay(t)
	case "poison":
		found, doubt = p.judgePoison(t)
	}
	return append(p.differences(t), found...), doubt
}

// wentWell says of a try that passes what came of it.
func (t *attempt) wentWell() string {
	switch t.probe.Kind {
	case "reorder":
		return "the flow's rules hold"
	case "replay":
		return "it reached its outcome, and nothing came twice"
	case "poison":
		return "it was dead-lettered once, as it was, or handled to the end; the good ones came through"
	default:
		return fmt.Sprintf("no effect more than the %s of the scenario itself", count(len(t.effects), "message"))
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// settle puts the findings of a try into the result: what the flow found in its
// chains is the probe's too, and what the comparison says better is not said
// twice. It returns what was found, a text each.
func (p *probeReport) settle(t *attempt, chains []string, found []Finding) []string {
	a := p.audit
	var texts []string
	tell := func(f *Finding) {
		if text := string(f.Kind) + ": " + f.Text; !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	said := func(f *Finding) bool {
		switch f.Kind {
		case Duplicate, Unexpected, DeadLettered, Conflict:
		default:
			return false
		}
		return f.Rule == "" && slices.ContainsFunc(found, func(n Finding) bool { return n.firstEvidence() == f.firstEvidence() })
	}
	kept := a.result.Findings[:0]
	for i := range a.result.Findings {
		f := a.result.Findings[i]
		if f.Chain == "" || !slices.Contains(chains, f.Chain) {
			kept = append(kept, f)
			continue
		}
		if said(&f) || p.excused(t, &f) {
			continue
		}
		f.Probe = t.label()
		t.asReplay(&f)
		tell(&f)
		kept = append(kept, f)
	}
	found = slices.DeleteFunc(found, func(f Finding) bool {
		return f.Kind == Missing && slices.ContainsFunc(kept, func(k Finding) bool { return k.Kind == Missing && k.Chain == f.Chain && k.Step == f.Step })
	})
	a.result.Findings = append(kept, found...)
	for i := range found {
		tell(&found[i])
	}
	return texts
}

// excused reports whether what the flow found is what the probe asks for: another
// content may be refused to a dead-letter channel, and the order of the triggers is
// the probe's own.
func (p *probeReport) excused(t *attempt, f *Finding) bool {
	a := p.audit
	switch t.probe.Kind {
	case "conflict":
		at, ok := a.intake.channels[f.firstEvidence().Channel]
		return ok && (f.Kind == DeadLettered || f.Kind == Unexpected) && a.flow.Channels[at].DeadLetters != nil
	case "replay":
		return f.Kind == Missing && t.parkedAgain() && !t.healed()
	case "reorder":
		return f.Kind == OutOfOrder && !slices.ContainsFunc(f.Evidence, func(e Evidence) bool { return !a.ours[e] })
	default:
		return false
	}
}

// firstEvidence is the first message that the finding rests on; zero for none.
func (f *Finding) firstEvidence() Evidence {
	if len(f.Evidence) == 0 {
		return Evidence{}
	}
	return f.Evidence[0]
}

// differences are the findings of the comparison.
func (p *probeReport) differences(t *attempt) []Finding {
	var found []Finding
	for _, d := range p.norm.compare(t.effects) {
		if f, ok := p.difference(t, &d); ok {
			found = append(found, f)
		}
	}
	return found
}

// difference tells of an effect that the scenario itself does not have.
func (p *probeReport) difference(t *attempt, d *difference) (Finding, bool) {
	f := Finding{
		Kind: NotIdempotent, Chain: d.chain, IDs: d.ids, Step: d.step, Probe: t.label(), Evidence: []Evidence{d.place},
		Expected: fmt.Sprintf("%s %s, as in the scenario itself", d.group, times(d.most)),
		Actual:   times(d.count),
	}
	did := t.summary()
	disturbed := t.disturbs()
	switch {
	case d.fewer && disturbed:
		f.Kind, f.Evidence = Missing, nil
		f.Chain, f.IDs = t.runs[0].chain, t.runs[0].mark.IDs
		f.Text = fmt.Sprintf("%s, and %s came %s instead of %s", did, d.group, times(d.count), times(d.most))
		return f, true
	case d.fewer, d.dead && t.probe.Kind == "conflict":
		return f, false
	case d.surplus && disturbed:
		f.Kind = Duplicate
		f.Text = fmt.Sprintf("%s, and %s came %s instead of %s", did, d.group, times(d.count), times(d.most))
	case d.surplus:
		f.Text = fmt.Sprintf("%s, and %s came %s instead of %s", did, d.group, times(d.count), times(d.most))
	default:
		f.Expected, f.Actual = "as in the scenario itself", d.changed
		f.Text = fmt.Sprintf("%s, and %s differs: %s", did, d.group, d.changed)
	}
	return f, true
}

// summary says what was done.
func (t *attempt) summary() string {
	var all []string
	for _, d := range t.did {
		if !slices.Contains(all, d.What) {
			all = append(all, d.What)
		}
	}
	return strings.Join(all, ", ")
}
