package flows

import (
	"fmt"
	"slices"

	"github.com/flowcheck/flowcheck/correlate"
)

// orderedTracker follows `ordered`: of each key the runs of values that came.
// A sequence without faults is one run, whatever its length.
type orderedTracker struct {
	flow     *Flow
	rule     *Rule
	keys     map[string]*sequence
	findings []ruleFinding
	full     bool
}

// sequence is what came of one key.
type sequence struct {
	name string
	runs []run // ascending, apart from one another
	max  place // of the highest value
}

// run is a run of values without a hole, with the places of its first and its
// last.
type run struct {
	from, to int64
	at, last place
}

// maxRuns bounds the holes remembered of one key, maxKeys the keys of one rule.
const (
	maxRuns = 1 << 10
	maxKeys = 1 << 21
)

func (t *orderedTracker) observe(s *sighting) {
	n, ok := sequenceNumber(s.by)
	if !ok || s.per.IsNil() {
		return
	}
	key := keyOf(s.per)
	q := t.keys[key]
	if q == nil {
		if len(t.keys) >= maxKeys {
			t.full = true
			return
		}
		q = &sequence{name: nameOf(s.per)}
		t.keys[key] = q
	}
	if !q.add(n, s.place, !t.rule.gapless) {
		return // an equal value is not this rule's business
	}
	top := q.runs[len(q.runs)-1].to
	if n == top {
		t.overtaken(q, n, s.place)
		q.max = s.place
		return
	}
	t.judge(q, n, top, s.place)
}

// judge tells of a value that came after a higher one.
func (t *orderedTracker) judge(q *sequence, n, top int64, p place) {
	if t.order(q.max, p) == before {
		t.late(q, n, top, p, q.max)
	}
}

// overtaken tells of the highest value so far, if the one above it came before
// it by the broker's word though the tap saw it later.
func (t *orderedTracker) overtaken(q *sequence, n int64, p place) {
	if !q.max.seen.Known() || t.order(p, q.max) != before {
		return
	}
	below := q.below(n)
	t.late(q, below, n, q.max, p)
}

// below is the highest value under n.
func (q *sequence) below(n int64) int64 {
	last := q.runs[len(q.runs)-1]
	if last.from < n {
		return n - 1
	}
	return q.runs[len(q.runs)-2].to
}

func (t *orderedTracker) late(q *sequence, n, top int64, p, max place) {
	ch := &t.flow.Channels[t.rule.Channel]
	f := t.rule.finding(OutOfOrder, ch, p, max)
	f.Text = fmt.Sprintf("%d came after %d for %s", n, top, q.name)
	f.Expected, f.Actual = fmt.Sprintf("%d before %d", n, top), fmt.Sprintf("%d after %d", n, top)
	t.findings = append(t.findings, f)
}

// order tells which of two messages of the channel came first.
func (t *orderedTracker) order(a, b place) order {
	if a.at.Ordered(b.at) {
		if a.at.Offset < b.at.Offset {
			return before
		}
		return after
	}
	if !a.time.Known() || !b.time.Known() {
		return undecided
	}
	switch d := a.time.Sub(b.time); {
	case d < -t.flow.Skew:
		return before
	case d > t.flow.Skew:
		return after
	}
	return undecided
}

// add notes a value; false where it came before. Where sparse, values between
// two that came are not expected, and old runs are forgotten.
func (q *sequence) add(n int64, p place, sparse bool) bool {
	i, _ := slices.BinarySearchFunc(q.runs, n, func(r run, n int64) int {
		switch {
		case r.to < n:
			return -1
		case r.to > n:
			return 1
		}
		return 0
	})
	if i < len(q.runs) && q.runs[i].from <= n {
		return false
	}
	joinsLow := i > 0 && q.runs[i-1].to+1 == n
	joinsHigh := i < len(q.runs) && q.runs[i].from-1 == n
	switch {
	case joinsLow && joinsHigh:
		q.runs[i-1].to, q.runs[i-1].last = q.runs[i].to, q.runs[i].last
		q.runs = slices.Delete(q.runs, i, i+1)
	case joinsLow:
		q.runs[i-1].to, q.runs[i-1].last = n, p
	case joinsHigh:
		q.runs[i].from, q.runs[i].at = n, p
	default:
		q.runs = slices.Insert(q.runs, i, run{n, n, p, p})
	}
	limit := maxRuns
	if sparse {
		limit = 32
	}
	if len(q.runs) > limit {
		q.runs[1].from = q.runs[0].from
		q.runs = slices.Delete(q.runs, 0, 1)
	}
	return true
}

func (t *orderedTracker) report(h *correlate.Horizon) ([]ruleFinding, []Unknown) {
	findings := slices.Clone(t.findings)
	var unknowns []Unknown
	if t.full {
		unknowns = append(unknowns, Unknown{Reason: "rule " + t.rule.Name + ": more keys than are remembered"})
	}
	if !t.rule.gapless {
		return findings, unknowns
	}
	for _, q := range t.keys {
		for i := 1; i < len(q.runs); i++ {
			f, u := t.hole(h, q, q.runs[i-1], q.runs[i])
			if u != nil {
				unknowns = append(unknowns, *u)
				continue
			}
			findings = append(findings, f)
		}
	}
	return findings, unknowns
}

// hole judges values that did not come: never, lost by the tap, or not yet.
func (t *orderedTracker) hole(h *correlate.Horizon, q *sequence, low, high run) (ruleFinding, *Unknown) {
	ch := &t.flow.Channels[t.rule.Channel]
	what := fmt.Sprintf("%d", low.to+1)
	if low.to+2 < high.from {
		what = fmt.Sprintf("%d to %d", low.to+1, high.from-1)
	}
	until := high.at.instant().Add(t.flow.Timeout)
	if i, ok := h.LossIn(t.rule.Channel, low.last.instant(), until); ok {
		gap := h.Channels[t.rule.Channel].Gaps[i]
		return ruleFinding{}, &Unknown{Reason: fmt.Sprintf("rule %s: %s of %s may have been lost: %s", t.rule.Name, what, q.name, gap.Reason)}
	}
	if !h.End.Known() && !h.ReadPast(t.rule.Channel, until, !high.at.time.Known()) {
		return ruleFinding{}, &Unknown{Reason: fmt.Sprintf("rule %s: %s of %s may still come", t.rule.Name, what, q.name)}
	}
	f := t.rule.finding(SequenceGap, ch, high.at)
	f.Text = fmt.Sprintf("%s never came for %s", what, q.name)
	f.Expected, f.Actual = what+" before "+fmt.Sprint(high.from), "never"
	return f, nil
}
