package console

import (
	"cmp"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/shadow"
)

// Metrics are what Prometheus is told. Labels have names from flow files alone,
// never anything of a message, so that their number is bounded.
type Metrics struct {
	registry      *prometheus.Registry
	chains        *prometheus.CounterVec
	findings      *prometheus.CounterVec
	withdrawn     *prometheus.CounterVec
	unknowns      *prometheus.CounterVec
	steps         *prometheus.HistogramVec
	whole         *prometheus.HistogramVec
	notifications *prometheus.CounterVec
	spans         *prometheus.CounterVec
}

func newMetrics(all []*flows.Flow, status *shadow.Status, now func() time.Time) *Metrics {
	m := &Metrics{
		registry:      prometheus.NewRegistry(),
		chains:        counter("chains_total", "Chains that closed, by the outcome that they had (empty for none) and how they were judged then.", "flow", "outcome", "verdict"),
		findings:      counter("findings_total", "Findings told, by kind.", "flow", "kind"),
		withdrawn:     counter("findings_withdrawn_total", "Findings taken back, as when a message that was missing came late.", "flow", "kind"),
		unknowns:      counter("unknowns_total", "Reasons told why something could not be judged.", "flow"),
		steps:         latency("step_latency_seconds", "How long after its chain's first message a step came.", "flow", "step"),
		whole:         latency("chain_duration_seconds", "From the first to the last message of a chain that closed.", "flow", "outcome"),
		notifications: counter("notifications_total", "Notifications by target and result: sent, failed, or dropped for want of room.", "target", "result"),
		spans:         counter("trace_spans_total", "Spans of chains by result: sent, failed, or dropped for want of room.", "result"),
	}
	m.registry.MustRegister(m.chains, m.findings, m.withdrawn, m.unknowns, m.steps, m.whole, m.notifications, m.spans,
		&statusCollector{status, now}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, f := range all {
		m.announce(f)
	}
	return m
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "flowcheck", Name: name, Help: help}, labels)
}

// latency is a native histogram, with classic buckets for who scrapes text.
func latency(name, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "flowcheck", Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.001, 4, 10),
		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour,
	}, labels)
}

// announce has the counters of a flow at 0, so that the first of each is a rise.
func (m *Metrics) announce(f *flows.Flow) {
	for _, outcome := range append(outcomesOf(f), "") {
		for _, state := range []flows.State{flows.Pass, flows.Fail, flows.NotKnown} {
			m.chains.WithLabelValues(f.Name, outcome, state.String())
		}
	}
	for _, kind := range kinds {
		m.findings.WithLabelValues(f.Name, string(kind))
		m.withdrawn.WithLabelValues(f.Name, string(kind))
	}
	m.unknowns.WithLabelValues(f.Name)
}

// outcomesOf are the names of a flow's outcomes, as judgements have them.
func outcomesOf(f *flows.Flow) []string {
	names := make([]string, len(f.Outcomes))
	for i := range f.Outcomes {
		names[i] = cmp.Or(f.Outcomes[i].Name, "all steps")
	}
	return names
}

// kinds are the findings that a shadow may tell.
var kinds = []flows.Kind{
	flows.Missing, flows.Late, flows.OutOfOrder, flows.SequenceGap, flows.Duplicate, flows.Unexpected, flows.Mismatch, flows.Conflict,
	flows.DeadLettered, flows.Altered, flows.Malformed, flows.Slow, flows.Forbidden,
}

func (m *Metrics) closed(flow string, j *flows.Judgement, t *times) {
	m.chains.WithLabelValues(flow, j.Outcome, j.State.String()).Inc()
	for _, s := range t.steps {
		m.steps.WithLabelValues(flow, s.step).Observe(s.after.Seconds())
	}
	m.whole.WithLabelValues(flow, j.Outcome).Observe(t.whole.Seconds())
}

