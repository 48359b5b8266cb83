package flows

import (
	"fmt"

	"github.com/flowcheck/flowcheck/correlate"
)

// judgeEnd finds the outcome of the chain, or what it lacks.
func (j *judge) judgeEnd() {
	if j.chain.Full {
		j.unknown("the chain has more messages than are kept")
	}
	for i := range j.flow.Outcomes {
		if j.reach&(1<<i) != 0 && j.complete(i) {
			j.verdict.Outcome = i
			for _, check := range j.flow.Outcomes[i].checks {
				j.judgeCheck(check, "", nil)
			}
			return
		}
	}
	j.judgeLacks()
}

// complete reports whether the chain has all that the outcome needs.
func (j *judge) complete(outcome int) bool {
	some := false
	for _, s := range j.flow.Outcomes[outcome].Steps {
		o := &j.steps[s]
		if !o.out && len(o.all) > 0 {
			some = true
		}
		if j.needs(s) {
			return false
		}
	}
	return some
}

// needs reports whether the chain still needs messages of the step.
func (j *judge) needs(s int) bool {
	if j.flow.Steps[s].Optional && (len(j.steps[s].all) == 0 || j.steps[s].out) {
		return false
	}
	n := len(j.steps[s].all)
	if j.steps[s].out {
		n = 0
	}
	return n < j.steps[s].min
}

// lack says whether an absent step is proven to be missing.
type lack struct {
	missing bool
	reason  string // why it is not known
}

// judgeLacks judges a chain that has no outcome: what is missing is told only
// if no outcome in reach may still come about.
func (j *judge) judgeLacks() {
	first := -1
	for i := range j.flow.Outcomes {
		if j.reach&(1<<i) == 0 {
			continue
		}
		hopeless, reason := j.hopeless(i)
		if !hopeless {
			j.unknown(reason)
			return
		}
		if first < 0 {
			first = i
		}
	}
	if first < 0 {
		return
	}
	for _, s := range j.flow.Outcomes[first].Steps {
		if !j.needs(s) {
			continue
		}
		switch l := j.lack(s); {
		case l.missing:
			j.missing(s, first)
		case l.reason != "":
			j.unknown(l.reason)
		}
	}
}

// hopeless reports whether a step that the outcome needs is proven missing; the
// reason tells why none is.
func (j *judge) hopeless(outcome int) (bool, string) {
	reason := ""
	for _, s := range j.flow.Outcomes[outcome].Steps {
		if !j.needs(s) {
			continue
		}
		l := j.lack(s)
		if l.missing {
			return true, ""
		}
		if reason == "" {
			reason = l.reason
		}
	}
	return false, reason
}

// lack judges one absent step.
func (j *judge) lack(s int) lack {
	step := &j.flow.Steps[s]
	for _, a := range step.After {
		if j.needs(a) && a != s {
			return j.lack(a)
		}
	}
	until, arrival := j.deadline(step)
	from := j.earliest(s)
	if i, ok := j.horizon.LossIn(step.Channel, from, until); ok {
		j.gaps = append(j.gaps, gapRef{step.Channel, i})
		gap := j.horizon.Channels[step.Channel].Gaps[i]
		return lack{reason: fmt.Sprintf("%s may have been lost: %s", step.Name, gap.Reason)}
	}
	if j.before(s) {
		return lack{reason: step.Name + " may have come before the tap began"}
	}
	if j.horizon.ReadPast(step.Channel, until, arrival) {
		return lack{missing: true}
	}
	if step.Within == 0 && j.horizon.EndDecides && j.horizon.End.Known() {
		return lack{missing: true}
	}
	if !j.verdict.Due.Known() || until < j.verdict.Due {
		j.verdict.Due = until
	}
	return lack{reason: step.Name + " may still come: its channel has not been read past the deadline"}
}

// deadline is the instant until which the step may come, and whether that is
// told by arrival.
func (j *judge) deadline(step *Step) (until correlate.Instant, arrival bool) {
	b := j.base(step)
	limit := j.limit(step)
	if j.horizon.Channels[step.Channel].Timed && b.time.Known() {
		return b.time.Add(limit), false
	}
	return max(b.seen, b.time).Add(limit), true
}

// earliest is the instant from which the step may have come.
func (j *judge) earliest(s int) correlate.Instant {
	from := correlate.Never
	for _, a := range j.flow.Steps[s].After {
		if last := j.steps[a].last(); last != nil {
			from = max(from, last.At())
		}
	}
	if from.Known() {
		return from
	}
	if from = j.backwards(s); from.Known() {
		return from
	}
	return min(j.first.seen, j.firstTime()).Add(-j.flow.Timeout)
}

// firstTime is the chain's first broker time, else its first arrival.
func (j *judge) firstTime() correlate.Instant {
	if j.first.time.Known() {
		return j.first.time
	}
	return j.first.seen
}

// backwards is how early an absent step may have been, by the steps after it:
// the successor's time less its deadline. Never: no step that came bounds it.
func (j *judge) backwards(s int) correlate.Instant {
	earliest := correlate.Never
	for t := range j.flow.Steps {
		if !j.follows(t, s) {
			continue
		}
		at := correlate.Never
		if o := &j.steps[t]; o.last() != nil {
			at = o.all[0].At()
		} else if !j.flow.Steps[t].Optional {
			at = j.backwards(t)
		}
		limit := j.flow.Steps[t].Within
		if limit == 0 {
			limit = j.flow.Timeout
		}
		if at = at.Add(-limit); at.Known() && (!earliest.Known() || at < earliest) {
			earliest = at
		}
	}
	return earliest
}

func (j *judge) follows(t, s int) bool {
	for _, a := range j.flow.Steps[t].After {
		if a == s {
			return true
		}
	}
	return false
}

// before reports whether the absent step could have come before the tap began:
// nothing that it follows was seen, and those that follow it came early enough.
func (j *judge) before(s int) bool {
	if !j.horizon.Started.Known() {
		return false
	}
	for _, a := range j.flow.Steps[s].After {
		if j.steps[a].last() != nil {
			return false
		}
	}
	at := j.backwards(s)
	return at.Known() && at < j.horizon.Started
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
