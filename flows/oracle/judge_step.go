package oracle

import (
	"slices"
)

// judgeStep judges the messages of a step that is not unexpected.
func (j *judged) judgeStep(s int) {
	all, kept := j.came(s), j.kept(s)
	if len(all) == 0 {
		return
	}
	if j.steps[s].bad {
		j.find("mismatch", s)
	}
	for i, m := range all[len(kept):] {
		before := all[:len(kept)+i]
		switch {
		case m.copied && takesCopies(m.ch) && slices.ContainsFunc(before, func(o *msg) bool { return sameLetter(o, m) }):
			j.w.out.Retried++
		case len(before) == 0: // it should not come at all
			j.find("duplicate", s, m)
		default:
			anomaly, weak := doubled(m, before)
			j.called(anomaly, weak, "duplicate", s, m, all[0])
		}
	}
	for n, m := range kept {
		j.judgeOrder(s, m)
		j.judgeDeadline(s, n, m)
		for _, check := range j.flow.Steps[s].Checks {
			switch j.holds(check, m) {
			case fails:
				j.find("mismatch", s, m)
			case notKnown:
				j.unknown()
			}
		}
	}
}

// doubled names a message beyond those that a step may have: a duplicate is one id
// twice, perhaps where ids are not told, and surely not where each has its own.
func doubled(m *msg, before []*msg) (anomaly string, weak bool) {
	same, untold := false, m.mid == ""
	for _, o := range before {
		same = same || m.mid != "" && o.mid == m.mid
		untold = untold || o.mid == ""
	}
	switch {
	case same:
		return "duplicate", false
	case untold:
		return "duplicate", true
	}
	return "", false
}

// sameLetter reports whether two copies are of one message: by the origin that
// their headers name, else by their content.
func sameLetter(a, b *msg) bool {
	if a.Death != nil && b.Death != nil && a.Death.Placed && b.Death.Placed {
		return a.Death.Origin == b.Death.Origin && a.Death.Partition == b.Death.Partition && a.Death.Offset == b.Death.Offset
	}
	return identical(a, b)
}

// judgeOrder: after each of them that came, after a counted one's last.
func (j *judged) judgeOrder(s int, m *msg) {
	for _, a := range j.flow.Steps[s].After {
		last := j.last(a)
		switch {
		case last == nil:
		case j.w.before(m, last) && sameQueue(m, last):
			j.called("nonmonotonic-send", true, "out-of-order", s, m, last)
		case j.w.before(m, last):
			j.find("out-of-order", s, m, last)
		case !j.w.before(last, m):
			j.w.out.Undecided++
		}
	}
}

// base is what a deadline counts from.
type base struct {
	msgs  []*msg // their latest; of the chain's beginning, the first message
	begin bool
	limit int64
	// open: the step has no `within` of its own that could be told.
	open bool
}

// base finds what the step's deadline counts from: the steps before it that
// came, else the chain's first message (rules 9 and 20).
func (j *judged) base(s int) base {
	step := &j.flow.Steps[s]
	b := base{limit: int64(step.Within)}
	for _, a := range step.After {
		if last := j.last(a); last != nil {
			b.msgs = append(b.msgs, last)
		}
	}
	if step.Within > 0 && len(b.msgs) > 0 {
		return b
	}
	b.begin, b.msgs = true, []*msg{j.first()}
	if step.Within == 0 || len(step.After) > 0 {
		b.limit, b.open = j.flow.timeout(), true
	}
	return b
}

// first is the chain's first message.
func (j *judged) first() *msg {
	var first *msg
	for _, m := range j.order {
		if m.step >= 0 && (first == nil || m.at() < first.at()) {
			first = m
		}
	}
	return first
}

// time is the latest broker time; None where one has none.
func (b *base) time() int64 {
	t := int64(None)
	for _, m := range b.msgs {
		if m.time == None {
			return None
		}
		t = max(t, m.time)
	}
	return t
}

// arrival is the latest arrival; of the chain's beginning, its first.
func (j *judged) arrival(b *base) int64 {
	t := b.msgs[0].Seen
	for _, m := range b.msgs {
		t = max(t, m.Seen)
	}
	if b.begin {
		for _, m := range j.order {
			if m.step >= 0 {
				t = min(t, m.Seen)
			}
		}
	}
	return t
}

// judgeDeadline judges the nth message of a step.
func (j *judged) judgeDeadline(s, n int, m *msg) {
	step := &j.flow.Steps[s]
	b := j.base(s)
	switch {
	case b.open && (step.Optional || n >= j.steps[s].min):
		return // no deadline: only what is required has one without `within`
	case step.Within > 0 && j.waits(s):
		return // what hangs on an absent step
	}
	took := m.Seen - j.arrival(&b)
	if m.time != None && b.time() != None {
		took = m.time - b.time()
	}
	if took <= b.limit {
		return
	}
	if b.begin {
		j.find("late", s, m)
		return
	}
	latest := b.msgs[0]
	for _, o := range b.msgs {
		if o.at() > latest.at() {
			latest = o
		}
	}
	j.find("late", s, m, latest)
}

