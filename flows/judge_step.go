package flows

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/expression"
	"github.com/flowcheck/flowcheck/payload"
)

// judgeStep judges the messages of one step: doubles, order, deadline, checks.
func (j *judge) judgeStep(s int) {
	o := &j.steps[s]
	if len(o.came()) == 0 {
		return
	}
	step := &j.flow.Steps[s]
	if o.bad {
		j.badCount(s)
	}
	kept := o.kept()
	for i := len(kept); i < len(o.all); i++ {
		j.surplus(step, o, i)
	}
	for n, e := range kept {
		if j.mayRepeat(e) {
			continue
		}
		j.judgeOrder(step, e)
		if j.firmBase(step) {
			j.judgeDeadline(s, n, e)
		}
		for _, check := range step.checks {
			j.judgeCheck(check, step.Name, e)
		}
	}
}

// surplus judges a message beyond those that the step may have. A further copy
// of one message is no double.
func (j *judge) surplus(step *Step, o *occurrences, i int) {
	e := o.all[i]
	if e.Copy && j.flow.Channels[e.Channel].takesCopies() {
		for _, earlier := range o.all[:i] {
			if sameLetter(earlier, e) {
				j.verdict.Retried++
				return
			}
		}
	}
	j.duplicate(step, o, i)
}

// sameLetter reports whether two copies are of one message: by the place that
// their headers name, else by their content.
func sameLetter(a, b *correlate.Entry) bool {
	none := correlate.Entry{}.Position
	if a.Detail != nil && b.Detail != nil && a.Detail.OriginAt != none && b.Detail.OriginAt != none {
		return a.Detail.Origin == b.Detail.Origin && a.Detail.OriginAt == b.Detail.OriginAt
	}
	return identical(a, b)
}

func (j *judge) duplicate(step *Step, o *occurrences, i int) {
	first, e := o.all[0], o.all[i]
	f := Finding{Kind: Duplicate, Step: step.Name, Expected: times(o.max), Actual: times(len(o.all))}
	if first == e {
		f.Evidence = j.evidence(e)
		f.Text = step.Name + " came though it should not come at all"
		j.find(f)
		return
	}
	f.Evidence = j.evidence(e, first)
	f.callDouble(e, o.all[:i])
	what := "came again"
	if identical(first, e) {
		what = "came again, identical,"
	}
	f.Text = fmt.Sprintf("%s %s %s after the first", step.Name, what, spell(max(0, e.At().Sub(first.At()))))
	j.find(f)
}

func times(n int) string {
	switch n {
	case 0:
		return "never"
	case 1:
		return "once"
	default:
		return strconv.Itoa(n) + " times"
	}
}

// judgeConflicts finds messages with the id of an earlier one on their channel
// and other content, and on a channel that allows redeliveries further messages
// with other content.
func (j *judge) judgeConflicts() {
	type key struct {
		channel int16
		id      uint64
	}
	var first map[key]*correlate.Entry
	for i, e := range j.order {
		if e.Copy || e.Step == correlate.NoStep {
			continue
		}
		ch := &j.flow.Channels[e.Channel]
		if e.ID != 0 && ch.Redeliveries != RedeliveriesSameID {
			if first == nil {
				first = make(map[key]*correlate.Entry, len(j.order)-i)
			}
			k := key{e.Channel, e.ID}
			if against := first[k]; against != nil {
				if !identical(against, e) {
					j.conflict(e, against, DuplicateID, "the same message id with other content")
				}
				continue
			}
			first[k] = e
		}
		if ch.Redeliveries == RedeliveriesAllow && j.further(e) {
			j.conflict(e, j.steps[e.Step].all[0], "", "a further message with other content, where only redeliveries are allowed")
		}
	}
}

// further reports whether e is a message of its step beyond those that it may
// have, and not the first.
func (j *judge) further(e *correlate.Entry) bool {
	o := &j.steps[e.Step]
	all := o.came()
	return o.max >= 0 && len(all) > max(1, o.max) && slices.Contains(all[max(1, o.max):], e)
}

