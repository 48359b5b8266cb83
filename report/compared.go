package report

import (
	"maps"
	"slices"
	"time"

	"github.com/flowcheck/flowcheck/flows"
)

// jsonCompared is what report/1 says of a comparison.
type jsonCompared struct {
	Was         string         `json:"was"`
	Now         string         `json:"now"`
	Pairs       int            `json:"pairs"`
	ByIDs       int            `json:"byIds"`
	ByTrigger   int            `json:"byTrigger"`
	OutcomesWas map[string]int `json:"outcomesWas"`
	OutcomesNow map[string]int `json:"outcomesNow"`
	Latencies   []jsonLatency  `json:"latencies"`
	Noise       []string       `json:"noise"`
}

type jsonLatency struct {
	Step string        `json:"step"`
	Was  jsonQuantiles `json:"was"`
	Now  jsonQuantiles `json:"now"`
}

// jsonQuantiles are in milliseconds.
type jsonQuantiles struct {
	N   int     `json:"n"`
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func quantilesJSON(q flows.Quantiles) jsonQuantiles {
	ms := func(d time.Duration) float64 { return float64(d.Round(time.Microsecond)) / float64(time.Millisecond) }
	return jsonQuantiles{q.N, ms(q.P50), ms(q.P95), ms(q.P99), ms(q.Max)}
}

// comparedJSON is nil where nothing was compared.
func comparedJSON(c *flows.Compared) *jsonCompared {
	if c == nil {
		return nil
	}
	j := &jsonCompared{
		Was: c.Was, Now: c.Now, Pairs: c.Pairs, ByIDs: c.ByIDs, ByTrigger: c.ByTrigger,
		OutcomesWas: c.OutcomesWas, OutcomesNow: c.OutcomesNow, Latencies: []jsonLatency{}, Noise: append([]string{}, c.Noise...),
	}
	for _, l := range c.Latencies {
		j.Latencies = append(j.Latencies, jsonLatency{l.Step, quantilesJSON(l.Was), quantilesJSON(l.Now)})
	}
	return j
}

// outcomesOf are the names of the outcomes of either side.
func outcomesOf(c *flows.Compared) []string {
	both := maps.Clone(c.OutcomesWas)
	maps.Copy(both, c.OutcomesNow)
	return slices.Sorted(maps.Keys(both))
}

// outcomeName is an outcome's name, or says that there is none.
func outcomeName(name string) string {
	if name == "" {
		return "no outcome"
	}
	return name
}

// compared says how two recordings compare.
func (t *text) compared() {
	c := t.r.Compared
	t.line("")
	t.line("chains    %d pairs: %d the same, %d changed", c.Pairs, c.Pairs-c.Changed, c.Changed)
	for _, name := range outcomesOf(c) {
		t.line("outcome   %-20s %d → %d", flat(outcomeName(name)), c.OutcomesWas[name], c.OutcomesNow[name])
	}
	for _, l := range c.Latencies {
		t.line("latency   %-20s p50 %s → %s, p95 %s → %s, p99 %s → %s", l.Step,
			span(l.Was.P50), span(l.Now.P50), span(l.Was.P95), span(l.Now.P95), span(l.Was.P99), span(l.Now.P99))
	}
	for _, n := range c.Noise {
		t.line("noise     %s", flat(n))
	}
	t.warnings()
}

// span spells a time as people do.
func span(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	default:
		return d.Round(10 * time.Microsecond).String()
	}
}
