package flows

import (
	"slices"

	"github.com/flowcheck/flowcheck/correlate"
)

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
