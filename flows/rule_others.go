package flows

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/flowcheck/flowcheck/correlate"
)

// neverTracker follows `never`: each message is a finding.
type neverTracker struct {
	flow     *Flow
	rule     *Rule
	findings []ruleFinding
}

func (t *neverTracker) observe(s *sighting) {
	if !s.by.Bool() {
		return
	}
	f := t.rule.finding(Forbidden, s.channel, s.place)
	f.Text = "what must never come came on " + s.channel.Name
	f.Expected, f.Actual = "never "+t.rule.text, "a message"
	t.findings = append(t.findings, f)
}

func (t *neverTracker) report(*correlate.Horizon) ([]ruleFinding, []Unknown) { return t.findings, nil }

// uniqueTracker follows `unique`: where each id came first.
type uniqueTracker struct {
	flow       *Flow
	rule       *Rule
	young, old map[string]*owner
	findings   []ruleFinding
	rotated    correlate.Instant // when young became old
	full       bool
}

// owner is the message that has an id.
type owner struct {
	place
	entry correlate.Entry
}

func (t *uniqueTracker) observe(s *sighting) {
	if s.by.IsNil() || s.entry.Copy {
		return
	}
	key := keyOf(s.per) + keyOf(s.by)
	t.rotate(s.seen)
	have := t.young[key]
	if have == nil {
		have = t.old[key]
	}
	if have == nil {
		t.young[key] = &owner{s.place, *s.entry}
		return
	}
	if s.channel.redelivery(&have.entry, s.entry) {
		return
	}
	first, second := have.place, s.place
	if byPlace(s.entry, &have.entry) < 0 && s.at.Ordered(have.at) || s.instant() < have.instant() && !s.at.Ordered(have.at) {
		first, second = second, first
		have.place, have.entry = s.place, *s.entry
	}
	f := t.rule.finding(Duplicate, s.channel, second, first)
	f.Text = fmt.Sprintf("the id %s came again on %s", nameOf(s.by), s.channel.Name)
	f.Expected, f.Actual = "once", "twice"
	t.findings = append(t.findings, f)
}

// rotate forgets ids that are older than the flow remembers, or too many.
func (t *uniqueTracker) rotate(now correlate.Instant) {
	full := len(t.young) >= maxKeys
	if t.young != nil && !full && now < t.rotated.Add(t.flow.Remember) {
		return
	}
	t.full = t.full || full
	t.old, t.young, t.rotated = t.young, map[string]*owner{}, now
}

func (t *uniqueTracker) report(*correlate.Horizon) ([]ruleFinding, []Unknown) {
	if t.full {
		return t.findings, []Unknown{{Reason: "rule " + t.rule.Name + ": more ids than are remembered"}}
	}
	return t.findings, nil
}

// everyTracker follows `every`: when each key was heard last.
type everyTracker struct {
	flow     *Flow
	rule     *Rule
	keys     map[string]*beat
	findings []ruleFinding
	full     bool
}

type beat struct {
	name string
	last place
}

func (t *everyTracker) observe(s *sighting) {
	key := keyOf(s.per)
	b := t.keys[key]
	if b == nil {
		if len(t.keys) >= maxKeys {
			t.full = true
			return
		}
		t.keys[key] = &beat{nameOf(s.per), s.place}
		return
	}
	silence := s.instant().Sub(b.last.instant())
	if silence > t.rule.every {
		t.findings = append(t.findings, t.silent(b, spell(silence)))
	}
	if silence > 0 {
		b.last = s.place
	}
}

func (t *everyTracker) silent(b *beat, howLong string) ruleFinding {
	f := t.rule.finding(Missing, &t.flow.Channels[t.rule.Channel], b.last)
	limit := spell(t.rule.every)
	f.Text = fmt.Sprintf("%s was silent for %s", b.name, howLong)
	f.Expected, f.Actual = "a message every "+limit, howLong
	return f
}

func (t *everyTracker) report(h *correlate.Horizon) ([]ruleFinding, []Unknown) {
	findings := slices.Clone(t.findings)
	var unknowns []Unknown
	for _, b := range t.keys {
		due := b.last.instant().Add(t.rule.every)
		switch i, lost := h.LossIn(t.rule.Channel, b.last.instant(), due); {
		case lost:
			unknowns = append(unknowns, Unknown{Reason: "rule " + t.rule.Name + ": a message of " + b.name + " may have been lost: " + h.Channels[t.rule.Channel].Gaps[i].Reason})
		case h.ReadPast(t.rule.Channel, due, !b.last.time.Known()) && h.End != due:
			findings = append(findings, t.silent(b, "more than "+spell(t.rule.every)))
		}
	}
	if t.full {
		unknowns = append(unknowns, Unknown{Reason: "rule " + t.rule.Name + ": more keys than are remembered"})
	}
	return findings, unknowns
}

// latencies gathers, for one `latency` rule, how long each chain took.
type latencies struct {
	rule  *Rule
	flow  *Flow
	spans []time.Duration
}

// observe notes the time between the two steps of a judged chain: from the
// first message of the one to the last of the other.
func (l *latencies) observe(j *judge) {
	from, to := j.steps[l.rule.from], j.steps[l.rule.to]
	if from.last() == nil || to.last() == nil {
		return
	}
	a, b := from.all[0], to.last()
	if a.Time.Known() && b.Time.Known() {
		l.spans = append(l.spans, b.Time.Sub(a.Time))
		return
	}
	l.spans = append(l.spans, b.Seen.Sub(a.Seen))
}

func (l *latencies) report() []Finding {
	if len(l.spans) == 0 {
		return nil
	}
	slices.Sort(l.spans)
	var findings []Finding
	for _, limit := range l.rule.limits {
		rank := max(1, int(math.Ceil(limit.percent/100*float64(len(l.spans)))))
		got := l.spans[rank-1]
		if got <= limit.max {
			continue
		}
		from, to := l.flow.Steps[l.rule.from].Name, l.flow.Steps[l.rule.to].Name
		findings = append(findings, Finding{
			Kind: Slow, Rule: l.rule.Name,
			Text:     fmt.Sprintf("%s from %s to %s is %s over %d chains", limit.key, from, to, spell(got), len(l.spans)),
			Expected: limit.key + " at most " + spell(limit.max), Actual: spell(got),
		})
	}
	return findings
}
