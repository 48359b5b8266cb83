package flows

import (
	"fmt"
	"slices"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/payload"
)

// perDefault is the one key of a rule without `per`.
var perDefault = payload.OfString("all")

// done judges a chain that the engine is to let go of. One that waits for a step
// whose channel has not been read far enough is to be kept: a tap may be slow.
func (a *Audit) done(c *correlate.Chain, early bool) (keep bool) {
	c.Remnant = c.Remnant || early
	mine := a.scenariosOf(c.IDs)
	a.notePoison(c)
	if a.cfg.OwnOnly && len(mine) == 0 {
		a.read.released(c)
		a.placed(c)
		return false
	}
	whole := c
	c, own := a.parted(whole, attemptsOf(mine))
	v := a.verdict(c, mine)
	if v.Due.Known() && !early && !a.closing {
		return true
	}
	a.read.released(whole)
	if early || len(mine) > 0 {
		a.flow.name(c, &v)
	}
	if early {
		v.Unknowns = append(v.Unknowns, fmt.Sprintf("more than %d chains were open: this one was closed early", a.engine.Len()-1))
	}
	a.placed(c)
	a.observeSpans(mine)
	for _, s := range mine {
		s.judge(a, &v)
	}
	a.concludeChain(whole, &v, mine, own)
	for _, g := range a.judge.gaps {
		a.touched[g] = true
	}
	a.count(c, &v)
	a.timelineOfOwn(whole, &v, own)
	return false
}

// placed notes the strays of a chain: they are told of in it.
func (a *Audit) placed(c *correlate.Chain) {
	for i := range c.Entries {
		if e := &c.Entries[i]; e.Detail != nil && e.Detail.Stray != correlate.NotStray {
			a.strays[e.Seq] = true
		}
	}
}

// observeSpans has the rules of latency see the chain that was just judged; not one
// that a probe disturbs.
func (a *Audit) observeSpans(mine []*scenarioRun) {
	if a.cfg.Grace > 0 || slices.ContainsFunc(mine, func(s *scenarioRun) bool { return s.attempt != nil && !s.attempt.plain() }) {
		return
	}
	for _, l := range a.spans {
		l.observe(&a.judge)
	}
}

// verdict judges a chain, given the scenarios that it is of: an outcome that
// they ask for goes before another that the chain has as well.
func (a *Audit) verdict(c *correlate.Chain, mine []*scenarioRun) Verdict {
	a.judge.want, a.judge.grace = -1, a.cfg.Grace
	for _, s := range mine {
		a.judge.want = slices.IndexFunc(a.flow.Outcomes, func(o Outcome) bool { return o.Name == s.mark.Outcome })
		if s.attempt != nil {
			a.judge.grace = max(a.judge.grace, s.attempt.probe.Grace)
		}
	}
	return a.judge.judge(c, a.horizon)
}

// count adds a chain's verdict to the result.
func (a *Audit) count(c *correlate.Chain, v *Verdict) {
	if a.cfg.Judged != nil {
		a.cfg.Judged(Judged{Chain: c, Verdict: v, Entries: a.judge.order})
	}
	a.spread()
	r := &a.result
	r.Chains.Total++
	r.Undecided += v.Undecided
	r.Redelivered += v.Redelivered
	r.Retried += v.Retried
	if v.Outcome >= 0 {
		r.Chains.Outcomes[a.flow.outcomeName(v.Outcome)]++
	}
	switch v.State() {
	case Pass:
		r.Chains.Pass++
		return
	case Fail:
		r.Chains.Fail++
	case NotKnown:
		r.Chains.Unknown++
	}
	r.Findings = append(r.Findings, v.Findings...)
	for _, reason := range v.Unknowns {
		r.Unknowns = append(r.Unknowns, Unknown{Chain: v.Chain, Reason: reason})
	}
	a.timeline(c, v)
	for _, f := range v.Findings {
		if f.Kind == Missing {
			a.nearby.explain(a, c, f)
		}
	}
}

