package flows

import (
	"fmt"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/correlate"
)

// sweepEvery is how often what is looked through whole is looked through.
const sweepEvery = time.Second

// liveRule is a rule that is judged while messages come.
type liveRule interface {
	// sweep tells what is new, given how far the taps have read.
	sweep(h *correlate.Horizon, now correlate.Instant) ruleNews
	// close tells what is left, at the end.
	close(h *correlate.Horizon) ruleNews
}

// ruleNews is what a rule has to tell.
type ruleNews struct {
	found, withdrawn []Finding
	unknowns         []string
}

func newLiveRule(l *Live, r *Rule, t tracker) liveRule {
	switch t := t.(type) {
	case *neverTracker:
		return liveNever{l, t}
	case *orderedTracker:
		t.live = &liveOrdered{l: l, holes: map[*sequence][]Finding{}, lost: map[string]bool{}}
		return t.live.of(t)
	case *uniqueTracker:
		t.live = true
		return &liveUnique{l: l, t: t}
	case *everyTracker:
		return &liveEvery{l: l, t: t, told: map[string]Finding{}}
	default:
		if r.Kind == "latency" {
			return newLiveLatency(l.flow(), r)
		}
		return nil
	}
}

func (l *Live) sweepRules() {
	for _, r := range l.rules {
		if r != nil {
			l.tellRule(r.sweep(l.a.horizon, l.now))
		}
	}
}

func (l *Live) tellRule(n ruleNews) {
	if len(n.found)+len(n.withdrawn)+len(n.unknowns) == 0 {
		return
	}
	state := NotKnown
	if len(n.found) > 0 {
		state = Fail
	}
	l.cfg.Tell(&Judgement{State: state, Found: sortedFindings(n.found), Withdrawn: sortedFindings(n.withdrawn), Unknowns: n.unknowns, flow: l.flow()})
}

// measure gives the latency rules a chain that was judged for the first time.
func (l *Live) measure(j *judge) {
	for _, r := range l.rules {
		if lat, ok := r.(*liveLatency); ok {
			lat.observe(j)
		}
	}
}

// maxRests bounds the messages of its chain that a rule's finding tells.
const maxRests = 200

// labelled names the chains of a rule's findings.
func (l *Live) labelled(all []ruleFinding) []Finding {
	findings := make([]Finding, 0, len(all))
	for _, one := range all {
		if c := one.place.chain; c != nil {
			c = l.named(c)
			one.Chain, one.IDs = l.flow().label(c)
			for i := range c.Entries[:min(len(c.Entries), maxRests)] {
				e := &c.Entries[i]
				at := e.Position
				at.ID = strings.Clone(at.ID)
				one.rests.On = append(one.rests.On, Evidence{l.flow().Channels[e.Channel].Name, at})
			}
		}
		findings = append(findings, one.Finding)
	}
	return findings
}

// named is the chain that a rule knows by name, with its ids as they are now.
func (l *Live) named(name *correlate.Chain) *correlate.Chain {
	if name = name.Current(); name.Number == 0 {
		return name // the engine has let go of it, and left its ids
	}
	return l.a.engine.Show(name.Number)
}

// liveNever tells each message at once.
type liveNever struct {
	l *Live
	t *neverTracker
}

func (n liveNever) sweep(*correlate.Horizon, correlate.Instant) ruleNews {
	found := n.l.labelled(n.t.findings)
	n.t.findings = nil
	return ruleNews{found: found}
}

func (n liveNever) close(h *correlate.Horizon) ruleNews { return n.sweep(h, correlate.Never) }

// liveUnique tells the doubles of ids that got another message.
type liveUnique struct {
	l    *Live
	t    *uniqueTracker
	full bool
}

func (u *liveUnique) sweep(*correlate.Horizon, correlate.Instant) (news ruleNews) {
	for _, o := range u.t.doubled {
		o.fresh = false
		now := u.l.labelled(u.t.doubles(o))
		found, withdrawn := changes(now, o.told)
		o.told = now
		news.found, news.withdrawn = append(news.found, found...), append(news.withdrawn, withdrawn...)
	}
	u.t.doubled = nil
	if u.t.full && !u.full {
		u.full = true
		news.unknowns = append(news.unknowns, "rule "+u.t.rule.Name+": more ids than are remembered")
	}
	return news
}

