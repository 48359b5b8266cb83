package flows

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/expression"
	"github.com/flowcheck/flowcheck/payload"
)

// Verdict is what the flow says of one chain.
type Verdict struct {
	// Chain and IDs name the chain, as in a Finding; a chain that passes has no
	// need of them, and they are empty.
	Chain string
	IDs   map[string]string
	// Outcome is the index of the outcome that the chain has, -1 for none.
	Outcome  int
	Findings []Finding
	// Unknowns are the reasons why something could not be judged.
	Unknowns []string
	// Undecided counts orders closer than the skew, Redelivered the copies that
	// the channel allows, Retried the copies of a retry.
	Undecided, Redelivered, Retried int
	// Due is the next deadline after which more can be said; Never where nothing
	// is waited for.
	Due correlate.Instant
	// dueOn is the channel that has to be read past Due, dueArrival whether by
	// arrival.
	dueOn      int
	dueArrival bool
}

// State is the chain's verdict: the worst of what was found.
func (v *Verdict) State() State {
	switch {
	case len(v.Findings) > 0:
		return Fail
	case len(v.Unknowns) > 0:
		return NotKnown
	default:
		return Pass
	}
}

// Judge says what the flow says of the chain, given what the taps can vouch
// for. It changes neither and may be called from any goroutine.
func (f *Flow) Judge(c *correlate.Chain, h *correlate.Horizon) Verdict {
	j := judge{flow: f, want: -1}
	return j.judge(c, h)
}

// judge judges one chain after the other, and keeps its memory between them.
type judge struct {
	flow    *Flow
	chain   *correlate.Chain
	horizon *correlate.Horizon
	verdict Verdict

	order []*correlate.Entry // canonical
	steps []occurrences      // by step
	reach uint64             // the outcomes that the chain's steps leave
	first beginning
	frame expression.Frame
	built bool // frame has the chain's steps

	gaps []gapRef // that made something unknown
	// want is the outcome that the chain's scenario must have, -1 for none: it
	// goes before others that the chain has as well.
	want int
	// grace is how much longer than its deadlines the chain may take; then what
	// comes late is not told.
	grace time.Duration
	// sameTime counts, by step and over all chains, the messages that bear their
	// predecessor's very time, so that a deadline between them means nothing.
	sameTime []int
}

// beginning is the chain's first message: its broker time, Never where it has
// none, and when it came by what clock it has. seen is the first arrival of any.
type beginning struct{ time, seen, at correlate.Instant }

// occurrences are the messages of one step in a chain, in canonical order.
type occurrences struct {
	all []*correlate.Entry // without the copies that pass
	out bool               // no outcome in reach has the step
	min int
	max int // -1: no bound
	// hangs is the absent step on which the count hangs, -1 for none.
	hangs int
	// bad tells that the count came to value, which is no number.
	bad   bool
	value payload.Value
}

// came are the messages, none of a step that is unexpected.
func (o *occurrences) came() []*correlate.Entry {
	if o.out {
		return nil
	}
	return o.all
}

// kept are those that the step may have; the rest are surplus.
func (o *occurrences) kept() []*correlate.Entry {
	if o.max >= 0 && len(o.all) > o.max {
		return o.all[:max(o.max, 0)]
	}
	return o.all
}

// last returns the last message that counts, nil where there is none.
func (o *occurrences) last() *correlate.Entry {
	if o.out {
		return nil
	}
	if kept := o.kept(); len(kept) > 0 {
		return kept[len(kept)-1]
	}
	return nil
}

func (j *judge) judge(c *correlate.Chain, h *correlate.Horizon) Verdict {
	j.chain, j.horizon = c, h
	j.verdict = Verdict{Outcome: -1, Due: correlate.Never}
	j.built, j.gaps = false, j.gaps[:0]
	j.sort()
	j.group()
	j.narrow()
	j.bounds()
	j.verdict.Outcome = j.end()
	for s := range j.steps {
		j.judgeStep(s)
	}
	j.judgeConflicts()
	j.judgeCopies()
	j.judgeEnd()
	if j.verdict.State() != Pass {
		j.flow.name(c, &j.verdict)
	}
	return j.verdict
}

// name puts the chain's name into the verdict, once.
func (f *Flow) name(c *correlate.Chain, v *Verdict) {
	if v.IDs == nil {
		v.Chain, v.IDs = f.label(c)
	}
}

// label names the chain: the value of its first id, in the order of correlate,
// and all its ids. Of several values the smallest, so that the order of arrival
// does not matter.
func (f *Flow) label(c *correlate.Chain) (string, map[string]string) {
	ids := make(map[string]string, len(c.IDs)+len(c.Met))
	label, first := "", len(f.IDs)
	for _, set := range [2][]correlate.ID{c.IDs, c.Met} {
		for _, id := range set {
			name := f.IDs[id.Name].Name
			if have, ok := ids[name]; !ok || id.Value < have {
				ids[name] = strings.Clone(id.Value)
			}
		}
	}
	for _, id := range c.IDs {
		if int(id.Name) < first {
			first = int(id.Name)
			label = ids[f.IDs[id.Name].Name]
		}
	}
	return label, ids
}

