package flows

import (
	"fmt"
	"slices"

	"github.com/flowcheck/flowcheck/correlate"
)

// end finds the outcome that the chain has, -1 for none.
func (j *judge) end() int {
	if j.want >= 0 && j.reach&(1<<j.want) != 0 && j.complete(j.want) {
		return j.want
	}
	for i := range j.flow.Outcomes {
		if j.reach&(1<<i) != 0 && j.complete(i) {
			return i
		}
	}
	return -1
}

// judgeEnd judges the finished chain, or what it lacks.
func (j *judge) judgeEnd() {
	if j.chain.Full {
		j.unknown("the chain has more messages than are kept")
	}
	switch {
	case j.verdict.Outcome >= 0:
		for _, check := range j.flow.Outcomes[j.verdict.Outcome].checks {
			j.judgeCheck(check, "", nil)
		}
	case !j.chain.Full:
		j.judgeLacks()
	}
}

// complete reports whether the chain has all that the outcome needs.
func (j *judge) complete(outcome int) bool {
	return !slices.ContainsFunc(j.flow.Outcomes[outcome].members, j.needs)
}

// needs reports whether the chain still needs messages of the step, if it needs
// the step at all.
func (j *judge) needs(s int) bool {
	o := &j.steps[s]
	n := len(o.came())
	if n == 0 && j.flow.Steps[s].Optional {
		return false
	}
	return n < o.min || o.bad && n == 0
}

// lack says whether an absent step is proven to be missing.
type lack struct {
	missing bool
	reason  string // why it is not known
	gaps    []gapRef
}

// judgeLacks judges a chain that has no outcome: what is missing is told only
// if no outcome in reach may still come about.
func (j *judge) judgeLacks() {
	first := -1
	for i := range j.flow.Outcomes {
		if j.reach&(1<<i) == 0 {
			continue
		}
		if hopeless, l := j.hopeless(i); !hopeless {
			j.blame(l)
			return
		}
		if first < 0 {
			first = i
		}
	}
	for _, s := range j.flow.Outcomes[first].members {
		if !j.needs(s) {
			continue
		}
		switch l := j.lack(first, s); {
		case !l.missing:
			j.blame(l)
		case j.steps[s].bad:
			j.badCount(s)
		default:
			j.missing(s, first)
		}
	}
}

// blame tells why something is not known.
func (j *judge) blame(l lack) {
	j.unknown(l.reason)
	j.gaps = append(j.gaps, l.gaps...)
}

// hopeless reports whether a step that the outcome needs is proven missing;
// where none is, the first that is not known tells why.
func (j *judge) hopeless(outcome int) (bool, lack) {
	var unknown lack
	for _, s := range j.flow.Outcomes[outcome].members {
		if !j.needs(s) {
			continue
		}
		l := j.lack(outcome, s)
		if l.missing {
			return true, l
		}
		if unknown.reason == "" {
			unknown = l
		}
	}
	return false, unknown
}

// lack judges a step that the outcome needs.
func (j *judge) lack(outcome, s int) lack {
	step := &j.flow.Steps[s]
	if before := j.cause(1<<outcome, step); before >= 0 {
		return j.lack(outcome, before)
	}
	if j.steps[s].bad {
		return lack{missing: true}
	}
	b := j.base(step)
	b.limit += j.grace
	until, arrival := max(b.seen, b.time).Add(b.limit), true
	if j.horizon.Channels[step.Channel].Timed && b.time.Known() {
		until, arrival = b.time.Add(b.limit), false
	}
	past := j.backwards(outcome, s)
	gaps := j.horizon.LossesIn(step.Channel, j.earliest(step, past), until)
	read := b.open && j.horizon.EndDecides && j.horizon.End.Known() || j.horizon.ReadPast(step.Channel, until, arrival)
	if !read { // whatever else may have become of it, it may still come
		j.verdict.awaits(until, step.Channel, arrival)
	}
	switch {
	case gaps != nil:
		return j.lost(step, gaps)
	case j.unseen(step, past):
		return lack{reason: step.Name + " may have come before the tap began"}
	case j.forgotten(step, past):
		return lack{reason: step.Name + " may have come so long before that it is forgotten"}
	case j.chain.Remnant:
		return lack{reason: step.Name + " may be in a part of the chain that was closed early"}
	case read:
		return lack{missing: true}
	}
	return lack{reason: step.Name + " may still come: its channel has not been read past the deadline"}
}

// awaits notes that the verdict may change until the channel has been read past the
// instant.
func (v *Verdict) awaits(until correlate.Instant, channel int, arrival bool) {
	if !v.Due.Known() || until < v.Due {
		v.Due, v.dueOn, v.dueArrival = until, channel, arrival
	}
}

// cause is the absent step on which what there is to say of the step hangs, -1 for
// none: one before it that the outcomes need, or on which the count of one hangs.
func (j *judge) cause(outcomes uint64, step *Step) int {
	in := func(s int) bool { return j.flow.Steps[s].fits || j.flow.Steps[s].outcomes&outcomes != 0 }
	for _, a := range step.After {
		if !in(a) {
			continue
		}
		for ; a >= 0; a = j.steps[a].hangs {
			if in(a) && j.needs(a) {
				return a
			}
		}
	}
	return -1
}

