package console

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/shadow"
)

// The bounds of what is remembered: chains are counted by slots of ten seconds,
// and their outcomes by minutes, for a day; how long steps took for an hour;
// findings for a day, the last of them whole.
const (
	slotLength   = 10 * time.Second
	slots        = int(24 * time.Hour / slotLength)
	minutes      = 24 * 60
	spreadLength = 5 * time.Minute
	spreads      = 12
	maxStanding  = 100_000
	maxRecent    = 300
	maxMoments   = 100 // of a chain that is kept whole
)

// MaxSince is how far back the history reaches.
const MaxSince = 24 * time.Hour

// history is what the last day told of each flow.
type history struct {
	mu     sync.Mutex
	order  []string
	flows  map[string]*flowHistory
	recent []shadow.Record // the last findings and unknowns, the youngest last
}

// flowHistory is one flow's. A ring's index is the time, so that what is older is
// written over.
type flowHistory struct {
	flow     *flows.Flow
	since    time.Time // from when it is complete
	slots    []slot
	minutes  []minute
	spreads  map[string][]spread // by step
	whole    []spread
	findings map[string]standing
	unknowns []time.Time
}

// slot counts the chains that closed in ten seconds.
type slot struct {
	at                  int64 // its number since 1970
	pass, fail, unknown int32
}

// minute counts outcomes; "" is none.
type minute struct {
	at       int64
	outcomes map[string]int32
}

// spread counts how long things took, in flows.BucketOf's buckets.
type spread struct {
	at      int64
	buckets [flows.SpreadBuckets]int32
}

// standing is a finding that was told and not withdrawn.
type standing struct {
	at    time.Time
	chain string
}

func newHistory(all []*flows.Flow, now time.Time) *history {
	h := &history{flows: map[string]*flowHistory{}}
	for _, f := range all {
		h.order = append(h.order, f.Name)
		h.flows[f.Name] = &flowHistory{
			flow: f, since: now, slots: make([]slot, slots), minutes: make([]minute, minutes), spreads: map[string][]spread{}, findings: map[string]standing{},
		}
	}
	return h
}

// closed counts a chain that has closed just now.
func (h *history) closed(flow string, j *flows.Judgement, t *times, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.flows[flow]
	if f == nil {
		return
	}
	s := f.slot(now)
	switch j.State {
	case flows.Pass:
		s.pass++
	case flows.Fail:
		s.fail++
	case flows.NotKnown:
		s.unknown++
	}
	f.minute(now).outcomes[j.Outcome]++
	for _, st := range t.steps {
		if f.spreads[st.step] == nil {
			f.spreads[st.step] = make([]spread, spreads)
		}
		spreadAt(f.spreads[st.step], now).buckets[flows.BucketOf(st.after)]++
	}
	if f.whole == nil {
		f.whole = make([]spread, spreads)
	}
	spreadAt(f.whole, now).buckets[flows.BucketOf(t.whole)]++
}

func (f *flowHistory) slot(now time.Time) *slot {
	at := now.UnixNano() / int64(slotLength)
	s := &f.slots[at%int64(slots)]
	if s.at != at {
		*s = slot{at: at}
	}
	return s
}

func (f *flowHistory) minute(now time.Time) *minute {
	at := now.Unix() / 60
	m := &f.minutes[at%minutes]
	if m.at != at || m.outcomes == nil {
		*m = minute{at: at, outcomes: map[string]int32{}}
	}
	return m
}

func spreadAt(ring []spread, now time.Time) *spread {
	at := now.UnixNano() / int64(spreadLength)
	s := &ring[at%spreads]
	if s.at != at {
		*s = spread{at: at}
	}
	return s
}

// told takes a record: what it says stands, or does not any more.
func (h *history) told(r *shadow.Record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.flows[r.Flow]
	if f == nil {
		return
	}
	switch r.Event {
	case shadow.EventFinding:
		if len(f.findings) >= maxStanding {
			f.forget(r.Time.Add(-MaxSince))
		}
		if len(f.findings) < maxStanding { // beyond it, how many there are makes no difference
			f.findings[r.ID] = standing{r.Time, r.Chain}
		}
	case shadow.EventWithdrawn:
		delete(f.findings, r.ID)
		h.recent = slices.DeleteFunc(h.recent, func(o shadow.Record) bool { return o.ID == r.ID })
		return
	case shadow.EventUnknown:
		if f.unknowns = append(f.unknowns, r.Time); len(f.unknowns) > maxStanding {
			f.unknowns = slices.Clone(f.unknowns[maxStanding/2:])
		}
	default:
		return
	}
	h.keep(*r)
}

