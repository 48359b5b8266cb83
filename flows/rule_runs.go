package flows

import (
	"fmt"
	"slices"
	"time"

	"github.com/flowcheck/flowcheck/correlate"
)

// run is a run of values without a hole, with the places of its first and its
// last where holes are looked for. A sequence without faults is one run, whatever
// its length.
type run struct {
	from, to int64
	at, last *place
}

// find returns the run that has the value, or the place of one that would.
func (q *sequence) find(n int64) (int, bool) {
	i, _ := slices.BinarySearchFunc(q.runs, n, func(r run, n int64) int {
		switch {
		case r.to < n:
			return -1
		case r.to > n:
			return 1
		}
		return 0
	})
	return i, i < len(q.runs) && q.runs[i].from <= n
}

// add notes a value that has not come before. Beyond limit runs the lowest two
// become one.
func (q *sequence) add(n int64, at *place, limit int) {
	i, _ := q.find(n)
	if at != nil {
		own := *at
		at = &own
	}
	joinsLow := i > 0 && q.runs[i-1].to+1 == n
	joinsHigh := i < len(q.runs) && q.runs[i].from-1 == n
	switch {
	case joinsLow && joinsHigh:
		q.runs[i-1].to, q.runs[i-1].last = q.runs[i].to, q.runs[i].last
		q.runs = slices.Delete(q.runs, i, i+1)
	case joinsLow:
		q.runs[i-1].to, q.runs[i-1].last = n, at
	case joinsHigh:
		q.runs[i].from, q.runs[i].at = n, at
	default:
		q.runs = slices.Insert(q.runs, i, run{n, n, at, at})
	}
	if len(q.runs) > limit {
		q.runs[1].from, q.runs[1].at = q.runs[0].from, q.runs[0].at
		q.runs = slices.Delete(q.runs, 0, 1)
		q.merged = true
	}
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
	ended := h.EndDecides && h.End.Known()
	if !ended && !h.ReadPast(t.rule.Channel, until, !high.at.time.Known()) {
		return ruleFinding{}, &Unknown{Reason: fmt.Sprintf("rule %s: %s of %s may still come", t.rule.Name, what, q.name)}
	}
	f := t.rule.finding(SequenceGap, ch, *high.at)
	f.Text = fmt.Sprintf("%s never came for %s", what, q.name)
	f.Expected, f.Actual = what+" before "+fmt.Sprint(high.from), "never"
	f.rests.On = []Evidence{{ch.Name, low.last.at}}
	f.call(LostWrite, weakerNoAck)
	return f, nil
}

// recentIDs is a set of hashes that forgets: those of the last while at least,
// and maxIDs of them at most.
type recentIDs struct {
	young, old map[uint64]struct{}
	turned     correlate.Instant // when young became old
}

const maxIDs = 1 << 21

func (r *recentIDs) has(id uint64) bool {
	if _, ok := r.young[id]; ok {
		return true
	}
	_, ok := r.old[id]
	return ok
}

func (r *recentIDs) add(id uint64, now correlate.Instant, keep time.Duration) {
	if r.young == nil || len(r.young) >= maxIDs || now > r.turned.Add(keep) {
		r.old, r.young, r.turned = r.young, map[uint64]struct{}{}, now
	}
	r.young[id] = struct{}{}
}
