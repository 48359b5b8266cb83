package flows

import (
	"fmt"
	"slices"
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

// liveOrdered is what an ordered rule needs beside its tracker.
type liveOrdered struct {
	*orderedTracker
	l     *Live
	queue []queued // messages that wait to be judged
	head  int
	holes map[*sequence][]Finding // told, of keys that have any
	lost  map[string]bool         // reasons told
	last  correlate.Instant
	unk   [2]bool // full, unsure: told
}

// queued is a message of a key, by its number.
type queued struct {
	key    *sequence
	number uint64
}

func (o *liveOrdered) of(t *orderedTracker) *liveOrdered {
	o.orderedTracker = t
	return o
}

func (o *liveOrdered) sweep(h *correlate.Horizon, now correlate.Instant) ruleNews {
	for ; o.head < len(o.queue); o.head++ {
		u := o.queue[o.head]
		q := u.key
		if q.next >= len(q.window) || q.window[q.next].number > u.number {
			continue // judged by now
		}
		m := &q.window[q.next]
		if !o.settled(h, m) {
			break
		}
		o.judgeNext(q)
	}
	if o.head > 1024 && o.head > len(o.queue)/2 {
		o.queue = append(o.queue[:0], o.queue[o.head:]...)
		o.head = 0
	}
	news := o.news()
	if o.last != 0 && now.Sub(o.last) < sweepEvery {
		return news
	}
	o.last = now
	o.tellHoles(h, now, &news)
	o.forgetKeys(now)
	return news
}

// settled reports whether nothing can come any more that came before m. What
// names its messages without ordering them is taken by its tap's word alone.
func (o *liveOrdered) settled(h *correlate.Horizon, m *sample) bool {
	until := m.instant().Add(max(o.flow.Skew, o.flow.ProducerSkew))
	if !ordered(m.at) {
		return h.ToldPast(o.rule.Channel, until)
	}
	return h.ReadPast(o.rule.Channel, until, !m.time.Known())
}

func (o *liveOrdered) close(h *correlate.Horizon) ruleNews {
	for _, q := range o.keys {
		for q.next < len(q.window) {
			o.judgeNext(q)
		}
	}
	news := o.news()
	o.tellHoles(h, o.last, &news)
	return news
}

// news are the findings of the messages judged.
func (o *liveOrdered) news() (news ruleNews) {
	news.found = o.l.labelled(o.findings)
	o.findings = nil
	for i, is := range []bool{o.full, o.unsure} {
		if !is || o.unk[i] {
			continue
		}
		o.unk[i] = true
		reason := ": more keys than are remembered"
		if i == 1 {
			reason = ": some messages came so much later than their neighbours that their order is not known"
		}
		news.unknowns = append(news.unknowns, "rule "+o.rule.Name+reason)
	}
	return news
}

// watch looks at a key that lacks a value.
func (o *liveOrdered) watch(q *sequence) {
	if _, ok := o.holes[q]; !ok {
		o.holes[q] = nil
	}
}

// tellHoles tells of values that did not come, and takes it back where one did.
func (o *liveOrdered) tellHoles(h *correlate.Horizon, now correlate.Instant, news *ruleNews) {
	for q, told := range o.holes {
		var standing []Finding
		for i := 1; i < len(q.runs); i++ {
			f, u := o.hole(h, q, q.runs[i-1], q.runs[i])
			switch {
			case u == nil:
				standing = append(standing, o.l.labelled([]ruleFinding{f})...)
			case o.lossIn(h, q.runs[i-1], q.runs[i]) && !o.lost[u.Reason] && len(o.lost) < maxWindow:
				o.lost[u.Reason] = true
				news.unknowns = append(news.unknowns, u.Reason)
			}
		}
		found, withdrawn := changes(standing, told)
		news.found, news.withdrawn = append(news.found, found...), append(news.withdrawn, withdrawn...)
		for len(q.runs) > 1 && q.runs[1].at.instant().Add(o.flow.Remember) < now {
			q.runs[1].from, q.runs[1].at = q.runs[0].from, q.runs[0].at
			q.runs = slices.Delete(q.runs, 0, 1)
			standing = standing[min(1, len(standing)):] // it stands, and is not looked at any more
		}
		if o.holes[q] = standing; len(q.runs) < 2 {
			delete(o.holes, q)
		}
	}
}

// lossIn reports whether what lies between two runs may have been lost: else it is
// only too early to say that it never came.
func (o *liveOrdered) lossIn(h *correlate.Horizon, low, high run) bool {
	_, ok := h.LossIn(o.rule.Channel, low.last.instant(), high.at.instant().Add(o.flow.Timeout))
	return ok
}

// forgetKeys lets go of keys that were quiet for longer than the flow remembers.
func (o *liveOrdered) forgetKeys(now correlate.Instant) {
	for key, q := range o.keys {
		if q.heard.Add(o.flow.Remember) < now && q.next == len(q.window) && len(q.runs) < 2 {
			delete(o.keys, key)
		}
	}
}