func (u *liveUnique) close(h *correlate.Horizon) ruleNews { return u.sweep(h, correlate.Never) }

// liveEvery tells silences, and takes one back that a message that came late has
// ended.
type liveEvery struct {
	l    *Live
	t    *everyTracker
	told map[string]Finding
	last correlate.Instant
	lost map[string]bool
}

func (e *liveEvery) sweep(h *correlate.Horizon, now correlate.Instant) ruleNews {
	if e.last != 0 && now.Sub(e.last) < sweepEvery {
		return ruleNews{}
	}
	e.last = now
	news := e.close(h)
	keep := e.t.flow.Remember + e.t.rule.every
	for key, b := range e.t.keys {
		for len(b.silences) > 0 && b.silences[0].to.instant().Add(keep) < now {
			e.forget(b.silences[0].from)
			b.silences = b.silences[1:]
		}
		if b.last.instant().Add(keep) < now {
			e.forget(b.last)
			delete(e.t.keys, key)
		}
	}
	return news
}

func (e *liveEvery) close(h *correlate.Horizon) (news ruleNews) {
	all, unknowns := e.t.report(h)
	standing := map[string]Finding{}
	for _, f := range e.l.labelled(all) {
		id := FindingID("", &f)
		standing[id] = f
		if _, ok := e.told[id]; !ok {
			news.found = append(news.found, f)
		}
	}
	for id, f := range e.told {
		if _, ok := standing[id]; !ok {
			news.withdrawn = append(news.withdrawn, f)
		}
	}
	e.told = standing
	lost := map[string]bool{}
	for _, u := range unknowns {
		if lost[u.Reason] = true; !e.lost[u.Reason] {
			news.unknowns = append(news.unknowns, u.Reason)
		}
	}
	e.lost = lost
	return news
}

// forget leaves what was told of the silence after a message as it is.
func (e *liveEvery) forget(after place) {
	for id, f := range e.told {
		if f.Evidence[0].Position == after.at {
			delete(e.told, id)
		}
	}
}

// liveLatency judges a percentile over windows of time: the chains of which the
// later step came in one.
type liveLatency struct {
	flow    *Flow
	rule    *Rule
	length  time.Duration
	windows map[int64]*latencies // by number since 1970
}

// latencyWindow is the longest window.
const latencyWindow = 10 * time.Minute

// maxSpans bounds the chains of a window that count.
const maxSpans = 1 << 20

func newLiveLatency(f *Flow, r *Rule) *liveLatency {
	return &liveLatency{flow: f, rule: r, length: max(min(latencyWindow, f.Remember/2), time.Second), windows: map[int64]*latencies{}}
}

func (l *liveLatency) observe(j *judge) {
	to := j.steps[l.rule.to].last()
	if to == nil {
		return
	}
	n := int64(to.At()) / int64(l.length)
	w := l.windows[n]
	if w == nil {
		w = &latencies{rule: l.rule, flow: l.flow}
		l.windows[n] = w
	}
	if len(w.spans) < maxSpans {
		w.observe(j)
	}
}

func (l *liveLatency) sweep(_ *correlate.Horizon, now correlate.Instant) (news ruleNews) {
	for n := range l.windows {
		if over := correlate.Instant((n + 1) * int64(l.length)).Add(l.length); over < now {
			news.found = append(news.found, l.judge(n)...)
		}
	}
	return news
}

func (l *liveLatency) close(*correlate.Horizon) (news ruleNews) {
	for n := range l.windows {
		news.found = append(news.found, l.judge(n)...)
	}
	return news
}

// judge tells of a window, which is over.
func (l *liveLatency) judge(n int64) []Finding {
	from := correlate.Instant(n * int64(l.length)).Time()
	began := from.Format(time.RFC3339)
	findings, _ := l.windows[n].report()
	delete(l.windows, n)
	for i := range findings {
		findings[i].window = findings[i].Expected + began
		findings[i].rests.From, findings[i].rests.Until = from, from.Add(l.length)
		findings[i].Text += fmt.Sprintf(", in the %v from %s", l.length, began)
	}
	return findings
}