func (j *judge) conflict(e, against *correlate.Entry, anomaly Anomaly, text string) {
	name := j.flow.Steps[e.Step].Name
	j.find(Finding{
		Kind: Conflict, Step: name, Text: name + ": " + text, Anomaly: anomaly,
		Expected: "identical content", Actual: "other content", Evidence: j.evidence(e, against),
	})
}

// order of two messages.
type order uint8

const (
	undecided order = iota
	before
	after
)

// compare tells whether a came before b: by position where they share a
// partition, else by broker time where it differs by more than the skew.
func (j *judge) compare(a, b *correlate.Entry) order {
	if a.Channel == b.Channel && a.Position.Ordered(b.Position) {
		if a.Position.Offset < b.Position.Offset {
			return before
		}
		return after
	}
	if !a.Time.Known() || !b.Time.Known() {
		return undecided
	}
	skew := j.flow.Skew
	if a.Producer || b.Producer {
		skew = max(skew, j.flow.ProducerSkew)
	}
	switch d := a.Time.Sub(b.Time); {
	case d < -skew:
		return before
	case d > skew:
		return after
	default:
		return undecided
	}
}

// judgeOrder judges that e came after the steps that its own follows.
func (j *judge) judgeOrder(step *Step, e *correlate.Entry) {
	for _, a := range step.After {
		last := j.steps[a].last()
		if last == nil || j.mayRepeat(last) {
			continue
		}
		switch j.compare(e, last) {
		case undecided:
			j.verdict.Undecided++
			if e.Time.Known() && e.Time == last.Time && e.Channel != last.Channel && step.Within > 0 {
				j.noteSameTime(int(e.Step))
			}
		case before:
			name := j.flow.Steps[a].Name
			f := Finding{
				Kind: OutOfOrder, Step: step.Name, Expected: step.Name + " after " + name,
				Actual: step.Name + " before " + name, Evidence: j.evidence(e, last),
				Text: step.Name + " came before " + name,
			}
			if e.Time.Known() && last.Time.Known() && e.Time < last.Time {
				f.Text = fmt.Sprintf("%s came %s before %s", step.Name, spell(last.Time.Sub(e.Time)), name)
			}
			f.callOrder(e, last)
			j.find(f)
		case after:
		}
	}
}

func (j *judge) noteSameTime(step int) {
	if j.sameTime == nil {
		j.sameTime = make([]int, len(j.flow.Steps))
	}
	j.sameTime[step]++
}

// base is what a deadline counts from: the latest of the steps before it, or
// the beginning of the chain.
type base struct {
	time, seen correlate.Instant
	limit      time.Duration
	name       string
	entry      *correlate.Entry // nil: the beginning
	// open tells that the step has no deadline of its own, or one that counts
	// from steps that may be absent and are: then the flow's is meant.
	open bool
}

func (j *judge) base(step *Step) base {
	b := base{time: correlate.Never, seen: correlate.Never, limit: step.Within}
	timed := true
	for _, a := range step.After {
		last := j.steps[a].last()
		if last == nil {
			continue
		}
		timed = timed && last.Time.Known()
		if b.entry == nil || last.At() > b.entry.At() {
			b.entry, b.name = last, j.flow.Steps[a].Name
		}
		b.time, b.seen = max(b.time, last.Time), max(b.seen, last.Seen)
	}
	if !timed {
		b.time = correlate.Never
	}
	if step.Within > 0 && b.entry != nil {
		return b
	}
	b.time, b.seen, b.name, b.entry = j.first.time, j.first.seen, "the chain began", nil
	if b.open = step.Within == 0 || len(step.After) > 0; b.open {
		b.limit = j.flow.Timeout
	}
	return b
}

