package oracle

import (
	"slices"
)

// Judge says what the flow says of a run.
func Judge(f *Flow, run Run) *Report {
	w := observe(f, run)
	chains := w.chains()
	spans := make([][]int64, len(f.Rules))
	for _, c := range chains {
		j := w.judgeChain(c)
		w.count(j)
		for r := range f.Rules {
			if f.Rules[r].Kind == "latency" {
				spans[r] = append(spans[r], j.span(&f.Rules[r])...)
			}
		}
	}
	w.judgeHomeless(chains)
	for _, m := range w.rewritten {
		w.find(Finding{Kind: "conflict", Chain: ownLabel(chains, m), Evidence: w.places(m), Anomaly: "inconsistent-offsets"})
	}
	for r := range f.Rules {
		w.judgeRule(r, chains, spans[r])
	}
	for _, g := range w.gaps {
		if !g.touched {
			w.unknown("")
		}
	}
	if len(chains) == 0 {
		w.unknown("")
	}
	w.countMessages(chains)
	switch {
	case len(w.out.Findings) > 0:
		w.out.State = "fail"
	case len(w.out.Unknowns) > 0:
		w.out.State = "unknown"
	default:
		w.out.State = "pass"
	}
	return w.out
}

func (w *world) find(f Finding) { w.out.Findings = append(w.out.Findings, f) }

func (w *world) unknown(chain string) {
	if !slices.Contains(w.out.Unknowns, chain) {
		w.out.Unknowns = append(w.out.Unknowns, chain)
	}
}

func (w *world) places(msgs ...*msg) []string {
	all := []string{}
	for _, m := range msgs {
		all = append(all, w.flow.Place(m.Message))
	}
	return all
}

func (w *world) count(j *judged) {
	w.out.Chains++
	switch {
	case j.failed:
		w.out.Fail++
	case j.notKnown:
		w.out.Unknown++
	default:
		w.out.Pass++
	}
	if j.outcome >= 0 {
		w.out.Outcomes[w.flow.OutcomeName(j.outcome)]++
	}
}

// countMessages counts those that are a step of some chain.
func (w *world) countMessages(chains []*chain) {
	w.out.Seen = w.seen
	for _, m := range w.msgs {
		if m.step >= 0 && slices.ContainsFunc(chains, func(c *chain) bool { return c.has(m) }) {
			w.out.Matched++
		}
	}
}

// judgeHomeless tells of strays that are in no chain.
func (w *world) judgeHomeless(chains []*chain) {
	for _, m := range w.msgs {
		if m.stray == "" || slices.ContainsFunc(chains, func(c *chain) bool { return c.has(m) }) {
			continue
		}
		w.find(Finding{Kind: m.stray, Step: w.stepName(m), Evidence: w.places(m)})
	}
}

func (w *world) stepName(m *msg) string {
	if m.step < 0 {
		return ""
	}
	return w.flow.StepName(m.step)
}

// judged is a chain under judgement.
type judged struct {
	w     *world
	flow  *Flow
	chain *chain
	order []*msg // all
	steps []coming
	reach []bool // by outcome

	outcome          int
	failed, notKnown bool
}

// coming is how a step came.
type coming struct {
	all  []*msg // in order, without copies that pass
	out  bool   // no outcome in reach has it
	free bool   // optional and in no outcome: allowed in all

	min, max int // max -1: no bound
	hangs    int // the absent step that its count hangs on, -1 for none
	bad      bool
}

func (w *world) judgeChain(c *chain) *judged {
	j := &judged{w: w, flow: w.flow, chain: c, outcome: -1, order: w.inOrder(c.msgs)}
	j.group()
	j.narrow()
	j.bounds()
	j.outcome = j.end()
	for s := range j.steps {
		j.judgeStep(s)
	}
	j.judgeConflicts()
	j.judgeDeadLetters()
	j.judgeEnd()
	return j
}

func (j *judged) find(kind string, step int, evidence ...*msg) {
	j.called("", false, kind, step, evidence...)
}

// called finds an anomaly.
func (j *judged) called(anomaly string, weak bool, kind string, step int, evidence ...*msg) {
	j.failed = true
	f := Finding{Kind: kind, Chain: j.chain.label, Evidence: j.w.places(evidence...), Anomaly: anomaly, Weak: weak}
	if step >= 0 {
		f.Step = j.flow.StepName(step)
	}
	j.w.find(f)
}

func (j *judged) unknown() {
	j.notKnown = true
	j.w.unknown(j.chain.label)
}