// narrow finds the outcomes in reach, and the steps that none of them allows.
func (j *judge) narrow() {
	j.reach = 1<<len(j.flow.Outcomes) - 1
	for _, e := range j.order {
		if e.Step == correlate.NoStep {
			continue
		}
		step, o := &j.flow.Steps[e.Step], &j.steps[e.Step]
		if step.fits || o.out || len(o.all) == 0 || o.all[0] != e {
			continue
		}
		if left := j.reach & step.outcomes; left != 0 {
			j.reach = left
			continue
		}
		o.out = true
		for _, e := range o.all {
			j.unexpected(step, e)
		}
	}
}

func (j *judge) unexpected(step *Step, e *correlate.Entry) {
	f := Finding{
		Kind: Unexpected, Step: step.Name, Evidence: j.evidence(e),
		Text:     "no outcome in reach has " + step.Name,
		Expected: j.reachable(), Actual: step.Name,
	}
	if j.flow.Channels[e.Channel].DeadLetters != nil {
		f.Kind = DeadLettered
		f.Text = "a message was dead-lettered, and no outcome in reach allows it"
	}
	j.find(f)
}

// reachable names the outcomes in reach.
func (j *judge) reachable() string {
	text := ""
	for i := range j.flow.Outcomes {
		if j.reach&(1<<i) == 0 {
			continue
		}
		if text != "" {
			text += " or "
		}
		text += j.flow.outcomeName(i)
	}
	return text
}

func (f *Flow) outcomeName(i int) string {
	if i < 0 {
		return ""
	}
	if name := f.Outcomes[i].Name; name != "" {
		return name
	}
	return "all steps"
}

// find notes a finding of this chain.
func (j *judge) find(f Finding) {
	j.flow.name(j.chain, &j.verdict)
	f.Chain, f.IDs = j.verdict.Chain, j.verdict.IDs
	j.verdict.Findings = append(j.verdict.Findings, f)
}

func (j *judge) unknown(reason string) {
	if !slices.Contains(j.verdict.Unknowns, reason) {
		j.verdict.Unknowns = append(j.verdict.Unknowns, reason)
	}
}

// evidence names messages by their places.
func (j *judge) evidence(entries ...*correlate.Entry) []Evidence {
	all := make([]Evidence, 0, len(entries))
	for _, e := range entries {
		all = append(all, Evidence{j.flow.Channels[e.Channel].Name, e.Position})
	}
	return all
}

// stepFrame is the frame for an expression about the entry, or about the whole
// chain where that is nil.
func (j *judge) stepFrame(self *correlate.Entry) *expression.Frame {
	if !j.built {
		j.buildFrame()
	}
	j.frame.Self = nil
	if self != nil {
		j.frame.Self = self.Fields
	}
	j.frame.Exceeded, j.frame.Unknowable, j.frame.Err = false, "", nil
	return &j.frame
}

func (j *judge) buildFrame() {
	j.built = true
	n := len(j.flow.Steps)
	j.frame.Steps = resized(j.frame.Steps, n)
	j.frame.Lists = resized(j.frame.Lists, n)
	for s := range j.steps {
		all := j.steps[s].came()
		if !j.flow.Steps[s].Counted {
			if len(all) > 0 {
				j.frame.Steps[s] = fieldsOf(all[0])
			}
			continue
		}
		for _, e := range all {
			j.frame.Lists[s] = append(j.frame.Lists[s], fieldsOf(e))
		}
	}
	j.frame.IDs = resized(j.frame.IDs, len(j.flow.IDs))
	for _, set := range [2][]correlate.ID{j.chain.IDs, j.chain.Met} {
		for _, id := range set {
			if have := j.frame.IDs[id.Name]; have.IsNil() || id.Value < have.Text() {
				j.frame.IDs[id.Name] = payload.OfString(id.Value)
			}
		}
	}
}

// fieldsOf are the entry's fields, never nil: nil says that the step is absent.
func fieldsOf(e *correlate.Entry) []payload.Value {
	if e.Fields == nil {
		return []payload.Value{}
	}
	return e.Fields
}

func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// spell writes a duration as people do: at most four digits that matter.
func spell(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + spell(-d)
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(time.Microsecond).String()
	default:
		return strconv.FormatInt(d.Nanoseconds(), 10) + "ns"
	}
}

// shortValue is how long a value in a report may be, in characters.
const shortValue = 120