// judgeDeadline judges that e, the nth message of its step, came in time.
func (j *judge) judgeDeadline(s, n int, e *correlate.Entry) {
	step := &j.flow.Steps[s]
	b := j.base(step)
	switch {
	case j.grace > 0:
		return
	case b.open && (step.Optional || n >= j.steps[s].min):
		return // what is not required has no deadline but its own
	case step.Within > 0 && j.awaits(step):
		return
	}
	took, by := e.Seen.Sub(b.seen), ", by arrival"
	if e.Time.Known() && b.time.Known() {
		took, by = e.Time.Sub(b.time), ""
	} else if least, most := j.arrivals(step, e, b); least <= b.limit && most > b.limit {
		j.unknown("whether " + step.Name + " came in time is not known: its channel was not read for a while, and messages waited")
		return
	}
	if took <= b.limit {
		return
	}
	f := Finding{
		Kind: Late, Step: step.Name, Actual: spell(took) + by, Evidence: j.evidence(e),
		Expected: "within " + spell(b.limit) + " of " + b.name,
		Text:     fmt.Sprintf("%s came %s after %s, %s too late%s", step.Name, spell(took), b.name, spell(took-b.limit), by),
	}
	if b.entry == nil {
		f.Expected = "within " + spell(b.limit) + " of the chain's first message"
	} else {
		f.Evidence = j.evidence(e, b.entry)
	}
	j.find(f)
}

// arrivals bound the time from b to e by arrival, where a tap was away while they
// came: the two are equal otherwise.
func (j *judge) arrivals(step *Step, e *correlate.Entry, b base) (least, most time.Duration) {
	early := correlate.Never
	if b.entry != nil {
		for _, a := range step.After {
			if last := j.steps[a].last(); last != nil {
				early = max(early, j.horizon.Arrived(int(last.Channel), last.Seen))
			}
		}
	} else {
		early = b.seen
		for _, o := range j.order {
			if o.Step != correlate.NoStep {
				early = min(early, j.horizon.Arrived(int(o.Channel), o.Seen))
			}
		}
	}
	return j.horizon.Arrived(step.Channel, e.Seen).Sub(b.seen), e.Seen.Sub(early)
}

// awaits reports whether a step before this one is absent: then it is not known
// what the deadline counts from. What the chain's outcome, or where it has none
// each outcome in reach, is without is not waited for.
func (j *judge) awaits(step *Step) bool {
	outcomes := j.reach
	if j.verdict.Outcome >= 0 {
		outcomes = 1 << j.verdict.Outcome
	}
	return j.cause(outcomes, step) >= 0
}

// judgeCheck judges one check; e is the message that it is about, nil for the
// whole chain.
func (j *judge) judgeCheck(check *program, step string, e *correlate.Entry) {
	if j.lacking(check) >= 0 {
		return
	}
	j.judgeCheckIn(check, step, e, j.stepFrame(e))
}

func (j *judge) judgeCheckIn(check *program, step string, e *correlate.Entry, frame *expression.Frame) {
	if check.Test(frame) {
		return
	}
	if why := unjudged(frame); why != "" {
		j.unknown("the check " + check.source + " " + why)
		return
	}
	f := Finding{Kind: Mismatch, Step: step, Text: "does not hold: " + check.source, Expected: check.source}
	if e != nil {
		f.Evidence = j.evidence(e)
	}
	for _, part := range check.Explain(frame) {
		for _, op := range part.Operands {
			if op.Constant {
				continue
			}
			value := "(secret)"
			if !op.Secret {
				value = payload.Short(op.Value, shortValue)
			}
			f.addPart(Part{op.Text, value})
		}
	}
	j.find(f)
}

// unjudged says why an expression came to nothing that could be judged, "" where it
// could.
func unjudged(frame *expression.Frame) string {
	switch {
	case frame.Exceeded:
		return "costs more than it may"
	case frame.Unknowable != "":
		return "reads " + frame.Unknowable + ", which the dead-letter headers do not carry"
	default:
		return ""
	}
}

// addPart notes a value that a check compared, once.
func (f *Finding) addPart(p Part) {
	for _, have := range f.Parts {
		if have == p {
			return
		}
	}
	f.Parts = append(f.Parts, p)
	if f.Actual != "" {
		f.Actual += ", "
	}
	f.Actual += p.Source + " = " + p.Value
}
