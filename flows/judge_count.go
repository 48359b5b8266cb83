package flows

import (
	"math"
	"slices"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/payload"
)

// group sorts the entries into steps, leaving out the copies that pass.
func (j *judge) group() {
	n := len(j.flow.Steps)
	if cap(j.steps) < n {
		j.steps = make([]occurrences, n)
	}
	j.steps = j.steps[:n]
	for s := range j.steps {
		step := &j.flow.Steps[s]
		j.steps[s] = occurrences{all: j.steps[s].all[:0], min: step.Min, max: step.Max, hangs: -1}
	}
	for _, e := range j.order {
		if e.Step != correlate.NoStep {
			s := &j.steps[e.Step]
			s.all = append(s.all, e)
		}
	}
	for s := range j.steps {
		if len(j.steps[s].all) > 1 {
			j.leaveOut(s)
		}
	}
}

// leaveOut takes the copies that pass out of a step's messages, and counts them:
// redeliveries that the channel allows, and on a channel that messages of their
// own come to the copies of a retry, but for the first where nothing else came.
func (j *judge) leaveOut(s int) {
	o, ch := &j.steps[s], &j.flow.Channels[j.flow.Steps[s].Channel]
	retried := func(e *correlate.Entry) bool { return e.Copy && !ch.takesCopies() }
	original := slices.ContainsFunc(o.all, func(e *correlate.Entry) bool { return !e.Copy })
	kept := o.all[:0]
	for _, e := range o.all {
		switch {
		case retried(e) && (original || len(kept) > 0):
			j.verdict.Retried++
		case ch.redelivered(kept, e):
			j.verdict.Redelivered++
		default:
			kept = append(kept, e)
		}
	}
	o.all = kept
}

// Redelivered reports whether e is a further copy of an earlier message of the
// channel, which the channel allows: it is no message more.
func (ch *Channel) Redelivered(earlier []*correlate.Entry, e *correlate.Entry) bool {
	if ch.Redeliveries == RedeliveriesJudged {
		return false
	}
	return slices.ContainsFunc(earlier, func(o *correlate.Entry) bool { return o.Channel == e.Channel && ch.redelivery(o, e) })
}

// redelivered reports whether e is a further copy of an earlier message that the
// channel allows.
func (ch *Channel) redelivered(earlier []*correlate.Entry, e *correlate.Entry) bool {
	if ch.Redeliveries == RedeliveriesJudged {
		return false
	}
	return slices.ContainsFunc(earlier, func(o *correlate.Entry) bool { return ch.redelivery(o, e) })
}

// takesCopies reports whether copies of other channels' messages come here.
func (ch *Channel) takesCopies() bool { return ch.DeadLetters != nil || ch.Retries != nil }

// redelivery reports whether b is a further copy of a that the channel allows.
func (ch *Channel) redelivery(a, b *correlate.Entry) bool {
	switch ch.Redeliveries {
	case RedeliveriesAllow:
		return identical(a, b)
	case RedeliveriesSameID:
		return a.ID != 0 && a.ID == b.ID
	default:
		return false
	}
}

// identical reports whether two messages of one channel have the same key and
// payload bytes.
func identical(a, b *correlate.Entry) bool {
	return a.Body == b.Body && a.Key == b.Key && a.Tombstone == b.Tombstone && a.HasKey == b.HasKey
}

// bounds evaluates how often each step may occur, where that is an expression.
// What hangs on an absent step is not judged.
func (j *judge) bounds() {
	for i := range j.steps {
		step, o := &j.flow.Steps[i], &j.steps[i]
		if step.count == nil {
			continue
		}
		o.min, o.max = 0, -1
		if o.hangs = j.lacking(step.count); o.hangs >= 0 {
			continue
		}
		frame := j.stepFrame(nil)
		v := step.count.Eval(frame)
		n, ok := countOf(v)
		switch why := unjudged(frame); {
		case ok:
			o.min, o.max = n, n
		case why == "":
			o.bad, o.value = true, v
		case step.fits || step.outcomes&j.reach != 0:
			j.unknown("the count of " + step.Name + " " + why)
		}
	}
}

// countOf reads what a count came to: true is 1, false 0.
func countOf(v payload.Value) (int, bool) {
	switch v.Kind() {
	case payload.Bool:
		if v.Bool() {
			return 1, true
		}
		return 0, true
	case payload.Int, payload.Float:
		n, ok := sequenceNumber(v)
		return int(n), ok && n >= 0 && n <= math.MaxInt32
	default:
		return 0, false
	}
}

// badCount tells of a count that is no number.
func (j *judge) badCount(s int) {
	step := &j.flow.Steps[s]
	j.find(Finding{
		Kind: Mismatch, Step: step.Name,
		Text:     "the count of " + step.Name + " is no number",
		Expected: "count: " + step.count.source, Actual: payload.Short(j.steps[s].value, shortValue),
	})
}

// lacking is a step that the program needs and that is absent, or may not be there
// whole, -1 for none.
func (j *judge) lacking(p *program) int {
	for _, s := range p.needs {
		if j.mayHaveMore(s) || j.absent(s) {
			return s
		}
	}
	return -1
}

// absent reports whether what hangs on the step is not judged: it did not come as
// often as it must, or nobody knows how often that is. One that may be absent,
// since it is optional or its count says so, is not.
func (j *judge) absent(s int) bool {
	o := &j.steps[s]
	if len(o.came()) == 0 && j.flow.Steps[s].Optional {
		return false
	}
	return j.needs(s) || o.hangs >= 0
}
