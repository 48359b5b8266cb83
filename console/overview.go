package console

import (
	"time"

	"github.com/flowcheck/flowcheck/shadow"
)

// overview is what the page shows of all flows.
type overview struct {
	Now   time.Time  `json:"now"`
	Ready bool       `json:"ready"`
	Why   string     `json:"why,omitempty"`
	Flows []flowView `json:"flows"`
	Taps  []tapView  `json:"taps"`
}

// flowView is a flow: its counts of the last hour and of now.
type flowView struct {
	Name     string        `json:"name"`
	About    string        `json:"about,omitempty"`
	State    string        `json:"state"`
	Messages int64         `json:"messages"`
	Open     int64         `json:"open"`
	Gaps     int64         `json:"gaps"`
	Pass     int           `json:"pass"`
	Fail     int           `json:"fail"`
	Unknown  int           `json:"unknown"`
	Failed   int           `json:"failed"` // chains with a finding that stands, and findings of none
	Reasons  int           `json:"reasons"`
	Outcomes []string      `json:"outcomes"`
	Bars     []barView     `json:"bars"`
	Latency  []latencyView `json:"latency"`
}

// barView is the chains that closed in a stretch of time.
type barView struct {
	At       int64          `json:"at"` // seconds since 1970
	Pass     int            `json:"pass"`
	Fail     int            `json:"fail"`
	Unknown  int            `json:"unknown"`
	Outcomes map[string]int `json:"outcomes,omitempty"`
}

// latencyView is how long something took, in seconds.
type latencyView struct {
	Step string  `json:"step"`
	N    int     `json:"n"`
	P50  float64 `json:"p50"`
	P95  float64 `json:"p95"`
	P99  float64 `json:"p99"`
}

// tapView is the taps of one broker.
type tapView struct {
	Broker string  `json:"broker"`
	Behind float64 `json:"behind"` // seconds; below 0: not known yet
}

// maxBars is how many bars a chart has.
const maxBars = 60

func (c *Console) overview(span time.Duration) overview {
	now := c.cfg.Now()
	o := overview{Now: now, Flows: []flowView{}, Taps: []tapView{}}
	o.Ready, o.Why = c.cfg.Status.Ready(now)
	for _, t := range uniqueTappers(c.cfg.Status.Tappers()) {
		o.Taps = append(o.Taps, tapView{t.Name, t.Behind(now).Seconds()})
	}
	status := map[string]*shadow.FlowStatus{}
	for _, s := range c.cfg.Status.Flows() {
		status[s.Flow] = s
	}
	for _, name := range c.history.order {
		v := c.history.view(name, now, span)
		if s := status[name]; s != nil {
			v.Messages, v.Open, v.Gaps = s.Messages.Load(), s.Open.Load(), s.Gaps.Load()
		}
		o.Flows = append(o.Flows, v)
	}
	return o
}

// view is a flow over the span before now.
func (h *history) view(name string, now time.Time, span time.Duration) flowView {
	w, _ := h.window(name, now.Add(-span))
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.flows[name]
	v := flowView{
		Name: name, About: f.flow.About, Pass: w.Chains.Pass, Fail: w.Chains.Fail, Unknown: w.Chains.Unknown, Failed: w.Failed, Reasons: w.Unknowns,
		Bars: f.bars(now, span), Latency: []latencyView{}, Outcomes: outcomesOf(f.flow),
	}
	switch {
	case w.Failed > 0:
		v.State = "fail"
	case w.Unknowns > 0 || w.Chains.Total == 0:
		v.State = "unknown"
	default:
		v.State = "pass"
	}
	for _, step := range f.sortedSteps() {
		v.Latency = append(v.Latency, quantiles(step, f.spreads[step], now))
	}
	if f.whole != nil {
		v.Latency = append(v.Latency, quantiles("", f.whole, now))
	}
	return v
}

// bars are the chains that closed in the span, in maxBars stretches.
func (f *flowHistory) bars(now time.Time, span time.Duration) []barView {
	each := max(span/maxBars, time.Minute)
	last := now.UnixNano() / int64(each)
	first := last - maxBars + 1
	bars := make([]barView, maxBars)
	for i := range bars {
		bars[i].At = (first + int64(i)) * int64(each) / int64(time.Second)
	}
	for i := range f.slots {
		s := &f.slots[i]
		if n := s.at*int64(slotLength)/int64(each) - first; n >= 0 && n < maxBars {
			bars[n].Pass += int(s.pass)
			bars[n].Fail += int(s.fail)
			bars[n].Unknown += int(s.unknown)
		}
	}
	for i := range f.minutes {
		m := &f.minutes[i]
		n := m.at*int64(time.Minute)/int64(each) - first
		if n < 0 || n >= maxBars || len(m.outcomes) == 0 {
			continue
		}
		if bars[n].Outcomes == nil {
			bars[n].Outcomes = map[string]int{}
		}
		for name, count := range m.outcomes {
			bars[n].Outcomes[name] += int(count)
		}
	}
	return bars
}