func (m *Metrics) told(r *shadow.Record) {
	switch r.Event {
	case shadow.EventFinding:
		m.findings.WithLabelValues(r.Flow, r.Kind).Inc()
	case shadow.EventWithdrawn:
		m.withdrawn.WithLabelValues(r.Flow, r.Kind).Inc()
	case shadow.EventUnknown:
		m.unknowns.WithLabelValues(r.Flow).Inc()
	}
}

// Notified counts notifications to a target; result is sent, failed or dropped.
func (m *Metrics) Notified(target, result string, n int) {
	m.notifications.WithLabelValues(target, result).Add(float64(n))
}

// Traced counts spans; result is sent, failed or dropped.
func (m *Metrics) Traced(result string, n int) { m.spans.WithLabelValues(result).Add(float64(n)) }

func (m *Metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true, MaxRequestsInFlight: 4})
}

// statusCollector reads a shadow.Status when Prometheus asks.
type statusCollector struct {
	status *shadow.Status
	now    func() time.Time
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("flowcheck_"+name, help, labels, nil)
}

var (
	descReady     = describe("ready", "1 where every tap is armed and has lately read all that there was.")
	descMessages  = describe("messages_total", "Messages and marks that the taps have read for a flow.", "flow")
	descBytes     = describe("payload_bytes_total", "Bytes of the payloads that were read for a flow.", "flow")
	descGaps      = describe("gaps_total", "Times that a tap may have lost messages.", "flow")
	descOpen      = describe("chains_open", "Chains in flight: not closed yet.", "flow")
	descKept      = describe("chains_kept", "Chains in memory, those that have closed and are remembered included.", "flow")
	descShed      = describe("chains_shed_total", "Chains that were let go of because memory was short.", "flow")
	descCrowded   = describe("chains_crowded_out_total", "Chains that were let go of because there were more than --max-chains.", "flow")
	descShortened = describe("journal_shortened_total", "Files of a journal that went before their time because it was as large as it may be.", "flow")
	descBehind    = describe("tap_behind_seconds", "How long ago the taps of a broker had read all that there was.", "broker")
	descThrottled = describe("tap_throttled_seconds_total", "How long reading was held back by --max-rate.", "broker")
)

// Describe is prometheus.Collector's.
func (c *statusCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descReady, descMessages, descBytes, descGaps, descOpen, descKept, descShed, descCrowded, descShortened, descBehind, descThrottled} {
		to <- d
	}
}

// Collect is prometheus.Collector's.
func (c *statusCollector) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	ready := 0.0
	if ok, _ := c.status.Ready(c.now()); ok {
		ready = 1
	}
	gauge(descReady, ready)
	for _, f := range c.status.Flows() {
		count(descMessages, float64(f.Messages.Load()), f.Flow)
		count(descBytes, float64(f.Bytes.Load()), f.Flow)
		count(descGaps, float64(f.Gaps.Load()), f.Flow)
		count(descShed, float64(f.Shed.Load()), f.Flow)
		count(descCrowded, float64(f.Crowded.Load()), f.Flow)
		count(descShortened, float64(f.Shortened.Load()), f.Flow)
		gauge(descOpen, float64(f.Open.Load()), f.Flow)
		gauge(descKept, float64(f.Kept.Load()), f.Flow)
	}
	for _, t := range uniqueTappers(c.status.Tappers()) {
		if behind := t.Behind(c.now()); behind >= 0 {
			gauge(descBehind, behind.Seconds(), t.Name)
		}
		count(descThrottled, time.Duration(t.Throttled.Load()).Seconds(), t.Name)
	}
}

// uniqueTappers leaves of brokers that flows name alike the one furthest behind:
// a metric has one value.
func uniqueTappers(all []*shadow.TapperStatus) []*shadow.TapperStatus {
	by := map[string]*shadow.TapperStatus{}
	var kept []*shadow.TapperStatus
	for _, t := range all {
		have, ok := by[t.Name]
		if !ok {
			by[t.Name] = t
			kept = append(kept, t)
			continue
		}
		if t.Beat.Load() < have.Beat.Load() {
			for i := range kept {
				if kept[i] == have {
					kept[i] = t
				}
			}
			by[t.Name] = t
		}
	}
	return kept
}