// waits reports whether a step before it is absent that the chain's outcome has,
// or some outcome in reach where it has none.
func (j *judged) waits(s int) bool {
	return j.cause(s, j.expected) >= 0
}

// cause is the absent step on which what there is to say of the step hangs: one
// before it that is expected, or one that decides how often such a one comes. -1:
// none.
func (j *judged) cause(s int, expected func(int) bool) int {
	for _, a := range j.flow.Steps[s].After {
		if !expected(a) {
			continue
		}
		for at := a; at >= 0; at = j.steps[at].hangs {
			if expected(at) && j.lacks(at) {
				return at
			}
		}
	}
	return -1
}

func (j *judged) expected(s int) bool {
	if j.outcome >= 0 {
		return slices.Contains(j.members(j.outcome), s)
	}
	for o := range j.reach {
		if j.reach[o] && slices.Contains(j.members(o), s) {
			return true
		}
	}
	return false
}

// listed reports whether an outcome in reach lists the step.
func (j *judged) listed(s int) bool {
	for o, outcome := range j.flow.outcomes() {
		if j.reach[o] && slices.Contains(outcome.Steps, s) {
			return true
		}
	}
	return false
}

// judgeConflicts finds messages with the id of an earlier one of their channel
// and other content, and further messages where only redeliveries are allowed
// (rule 15).
func (j *judged) judgeConflicts() {
	for i, m := range j.order {
		if m.step < 0 || m.copied {
			continue
		}
		if against := j.sameID(j.order[:i], m); against != nil {
			if !identical(against, m) {
				j.called("duplicate", false, "conflict", m.step, m, against)
			}
			continue
		}
		all := j.came(m.step)
		n := slices.Index(all, m)
		if m.ch.Redeliveries == "allow" && n > 0 && n >= j.steps[m.step].max && j.steps[m.step].max >= 0 {
			j.find("conflict", m.step, m, all[0])
		}
	}
}

// sameID is the first of the messages that has the id of m.
func (j *judged) sameID(earlier []*msg, m *msg) *msg {
	if m.mid == "" || m.ch.Redeliveries == "same-id" {
		return nil
	}
	for _, o := range earlier {
		if o.step >= 0 && !o.copied && o.Channel == m.Channel && o.mid == m.mid {
			return o
		}
	}
	return nil
}

// judgeDeadLetters compares copies with their origins (rules 18 and 19), and
// tells the strays of the chain.
func (j *judged) judgeDeadLetters() {
	for _, m := range j.order {
		if m.stray != "" {
			j.find(m.stray, m.step, m)
		}
		if m.ch.DeadLetters == nil || m.ch.Copy == "none" {
			continue
		}
		if origin := j.altered(m); origin != nil {
			j.find("altered", m.step, m, origin)
		}
	}
}

// altered is the message that a copy differs from; nil where it differs from
// none that it must be like.
func (j *judged) altered(m *msg) *msg {
	d := m.Death
	from := -1 // the channel
	if len(m.ch.DeadLetters) == 1 {
		from = m.ch.DeadLetters[0]
	}
	if m.copied {
		switch {
		case d.Origin >= 0:
			from = d.Origin
		case d.Dialect != "x-death":
			return nil // from a topic that is not seen here
		}
	}
	placed := m.copied && d.Placed
	for s := range j.steps {
		on := j.flow.Steps[s].Channel
		its := from < 0 && slices.Contains(m.ch.DeadLetters, on) || on == from
		if !placed && its && j.outcome < 0 && j.listed(s) && j.lacks(s) {
			return nil // what is absent may be the origin
		}
	}
	var candidates []*msg
	channels := map[int]bool{}
	for _, o := range j.order {
		if o == m || o.step < 0 || !slices.Contains(m.ch.DeadLetters, o.Channel) || from >= 0 && o.Channel != from {
			continue
		}
		if placed && (o.Partition != d.Partition || o.Offset != d.Offset) {
			continue
		}
		candidates = append(candidates, o)
		channels[o.Channel] = true
	}
	if len(candidates) == 0 || len(channels) > 1 {
		return nil
	}
	for _, o := range candidates {
		if j.unaltered(m, o) {
			return nil
		}
	}
	return candidates[len(candidates)-1]
}

func (j *judged) unaltered(m, o *msg) bool {
	body := string(m.payload) == string(o.payload) && (m.payload == nil) == (o.payload == nil)
	if m.ch.Copy == "body" || m.ch.Broker == AMQP || o.ch.Broker == AMQP {
		return body
	}
	return body && m.HasKey == o.HasKey && m.Key == o.Key
}
