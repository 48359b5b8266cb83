package oracle

import (
	"slices"
)

// end finds the outcome that the chain has: the first in reach of which it lacks
// nothing (rule 11). -1: none.
func (j *judged) end() int {
	for o := range j.reach {
		if j.reach[o] && !slices.ContainsFunc(j.members(o), j.lacks) {
			return o
		}
	}
	return -1
}

// judgeEnd judges the finished chain, or what it lacks (rules 11, 20 to 22).
func (j *judged) judgeEnd() {
	if j.outcome >= 0 {
		for _, check := range j.flow.outcomes()[j.outcome].Checks {
			switch j.holds(check, nil) {
			case fails:
				j.find("mismatch", -1)
			case notKnown:
				j.unknown()
			}
		}
		return
	}
	first := slices.Index(j.reach, true)
	for o := range j.reach {
		if j.reach[o] && !j.hopeless(o) {
			return
		}
	}
	for _, s := range j.members(first) {
		if j.lacks(s) {
			j.tell(first, s)
		}
	}
}

// members are the steps that count for an outcome: those that it lists, and
// those that any may have.
func (j *judged) members(outcome int) []int {
	members := slices.Clone(j.flow.outcomes()[outcome].Steps)
	for s := range j.steps {
		if j.steps[s].free {
			members = append(members, s)
		}
	}
	return members
}

// tell tells of a step that is needed.
func (j *judged) tell(outcome, s int) {
	l := j.lack(outcome, s)
	switch {
	case !l.proven:
		j.blame(l)
	case j.steps[s].bad:
		j.find("mismatch", s)
	default:
		j.called("unseen", true, "missing", s)
	}
}

// blame tells that something is not known, and why.
func (j *judged) blame(l lack) {
	j.unknown()
	for _, g := range l.gaps {
		g.touched = true
	}
}

// hopeless reports whether the outcome can come about no more. Where it still
// can, the first reason is told.
func (j *judged) hopeless(outcome int) bool {
	var reason *lack
	for _, s := range j.members(outcome) {
		if !j.lacks(s) {
			continue
		}
		l := j.lack(outcome, s)
		if l.proven {
			return true
		}
		if reason == nil {
			reason = &l
		}
	}
	j.blame(*reason)
	return false
}

// lack is what there is to say of an absent step.
type lack struct {
	proven bool
	gaps   []*gap // that made it unknown
}

// lack judges a step that the outcome needs.
func (j *judged) lack(outcome, s int) lack {
	step := &j.flow.Steps[s]
	members := j.members(outcome)
	if cause := j.cause(s, func(a int) bool { return slices.Contains(members, a) }); cause >= 0 {
		return j.lack(outcome, cause)
	}
	if j.steps[s].bad {
		return lack{proven: true}
	}
	b := j.base(s)
	until, arrival := j.arrival(&b), true
	for _, m := range b.msgs {
		until = max(until, m.time)
	}
	if j.w.timed(step.Channel) && b.time() != None {
		until, arrival = b.time(), false
	}
	until += b.limit
	if gaps := j.w.lossesIn(step.Channel, j.earliest(outcome, s), until); len(gaps) > 0 {
		return lack{gaps: gaps}
	}
	if j.beforeTap(outcome, s) {
		return lack{}
	}
	if j.forgotten(outcome, s) {
		return lack{}
	}
	verify := j.w.run.Mode != "shadow" && j.w.end != None
	return lack{proven: j.w.readPast(step.Channel, until, arrival) || b.open && verify}
}

// earliest is when the step may have come at the earliest.
func (j *judged) earliest(outcome, s int) int64 {
	from := int64(None)
	for _, a := range j.flow.Steps[s].After {
		if last := j.last(a); last != nil {
			from = max(from, last.at())
		}
	}
	if from != None {
		return from
	}
	if r := j.backwards(outcome, s); r.bounded {
		return r.from
	}
	from = j.first().at()
	for _, m := range j.order {
		if m.step >= 0 {
			from = min(from, m.Seen)
		}
	}
	return from - j.flow.timeout()
}

// beforeTap reports whether the step could have come before the tap began
// (rule 21).
func (j *judged) beforeTap(outcome, s int) bool {
	for _, a := range j.flow.Steps[s].After {
		if j.last(a) != nil {
			return false
		}
	}
	r := j.backwards(outcome, s)
	return j.w.start != None && r.seen && (!r.bounded || r.from < j.w.start)
}

// remember is how long a chain is remembered that nothing comes to.
const remember = 3600 * second

// forgotten reports whether the step could have come so long before those that
// follow it that it is forgotten: nothing says that it did not, or each message may
// be a copy of one that is forgotten as well.
func (j *judged) forgotten(outcome, s int) bool {
	first := j.order[0].Seen
	original := false
	for _, m := range j.order {
		if m.step >= 0 {
			first = min(first, m.Seen)
			original = original || !m.copied && m.ch.Redeliveries == ""
		}
	}
	if j.w.start == None || first-remember <= j.w.start {
		return false
	}
	for _, a := range j.flow.Steps[s].After {
		if j.last(a) != nil {
			return false
		}
	}
	r := j.backwards(outcome, s)
	return r.seen && (!original || !r.bounded || r.from < first-remember)
}

// bound says how early a step may have been, by those after it.
type bound struct {
	seen    bool // one of those after it came
	bounded bool
	from    int64
}

// backwards: a successor that came at t within d of the step says that the step
// did not come before t-d. Of several such words each holds.
func (j *judged) backwards(outcome, s int) bound {
	var all bound
	for t := range j.flow.Steps {
		if !slices.Contains(j.flow.Steps[t].After, s) {
			continue
		}
		one := bound{}
		if came := j.kept(t); len(came) > 0 {
			one = bound{seen: true, bounded: true, from: came[0].at()}
		} else if !j.flow.Steps[t].Optional && slices.Contains(j.members(outcome), t) {
			one = j.backwards(outcome, t)
		}
		limit, ok := j.before1(t, s, one.from)
		one.bounded = one.bounded && ok
		one.from -= limit
		all.seen = all.seen || one.seen
		if one.bounded && (!all.bounded || one.from > all.from) {
			all.bounded, all.from = true, one.from
		}
	}
	return all
}

// before1 is how long before t, which came at the instant, s was at most; false
// where nothing bounds it.
func (j *judged) before1(t, s int, at int64) (int64, bool) {
	step, timeout := &j.flow.Steps[t], j.flow.timeout()
	if step.Within == 0 {
		fixed := !step.Optional && j.steps[t].min == j.steps[t].max
		return timeout, fixed
	}
	limit := int64(step.Within)
	for _, a := range step.After {
		if a == s {
			continue
		}
		// The deadline counts from the last of several: another may be that.
		if last := j.last(a); last != nil && last.at() >= at-limit || last == nil && j.lacks(a) {
			return max(limit, timeout), true
		}
	}
	return limit, true
}

// span is what the chain adds to a latency rule.
func (j *judged) span(r *Rule) []int64 {
	from, to := j.kept(r.From), j.last(r.To)
	if len(from) == 0 || to == nil {
		return nil
	}
	if from[0].time != None && to.time != None {
		return []int64{to.time - from[0].time}
	}
	return []int64{to.Seen - from[0].Seen}
}