// group gives each step its messages. Rule 14: copies that pass are counted and
// left out.
func (j *judged) group() {
	j.steps = make([]coming, len(j.flow.Steps))
	for s := range j.steps {
		var all []*msg
		for _, m := range j.order {
			if m.step == s {
				all = append(all, m)
			}
		}
		original := slices.ContainsFunc(all, func(m *msg) bool { return !m.copied })
		c := &j.steps[s]
		for _, m := range all {
			switch {
			case m.copied && !takesCopies(m.ch) && (original || len(c.all) > 0):
				j.w.out.Retried++
			case slices.ContainsFunc(c.all, func(o *msg) bool { return redelivery(o, m) }):
				j.w.out.Redelivered++
			default:
				c.all = append(c.all, m)
			}
		}
	}
}

func takesCopies(ch *Channel) bool { return ch.DeadLetters != nil || ch.Retries != nil }

// narrow finds the outcomes in reach (rules 11 and 12): each step, as it first
// came, leaves those that have it. One that leaves none is unexpected.
func (j *judged) narrow() {
	outcomes := j.flow.outcomes()
	j.reach = make([]bool, len(outcomes))
	for o := range j.reach {
		j.reach[o] = true
	}
	for s := range j.steps {
		listed := slices.ContainsFunc(outcomes, func(o Outcome) bool { return slices.Contains(o.Steps, s) })
		j.steps[s].free = j.flow.Steps[s].Optional && !listed
	}
	for _, m := range j.order {
		if m.step < 0 || j.steps[m.step].free || len(j.steps[m.step].all) == 0 || j.steps[m.step].all[0] != m {
			continue
		}
		left, some := slices.Clone(j.reach), false
		for o := range left {
			left[o] = left[o] && slices.Contains(outcomes[o].Steps, m.step)
			some = some || left[o]
		}
		if some {
			j.reach = left
			continue
		}
		c := &j.steps[m.step]
		c.out = true
		for _, each := range c.all {
			kind := "unexpected"
			if each.ch.DeadLetters != nil {
				kind = "dead-lettered"
			}
			j.find(kind, m.step, each)
		}
	}
}

// came are the messages of a step that is not unexpected.
func (j *judged) came(s int) []*msg {
	if j.steps[s].out {
		return nil
	}
	return j.steps[s].all
}

// kept are those of them that the step may have.
func (j *judged) kept(s int) []*msg {
	all := j.came(s)
	if limit := j.steps[s].max; limit >= 0 && len(all) > limit {
		return all[:limit]
	}
	return all
}

// last is the last of them, nil for none.
func (j *judged) last(s int) *msg {
	kept := j.kept(s)
	if len(kept) == 0 {
		return nil
	}
	return kept[len(kept)-1]
}

// bounds says how often each step may occur (rules 10 and 13). A count may be
// on a step whose own count hangs on a third, so the file's order matters: a
// count is on an earlier step.
func (j *judged) bounds() {
	for s := range j.steps {
		c, count := &j.steps[s], j.flow.Steps[s].Count
		c.min, c.max, c.hangs = 1, 1, -1
		if count == nil {
			continue
		}
		if count.Form == "" {
			c.min, c.max = count.Min, count.Max
			continue
		}
		c.min, c.max = 0, -1
		if j.absent(count.Step) {
			c.hangs = count.Step
			continue
		}
		n, ok := j.countOn(count)
		if !ok {
			c.bad = true
			continue
		}
		c.min, c.max = n, n
	}
}

// countOn evaluates a count; false where it is no number.
func (j *judged) countOn(c *Count) (int, bool) {
	all := j.came(c.Step)
	if c.Form == "messages" {
		return len(all), true
	}
	if len(all) == 0 { // an optional step that did not come
		return 0, false
	}
	body := all[0].body()
	if c.Form == "lines" {
		return max(body.Lines, 0), body.Lines >= 0
	}
	switch n := body.Count.(type) {
	case int:
		return n, n >= 0
	case float64:
		return int(n), n >= 0 && n == float64(int(n))
	case bool:
		if n {
			return 1, true
		}
		return 0, true
	default:
		return 0, false
	}
}

// absent reports whether what hangs on the step is not to be judged (rule 10):
// it did not come as often as it must, or nobody knows how often that is. One
// that may be absent, since it is optional or its count says so, is not.
func (j *judged) absent(s int) bool {
	if j.flow.Steps[s].Optional && len(j.came(s)) == 0 {
		return false
	}
	return j.lacks(s) || j.steps[s].hangs >= 0
}

// lacks reports whether the chain needs more messages of the step, if it needs
// the step at all.
func (j *judged) lacks(s int) bool {
	n, c := len(j.came(s)), &j.steps[s]
	if j.flow.Steps[s].Optional && n == 0 {
		return false
	}
	return n < c.min || c.bad && n == 0
}
