package flows

import (
	"fmt"
	"strconv"
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/expression"
	"github.com/flowcheck/flowcheck/payload"
)

// judgeStep judges the messages of one step: doubles, order, deadline, checks.
func (j *judge) judgeStep(s int) {
	o := &j.steps[s]
	if len(o.all) == 0 {
		return
	}
	step := &j.flow.Steps[s]
	j.judgeFurther(step, o)
	if o.out {
		return
	}
	kept := o.kept()
	for _, e := range o.all[len(kept):] {
		j.duplicate(step, o, e)
	}
	for _, e := range kept {
		j.judgeOrder(step, e)
		j.judgeDeadline(step, e)
		for _, check := range step.checks {
			j.judgeCheck(check, step.Name, e)
		}
	}
}

func (j *judge) duplicate(step *Step, o *occurrences, e *correlate.Entry) {
	first := o.all[0]
	f := Finding{Kind: Duplicate, Step: step.Name, Expected: times(o.max), Actual: times(len(o.all))}
	if first == e {
		f.Evidence = j.evidence(e)
		f.Text = step.Name + " came though it should not come at all"
		j.find(f)
		return
	}
	f.Evidence = j.evidence(e, first)
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

// judgeFurther finds, on a channel that allows redeliveries, further messages
// with other content.
func (j *judge) judgeFurther(step *Step, o *occurrences) {
	if j.flow.Channels[step.Channel].Redeliveries != RedeliveriesAllow || o.max < 0 {
		return
	}
	for i := max(1, o.max); i < len(o.all); i++ {
		e := o.all[i]
		if e.ID == 0 || !j.sameID(e, o.all[:i]) {
			j.conflict(step, e, o.all[0], "a further message with other content, where only redeliveries are allowed")
		}
	}
}

func (j *judge) sameID(e *correlate.Entry, earlier []*correlate.Entry) bool {
	for _, o := range earlier {
		if o.ID == e.ID {
			return true
		}
	}
	return false
}

// judgeConflicts finds messages with the id of an earlier one on their channel
// and other content.
func (j *judge) judgeConflicts() {
	type key struct {
		channel int16
		id      uint64
	}
	var first map[key]*correlate.Entry
	for i, e := range j.order {
		ch := &j.flow.Channels[e.Channel]
		if e.ID == 0 || e.Copy || e.Step == correlate.NoStep || ch.Redeliveries == RedeliveriesSameID {
			continue
		}
		if first == nil {
			first = make(map[key]*correlate.Entry, len(j.order)-i)
		}
		k := key{e.Channel, e.ID}
		switch against := first[k]; {
		case against == nil:
			first[k] = e
		case !identical(against, e):
			j.conflict(&j.flow.Steps[e.Step], e, against, "the same message id with other content")
		}
	}
}

func (j *judge) conflict(step *Step, e, against *correlate.Entry, text string) {
	j.find(Finding{
		Kind: Conflict, Step: step.Name, Text: step.Name + ": " + text,
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
		if last == nil {
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
	name       string
	entry      *correlate.Entry
	ok         bool // false: a required step before it is absent
}

func (j *judge) base(step *Step) base {
	b := base{time: correlate.Never, seen: correlate.Never, ok: true}
	timed := true
	for _, a := range step.After {
		last := j.steps[a].last()
		if last == nil {
			if !j.flow.Steps[a].Optional {
				b.ok = false
			}
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
	if b.entry == nil || step.Within == 0 {
		b.time, b.seen, b.name, b.entry = j.first.time, j.first.seen, "the chain began", nil
	}
	return b
}

// limit is the length of the step's deadline, 0 for none.
func (j *judge) limit(step *Step) time.Duration {
	if step.Within == 0 && !step.Optional {
		return j.flow.Timeout
	}
	return step.Within
}

// judgeDeadline judges that e came in time.
func (j *judge) judgeDeadline(step *Step, e *correlate.Entry) {
	limit := j.limit(step)
	b := j.base(step)
	if limit == 0 || b.entry == nil && !b.seen.Known() {
		return
	}
	if !b.ok && step.Within > 0 && len(step.After) > 0 {
		return
	}
	var took time.Duration
	by := ""
	if e.Time.Known() && b.time.Known() {
		took = e.Time.Sub(b.time)
	} else {
		took, by = e.Seen.Sub(b.seen), ", by arrival"
	}
	if took <= limit {
		return
	}
	f := Finding{
		Kind: Late, Step: step.Name, Actual: spell(took) + by, Evidence: j.evidence(e),
		Expected: "within " + spell(limit) + " of " + b.name,
		Text:     fmt.Sprintf("%s came %s after %s, %s too late%s", step.Name, spell(took), b.name, spell(took-limit), by),
	}
	if b.entry == nil {
		f.Expected = "within " + spell(limit) + " of the chain's first message"
	} else {
		f.Evidence = j.evidence(e, b.entry)
	}
	j.find(f)
}

// judgeCheck judges one check; e is the message that it is about, nil for the
// whole chain.
func (j *judge) judgeCheck(check *program, step string, e *correlate.Entry) {
	if j.lacks(check) {
		return
	}
	j.judgeCheckIn(check, step, e, j.stepFrame(e))
}

func (j *judge) judgeCheckIn(check *program, step string, e *correlate.Entry, frame *expression.Frame) {
	if check.Test(frame) {
		return
	}
	switch {
	case frame.Exceeded:
		j.unknown("the check " + check.source + " costs more than it may")
		return
	case frame.Unknowable != "":
		j.unknown("the check " + check.source + " reads " + frame.Unknowable + ", which the dead-letter headers do not carry")
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