// keep has a record among the last ones.
func (h *history) keep(r shadow.Record) {
	r.Timeline = r.Timeline[:min(len(r.Timeline), maxMoments)]
	if h.recent = append(h.recent, r); len(h.recent) > 2*maxRecent {
		h.recent = slices.Clone(h.recent[maxRecent:])
	}
}

// forget forgets findings that were told before the instant.
func (f *flowHistory) forget(before time.Time) {
	maps.DeleteFunc(f.findings, func(_ string, s standing) bool { return s.at.Before(before) })
}

// recall takes a line that an earlier process wrote.
func (h *history) recall(r *shadow.Record, now time.Time) {
	h.mu.Lock()
	f := h.flows[r.Flow]
	if f == nil {
		h.mu.Unlock()
		return
	}
	if r.Time.Before(f.since) {
		f.since = r.Time
	}
	recent := now.Sub(r.Time) < MaxSince && !r.Time.After(now)
	if c := r.Chains; c != nil && recent {
		s := f.slot(r.Time)
		s.pass, s.fail, s.unknown = s.pass+int32(c.Pass), s.fail+int32(c.Fail), s.unknown+int32(c.Unknown)
	}
	h.mu.Unlock()
	if recent {
		h.told(r)
	}
}

// last are the last findings and unknowns, the youngest first; flow "" is any.
func (h *history) last(flow string) []shadow.Record {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []shadow.Record
	for _, r := range slices.Backward(h.recent) {
		if (flow == "" || r.Flow == flow) && len(all) < maxRecent {
			all = append(all, r)
		}
	}
	return all
}

// find is the record of an id.
func (h *history) find(id string) (shadow.Record, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := slices.IndexFunc(h.recent, func(r shadow.Record) bool { return r.ID == id })
	if i < 0 {
		return shadow.Record{}, false
	}
	return h.recent[i], true
}

// window is what shadow.Look says of a findings file; false where the flow is not
// watched.
func (h *history) window(flow string, since time.Time) (*shadow.Window, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.flows[flow]
	if f == nil {
		return nil, false
	}
	w := &shadow.Window{Seen: true}
	from := since.UnixNano() / int64(slotLength)
	for i := range f.slots {
		if s := &f.slots[i]; s.at >= from {
			w.Chains.Pass += int(s.pass)
			w.Chains.Fail += int(s.fail)
			w.Chains.Unknown += int(s.unknown)
		}
	}
	w.Chains.Total = w.Chains.Pass + w.Chains.Fail + w.Chains.Unknown
	chains := map[string]bool{}
	for _, s := range f.findings {
		switch {
		case s.at.Before(since):
		case s.chain == "":
			w.Failed++
		default:
			chains[s.chain] = true
		}
	}
	w.Failed += len(chains)
	for _, at := range f.unknowns {
		if !at.Before(since) {
			w.Unknowns++
		}
	}
	return w, true
}

// quantiles are the latencies of the last hour; a quantile is the end of the
// bucket in which it lies.
func quantiles(name string, ring []spread, now time.Time) latencyView {
	var sum [flows.SpreadBuckets]int
	v := latencyView{Step: name}
	oldest := now.UnixNano()/int64(spreadLength) - spreads
	for i := range ring {
		if ring[i].at <= oldest {
			continue
		}
		for b, n := range ring[i].buckets {
			sum[b] += int(n)
			v.N += int(n)
		}
	}
	at := func(q float64) float64 {
		rank, seen := max(1, int(q*float64(v.N)+0.9999)), 0
		for b, n := range sum {
			if seen += n; seen >= rank && n > 0 {
				return flows.BucketFrom(min(b+1, flows.SpreadBuckets-1)).Seconds()
			}
		}
		return 0
	}
	v.P50, v.P95, v.P99 = at(0.5), at(0.95), at(0.99)
	return v
}

// sortedSteps are the steps in the order of the flow file.
func (f *flowHistory) sortedSteps() []string {
	rank := map[string]int{}
	for i := range f.flow.Steps {
		rank[f.flow.Steps[i].Name] = i
	}
	return slices.SortedFunc(maps.Keys(f.spreads), func(a, b string) int { return cmp.Compare(rank[a], rank[b]) })
}