// lost tells that the absent step may have been lost in the gaps.
func (j *judge) lost(step *Step, gaps []int) lack {
	l := lack{reason: fmt.Sprintf("%s may have been lost: %s", step.Name, j.horizon.Channels[step.Channel].Gaps[gaps[0]].Reason)}
	for _, i := range gaps {
		l.gaps = append(l.gaps, gapRef{step.Channel, i})
	}
	return l
}

// earliest is the instant from which the step may have come.
func (j *judge) earliest(step *Step, past bound) correlate.Instant {
	from := correlate.Never
	for _, a := range step.After {
		if last := j.steps[a].last(); last != nil {
			from = max(from, last.At())
		}
	}
	switch {
	case from.Known():
		return from
	case past.from.Known():
		return past.from
	default:
		return min(j.first.seen, j.first.at).Add(-j.flow.Timeout)
	}
}

// followed reports whether a step before this one came.
func (j *judge) followed(step *Step) bool {
	return slices.ContainsFunc(step.After, func(a int) bool { return j.steps[a].last() != nil })
}

// unseen reports whether the absent step could have come before the tap began:
// nothing that it follows was seen, something that follows it was, and nothing
// says that the step came later than the tap.
func (j *judge) unseen(step *Step, past bound) bool {
	began := j.horizon.Began()
	return began.Known() && past.seen && !j.followed(step) && past.from < began
}

// forgotten reports whether the absent step could have come so long before those
// that follow it that a chain of that time has been forgotten: nothing says that it
// came later, or all that came may be copies of what is forgotten.
func (j *judge) forgotten(step *Step, past bound) bool {
	from := j.first.seen.Add(-j.flow.Remember)
	if began := j.horizon.Began(); !began.Known() || from <= began || !past.seen || j.followed(step) {
		return false
	}
	return past.from < from || !slices.ContainsFunc(j.order, func(e *correlate.Entry) bool {
		return e.Step != correlate.NoStep && !e.Copy && j.flow.Channels[e.Channel].Redeliveries == RedeliveriesJudged
	})
}

// bound says how early an absent step may have been, by the steps after it.
type bound struct {
	seen bool // one of those came
	from correlate.Instant
}

// backwards finds the bound of an absent step: one that follows it within a
// deadline says that it did not come before its time less that deadline. Of
// several such words each holds. Never: nothing says it.
func (j *judge) backwards(outcome, s int) bound {
	all := bound{from: correlate.Never}
	for t := range j.flow.Steps {
		step, o := &j.flow.Steps[t], &j.steps[t]
		if !slices.Contains(step.After, s) {
			continue
		}
		one := bound{from: correlate.Never}
		if o.last() != nil {
			one = bound{true, o.all[0].At()}
		} else if !step.Optional && slices.Contains(j.flow.Outcomes[outcome].members, t) {
			one = j.backwards(outcome, t)
		}
		all.seen = all.seen || one.seen
		all.from = max(all.from, j.reaches(t, s, one.from))
	}
	return all
}

// reaches is how far back from t, which came at the instant, s was at most; Never
// where nothing bounds it.
func (j *judge) reaches(t, s int, at correlate.Instant) correlate.Instant {
	step := &j.flow.Steps[t]
	if step.Within == 0 {
		if step.Optional || j.steps[t].min != j.steps[t].max {
			return correlate.Never
		}
		return at.Add(-j.flow.Timeout)
	}
	from := at.Add(-step.Within)
	for _, a := range step.After {
		if a == s {
			continue
		}
		// The deadline counts from the last of several, which need not be s.
		if last := j.steps[a].last(); last != nil && last.At() >= from || last == nil && j.needs(a) {
			return min(from, at.Add(-j.flow.Timeout))
		}
	}
	return from
}

func (j *judge) missing(s, outcome int) {
	step := &j.flow.Steps[s]
	came := len(j.steps[s].all)
	f := Finding{
		Kind: Missing, Step: step.Name,
		Text:   step.Name + " did not come",
		Actual: times(came),
	}
	if came > 0 {
		f.Text = fmt.Sprintf("%s came %s instead of %s", step.Name, times(came), j.wanted(s))
	}
	f.Expected = j.wanted(s)
	if step.Within > 0 && len(step.After) > 0 {
		f.Expected += ", within " + spell(step.Within) + " of " + j.afterNames(step)
	}
	if name := j.flow.Outcomes[outcome].Name; name != "" {
		f.Expected += ", for the outcome " + name
	}
	f.call(Unseen, weakerNoAck)
	j.find(f)
}

// wanted says how often the step must come.
func (j *judge) wanted(s int) string {
	o := &j.steps[s]
	if o.max != o.min {
		return "at least " + times(o.min)
	}
	return times(o.min)
}

func (j *judge) afterNames(step *Step) string {
	text := ""
	for i, a := range step.After {
		if i > 0 {
			text += " and "
		}
		text += j.flow.Steps[a].Name
	}
	return text
}
