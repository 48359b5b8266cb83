package flows

import (
	"fmt"
	"slices"
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/message"
)

// Baseline is what the audit of a whole recording leaves to those of its parts.
// It is immutable and safe for concurrent use.
type Baseline struct {
	horizon *correlate.Horizon
	spans   []Spans
}

// Spans are the times that one latency rule measured, a chain each.
type Spans []time.Duration

// Excerpt says what is left out of an audit of a part: all of the Baseline but the
// part as it was, whose spans are Was, by latency rule.
type Excerpt struct {
	Of  *Baseline
	Was []Spans
}

// Baseline is what the audit knows once it has a Result. The audit must not be
// used any more.
func (a *Audit) Baseline() *Baseline { return &Baseline{horizon: a.horizon, spans: a.Spans()} }

// Until returns a baseline whose taps read on for as long as any deadline of the
// flow, and saw nothing more: what is absent then is missing.
func (b *Baseline) Until(f *Flow) *Baseline {
	h := *b.horizon
	h.EndDecides = true
	for i := range h.Channels {
		h.End = max(h.End, h.Channels[i].Latest())
	}
	h.End = h.End.Add(f.Timeout + f.longest + f.Settle)
	return &Baseline{horizon: &h, spans: b.spans}
}

// Spans are what the latency rules measured, in the order of the file.
func (a *Audit) Spans() []Spans {
	all := make([]Spans, len(a.spans))
	for i, l := range a.spans {
		slices.Sort(l.spans)
		all[i] = l.spans
	}
	return all
}

// horizon is the baseline's, to which an audit may add gaps of its own.
func (p *Excerpt) horizon() *correlate.Horizon {
	h := *p.Of.horizon
	h.Channels = slices.Clone(h.Channels)
	for i := range h.Channels {
		h.Channels[i].Gaps = slices.Clip(h.Channels[i].Gaps)
	}
	return &h
}

// slow judges a latency rule over all chains: those of the baseline, without the
// part as it was, and with the part as it is.
func (p *Excerpt) slow(rule int, l *latencies) []Finding {
	within := func(s Spans, limit time.Duration) int {
		n, _ := slices.BinarySearch(s, limit+1)
		return n
	}
	slices.Sort(l.spans)
	base, was, is := p.Of.spans[rule], Spans(nil), Spans(l.spans)
	if rule < len(p.Was) {
		was = p.Was[rule]
	}
	n := len(base) - len(was) + len(is)
	if n == 0 {
		return nil
	}
	var findings []Finding
	for _, limit := range l.rule.limits {
		if within(base, limit.max)-within(was, limit.max)+within(is, limit.max) >= rankOf(limit.percent, n) {
			continue
		}
		findings = append(findings, Finding{
			Kind: Slow, Rule: l.rule.Name, Text: fmt.Sprintf("%s of %s is beyond its limit over %d chains", limit.key, l.rule.Name, n),
			Expected: limit.key + " at most " + spell(limit.max), Actual: "more than " + spell(limit.max),
		})
	}
	return findings
}

// Step is the index of the step that the message is, -1 for none.
func (r *Reducer) Step(o *message.Observation) int {
	m := &r.one
	r.in.reduce(o, false, m)
	if m.channel < 0 || !m.mine {
		return -1
	}
	return int(m.Entry.Step)
}

// RuleKeys calls yield for each rule that follows the message's channel, with
// the key whose sequence the message is in. The key is valid until the next call.
func (r *Reducer) RuleKeys(o *message.Observation, yield func(rule int, key string)) {
	m := &r.one
	r.in.reduce(o, false, m)
	if m.channel < 0 || !m.mine {
		return
	}
	for i, tap := range r.in.flow.Channels[m.channel].intake.rules {
		if per := m.values[2*i+1]; !per.IsNil() {
			yield(tap.rule, keyOf(per))
		}
	}
}
