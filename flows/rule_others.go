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
	f := t.rule.finding(Forbidden, s.channel, s.named())
	f.Text = "what must never come came on " + s.channel.Name
	f.Expected, f.Actual = "never "+t.rule.text, "a message"
	t.findings = append(t.findings, f)
}

func (t *neverTracker) report(*correlate.Horizon) ([]ruleFinding, []Unknown) { return t.findings, nil }

// latencies gathers, for one `latency` rule, how long each chain took.
type latencies struct {
	rule  *Rule
	flow  *Flow
	spans []time.Duration
	// partial tells that some chains were not kept whole.
	partial bool
}

// observe notes the time between the two steps of a judged chain: from the
// first message of the one to the last of the other.
func (l *latencies) observe(j *judge) {
	if j.partial() {
		l.partial = true
		return
	}
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

func (l *latencies) report() ([]Finding, []Unknown) {
	if l.partial {
		return nil, []Unknown{{Reason: "rule " + l.rule.Name + ": not all chains were kept whole"}}
	}
	if len(l.spans) == 0 {
		return nil, nil
	}
	slices.Sort(l.spans)
	var findings []Finding
	for _, limit := range l.rule.limits {
		got := l.spans[rankOf(limit.percent, len(l.spans))-1]
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
	return findings, nil
}

// rankOf is the nearest rank of a percentile among n values, from 1 to n. It
// counts in millionths of a hundred: 99.9 of 1000 is the 999th, which floating
// point numbers miss.
func rankOf(percent float64, n int) int {
	const whole = 100_000_000
	parts := int64(math.Round(percent * whole / 100))
	return max(1, int((parts*int64(n)+whole-1)/whole))
}
