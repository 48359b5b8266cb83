package flows

import (
	"cmp"
	"slices"
	"strconv"
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
	j := judge{flow: f}
	return j.judge(c, h)
}

// judge judges one chain after the other, and keeps its memory between them.
type judge struct {
	flow    *Flow
	chain   *correlate.Chain
	horizon *correlate.Horizon
	verdict Verdict

	order []*correlate.Entry // canonical
	at    []correlate.Instant
	steps []occurrences // by step
	reach uint64        // the outcomes that the chain's steps leave
	first struct{ time, seen correlate.Instant }
	frame expression.Frame
	built bool // frame has the chain's steps

	gaps []gapRef // that made something unknown
	// sameTime counts, by step and over all chains, the messages that bear their
	// predecessor's very time, so that a deadline between them means nothing.
	sameTime []int
}

// occurrences are the messages of one step in a chain, in canonical order.
type occurrences struct {
	all  []*correlate.Entry // without the copies that pass
	out  bool               // no outcome in reach has the step
	min  int
	max  int // -1: no bound
	open bool
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
	if o.out || len(o.all) == 0 {
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
	j.bounds()
	j.narrow()
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
				ids[name] = id.Value
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

// sort puts the entries into the canonical order: by time, but never against
// the order of a partition.
func (j *judge) sort() {
	j.order, j.at = j.order[:0], j.at[:0]
	j.first.time, j.first.seen = correlate.Never, correlate.Never
	for i := range j.chain.Entries {
		e := &j.chain.Entries[i]
		j.order = append(j.order, e)
		if e.Step == correlate.NoStep {
			continue
		}
		if e.Time.Known() && (!j.first.time.Known() || e.Time < j.first.time) {
			j.first.time = e.Time
		}
		if !j.first.seen.Known() || e.Seen < j.first.seen {
			j.first.seen = e.Seen
		}
	}
	sortEntries(j.order)
}

// sortEntries sorts by partition order first, which gives each entry a time
// that does not go back within its partition, and then by that time.
func sortEntries(entries []*correlate.Entry) {
	if len(entries) < 2 {
		return
	}
	slices.SortFunc(entries, byPlace)
	times := make(map[*correlate.Entry]correlate.Instant, 0)
	for i := 1; i < len(entries); i++ {
		a, b := entries[i-1], entries[i]
		before, ok := times[a]
		if !ok {
			before = a.At()
		}
		if a.Channel == b.Channel && a.Position.Ordered(b.Position) && b.At() < before {
			times[b] = before
		}
	}
	slices.SortStableFunc(entries, func(a, b *correlate.Entry) int {
		ta, tb := a.At(), b.At()
		if len(times) > 0 {
			if t, ok := times[a]; ok {
				ta = t
			}
			if t, ok := times[b]; ok {
				tb = t
			}
		}
		return cmp.Compare(ta, tb)
	})
}

func byPlace(a, b *correlate.Entry) int {
	return cmp.Or(
		cmp.Compare(a.Channel, b.Channel),
		cmp.Compare(a.Position.Kind, b.Position.Kind),
		cmp.Compare(a.Position.Partition, b.Position.Partition),
		cmp.Compare(a.Position.Offset, b.Position.Offset),
		cmp.Compare(a.Seen, b.Seen),
		cmp.Compare(a.Position.ID, b.Position.ID),
		cmp.Compare(a.Body, b.Body),
	)
}

// group sorts the entries into steps, leaving out the copies that pass.
func (j *judge) group() {
	n := len(j.flow.Steps)
	if cap(j.steps) < n {
		j.steps = make([]occurrences, n)
	}
	j.steps = j.steps[:n]
	for s := range j.steps {
		j.steps[s] = occurrences{all: j.steps[s].all[:0]}
	}
	for _, e := range j.order {
		if e.Step == correlate.NoStep {
			continue
		}
		s := &j.steps[e.Step]
		if j.passes(s.all, e) {
			continue
		}
		s.all = append(s.all, e)
	}
}

// passes reports whether e is a copy of an earlier message of its step that is
// no double.
func (j *judge) passes(earlier []*correlate.Entry, e *correlate.Entry) bool {
	if len(earlier) == 0 {
		return false
	}
	ch := &j.flow.Channels[e.Channel]
	if e.Copy && ch.DeadLetters == nil && ch.Retries == nil {
		j.verdict.Retried++
		return true
	}
	for _, o := range earlier {
		if ch.redelivery(o, e) {
			j.verdict.Redelivered++
			return true
		}
	}
	return false
}

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

// bounds evaluates how often each step may occur.
func (j *judge) bounds() {
	for i := range j.steps {
		step, o := &j.flow.Steps[i], &j.steps[i]
		o.min, o.max = step.Min, step.Max
		if step.count == nil {
			continue
		}
		if j.lacks(step.count) {
			// What hangs on an absent step is not judged.
			o.min, o.max, o.open = 1, -1, true
			continue
		}
		v := step.count.Eval(j.stepFrame(nil))
		switch {
		case v.Kind() == payload.Int && v.Int() >= 0:
			o.min, o.max = int(v.Int()), int(v.Int())
		case v.Kind() == payload.Bool && v.Bool():
			o.min, o.max = 1, 1
		case v.Kind() == payload.Bool:
			o.min, o.max = 0, 0
		default:
			o.min, o.max, o.open = 0, -1, true
			j.find(Finding{
				Kind: Mismatch, Step: step.Name,
				Text:     "the count of " + step.Name + " is no number",
				Expected: "count: " + step.count.source, Actual: payload.Short(v, shortValue),
			})
		}
	}
}

// lacks reports whether a step that the program needs is absent.
func (j *judge) lacks(p *program) bool {
	for _, s := range p.needs {
		if len(j.steps[s].all) == 0 || j.steps[s].out {
			return true
		}
	}
	return false
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
		all := j.steps[s].all
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
