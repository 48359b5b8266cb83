package flows

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/flowcheck/flowcheck/correlate"
)

// closeChains judges all that is still kept. Chains of which nothing is to be told
// but that they pass are judged on as many cores as there are:
//
//	          ┌→ closer: chains → counts, and which of them passed ┐
//	engine →  ┤                                                    ├→ the others, one after the other
//	          └→ closer                                            ┘
func (a *Audit) closeChains() {
	a.closing = true
	if len(a.byID) > 0 || len(a.attempts) > 0 || len(a.poisons) > 0 || a.cfg.OwnOnly || a.cfg.Judged != nil {
		a.engine.Close(nil)
		return
	}
	passed := make([]bool, a.engine.Numbers()+1)
	closers := make([]*closer, min(runtime.GOMAXPROCS(0), 1+len(passed)/closerRun))
	var next atomic.Int64
	var running sync.WaitGroup
	for i := range closers {
		c := a.newCloser()
		closers[i] = c
		if i > 0 {
			running.Go(func() { c.judge(passed, &next) })
		}
	}
	closers[0].judge(passed, &next)
	running.Wait()
	for _, c := range closers {
		a.addCounts(&c.counts)
	}
	a.engine.Close(func(n correlate.Number) bool { return passed[n] })
}

// closerRun is how many chains a closer takes at a time.
const closerRun = 1 << 10

// closer judges chains beside others, which all read the same audit.
type closer struct {
	of     *Audit
	counts Audit // it has no engine, and counts what passes
	// Of the chain that is judged; the count of same times is from before it.
	chain   correlate.Chain
	verdict Verdict
	same    []int
}

func (a *Audit) newCloser() *closer {
	c := &closer{of: a, counts: Audit{
		flow: a.flow, cfg: a.cfg, horizon: a.horizon, judge: judge{flow: a.flow, want: -1},
		result: Result{Chains: ChainCounts{Outcomes: map[string]int{}}},
	}}
	for _, l := range a.spans {
		c.counts.spans = append(c.counts.spans, &latencies{rule: l.rule, flow: l.flow})
	}
	return c
}

// judge notes which chains passed, of those that no other closer takes.
func (c *closer) judge(passed []bool, next *atomic.Int64) {
	for {
		to := int(next.Add(closerRun))
		for n := to - closerRun; n < min(to, len(passed)); n++ {
			passed[n] = c.of.engine.Read(correlate.Number(n), &c.chain) && c.passes()
		}
		if to >= len(passed) {
			return
		}
	}
}

// passes counts the chain if it passes and nothing else is to be said of it.
func (c *closer) passes() bool {
	for i := range c.chain.Entries {
		e := &c.chain.Entries[i]
		if stray := e.Detail != nil && e.Detail.Stray != correlate.NotStray; stray || c.of.read.owed[e.Seq] != nil {
			return false
		}
	}
	a := &c.counts
	c.same = append(c.same[:0], a.judge.sameTime...)
	c.verdict = a.verdict(&c.chain, nil)
	if c.verdict.State() != Pass || len(a.judge.gaps) > 0 {
		clear(a.judge.sameTime)
		copy(a.judge.sameTime, c.same)
		return false
	}
	a.observeSpans(nil)
	a.count(&c.chain, &c.verdict)
	return true
}

// addCounts adds what another has counted.
func (a *Audit) addCounts(o *Audit) {
	r := &a.result
	r.Chains.Total += o.result.Chains.Total
	r.Chains.Pass += o.result.Chains.Pass
	r.Undecided += o.result.Undecided
	r.Redelivered += o.result.Redelivered
	r.Retried += o.result.Retried
	for name, n := range o.result.Chains.Outcomes {
		r.Chains.Outcomes[name] += n
	}
	for i, l := range o.spans {
		a.spans[i].spans = append(a.spans[i].spans, l.spans...)
		a.spans[i].partial = a.spans[i].partial || l.partial
	}
	if a.judge.sameTime == nil {
		a.judge.sameTime = o.judge.sameTime
	} else {
		for step, n := range o.judge.sameTime {
			a.judge.sameTime[step] += n
		}
	}
	if a.spreads == nil {
		a.spreads = o.spreads
		return
	}
	for step := range o.spreads {
		s := &a.spreads[step]
		s.N += o.spreads[step].N
		for bucket, n := range o.spreads[step].Buckets {
			s.Buckets[bucket] += n
		}
	}
}