// timeline keeps the messages of a chain for the report.
func (a *Audit) timeline(c *correlate.Chain, v *Verdict) {
	if len(a.result.Timelines) >= maxTimelines {
		return
	}
	moments := make([]Moment, 0, len(a.judge.order))
	for _, e := range a.judge.order {
		m := Moment{
			Channel: a.flow.Channels[e.Channel].Name, Position: e.Position, Time: e.Time, Seen: e.Seen,
		}
		if e.Step != correlate.NoStep {
			m.Step = a.flow.Steps[e.Step].Name
		}
		m.Payload = a.payloadOf(e.Seq)
		if e.Copy {
			m.Note = "a retry or dead-letter copy"
		}
		moments = append(moments, m)
	}
	a.result.Timelines[v.Chain] = moments
}

// judgeLoose tells of strays that belong to no chain. A run leaves them alone, for
// they are not its scenarios', but for bodies that cannot be read: those may be.
func (a *Audit) judgeLoose() {
	if a.cfg.OwnOnly {
		a.doubtUnread()
		return
	}
	for e := range a.engine.Unplaced {
		if e.Detail != nil && e.Detail.Stray != correlate.NotStray && !a.strays[e.Seq] {
			a.loose = append(a.loose, *e)
		}
	}
	for i := range a.loose {
		e := &a.loose[i]
		ch := &a.flow.Channels[e.Channel]
		f := strayFinding(ch, e, []Evidence{{ch.Name, e.Position}})
		if e.Step != correlate.NoStep {
			f.Step = a.flow.Steps[e.Step].Name
		}
		a.result.Findings = append(a.result.Findings, f)
	}
}

// maxUnread bounds the unreadable bodies that a run tells one by one.
const maxUnread = 10

// doubtUnread says whose a body without ids may be that cannot be read: anybody's.
func (a *Audit) doubtUnread() {
	told := 0
	for i := range a.loose {
		e := &a.loose[i]
		if e.Detail.Stray != correlate.Malformed {
			continue
		}
		told++
		if told > maxUnread {
			continue
		}
		reason := fmt.Sprintf("%s; nobody can tell whose it is: %s %s", e.Detail.Text, a.flow.Channels[e.Channel].Name, e.Position)
		if e.Detail.Shown != "" {
			reason += ", " + e.Detail.Shown
		}
		a.result.Unknowns = append(a.result.Unknowns, Unknown{Reason: reason})
	}
	if told > maxUnread {
		a.result.Unknowns = append(a.result.Unknowns, Unknown{Reason: fmt.Sprintf("%d more bodies and keys that cannot be decoded", told-maxUnread)})
	}
}

// reportRules adds what the rules across chains found.
func (a *Audit) reportRules() {
	for _, t := range a.trackers {
		if t == nil {
			continue
		}
		findings, unknowns := t.report(a.horizon)
		for _, f := range findings {
			if !a.notOurs(&f.Finding) {
				continue
			}
			if c := f.place.chain; c != nil {
				f.Chain, f.IDs = a.flow.label(c.Current())
			}
			a.result.Findings = append(a.result.Findings, f.Finding)
		}
		a.result.Unknowns = append(a.result.Unknowns, unknowns...)
	}
	for i, l := range a.spans {
		if a.cfg.Excerpt != nil {
			a.result.Findings = append(a.result.Findings, a.cfg.Excerpt.slow(i, l)...)
			continue
		}
		findings, unknowns := l.report()
		a.result.Findings = append(a.result.Findings, findings...)
		a.result.Unknowns = append(a.result.Unknowns, unknowns...)
	}
}

// reportGaps tells of gaps that touched no chain.
func (a *Audit) reportGaps() {
	for i := range a.horizon.Channels {
		for g, gap := range a.horizon.Channels[i].Gaps {
			if !a.touched[gapRef{i, g}] {
				a.result.Unknowns = append(a.result.Unknowns, Unknown{Reason: gap.Reason})
			}
		}
	}
}

// warn tells of channels whose times say nothing, and of brokers that were not verified.
func (a *Audit) warn() {
	for i, n := range a.judge.sameTime {
		if n < 2 {
			continue
		}
		s := &a.flow.Steps[i]
		a.result.Warnings = append(a.result.Warnings, fmt.Sprintf(
			"%d messages of %s bear the very time of the message before them: a deadline on %s means nothing without `time: seen`",
			n, s.Name, a.flow.Channels[s.Channel].Name))
	}
	slices.Sort(a.result.Warnings)
	a.result.Warnings = append(a.flow.unverified(a.cfg.Mode), a.result.Warnings...)
}
