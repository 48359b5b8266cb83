package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/flows"
)

//go:embed html.tmpl
var pageSource string

// Page gathers the results of one HTML file.
type Page struct {
	results []*flows.Result
}

// Add adds a flow to the page.
func (p *Page) Add(r *flows.Result) { p.results = append(p.results, r) }

// Empty reports whether nothing was added.
func (p *Page) Empty() bool { return len(p.results) == 0 }

// Write writes the page: one file that loads nothing from anywhere. What it
// quotes of messages is escaped.
func (p *Page) Write(w io.Writer) error {
	t, err := template.New("page").Parse(pageSource)
	if err != nil {
		return fmt.Errorf("the page's template: %w", err)
	}
	var page htmlPage
	for _, r := range p.results {
		page.Flows = append(page.Flows, flowOf(r))
		page.State = max(page.State, r.State)
	}
	page.Verdict = page.State.String()
	if err := t.Execute(w, page); err != nil {
		return fmt.Errorf("write the HTML report: %w", err)
	}
	return nil
}

// HTML writes one result as a page of its own.
func HTML(w io.Writer, r *flows.Result) error {
	var p Page
	p.Add(r)
	return p.Write(w)
}

// Bounds of a page: what is beyond them the JSON report has.
const (
	maxHTMLChains   = 100
	maxHTMLUnknowns = 200
)

type htmlPage struct {
	State   flows.State
	Verdict string
	Flows   []htmlFlow
}

// htmlFlow is a result as the template wants it.
type htmlFlow struct {
	Flow, About, Mode, Verdict string
	Sides                      string // the names of what was compared
	IsDiff                     bool
	Cards                      []htmlCard
	Outcomes                   []htmlBar
	Scenarios                  []htmlScenario
	Chains                     []htmlChain
	More                       int // chains that are not shown
	Unknowns                   []flows.Unknown
	MoreUnk                    int
	Latencies                  []htmlLatency
	Spreads                    []htmlSpread
	Channels                   []flows.ChannelCount
	Noise                      []string
	Warnings                   []string
}

type htmlCard struct{ Label, Value, State string }

// htmlBar is a bar of a bar chart, in percent of the longest.
type htmlBar struct {
	Label              string
	Count, Before      int
	Width, BeforeWidth float64
	Compared, Differs  bool
}

type htmlScenario struct {
	Name, Verdict string
	Probes        []htmlProbe
}

type htmlProbe struct{ Name, Verdict, Reason string }

// htmlChain is a chain with findings or unknowns.
type htmlChain struct {
	Name, Verdict string
	IDs           string
	Findings      []htmlFinding
	Unknowns      []string
	Before, Now   *diagram
	Was, Is       string // the names of the two sides
}

type htmlFinding struct {
	Kind, Text, Rule, Expected, Actual string
	Parts                              []flows.Part
	Evidence                           []string
}

func flowOf(r *flows.Result) htmlFlow {
	f := htmlFlow{
		Flow: clean(r.Flow), About: clean(r.About), Mode: clean(r.Mode), Verdict: r.State.String(),
		Cards: cards(r), Outcomes: outcomeBars(r), Warnings: cleaned(r.Warnings),
	}
	if c := r.Compared; c != nil {
		f.IsDiff, f.Sides, f.Noise = true, clean(c.Was+" → "+c.Now), cleaned(c.Noise)
	}
	for _, c := range r.Channels {
		f.Channels = append(f.Channels, flows.ChannelCount{Name: clean(c.Name), Seen: c.Seen})
	}
	for _, s := range r.Scenarios {
		one := htmlScenario{Name: clean(s.Name), Verdict: s.State.String()}
		for _, p := range s.Probes {
			probe := htmlProbe{Name: clean(p.Name), Verdict: p.State.String(), Reason: clean(p.Reason)}
			if p.Off {
				probe.Verdict = "off"
			}
			one.Probes = append(one.Probes, probe)
		}
		f.Scenarios = append(f.Scenarios, one)
	}
	names := troubled(r, nil)
	for i, name := range names {
		if i == maxHTMLChains {
			f.More = len(names) - i
			break
		}
		f.Chains = append(f.Chains, chainOf(r, name))
	}
	for _, u := range r.Unknowns {
		if u.Chain != "" {
			continue
		}
		if len(f.Unknowns) == maxHTMLUnknowns {
			f.MoreUnk++
			continue
		}
		f.Unknowns = append(f.Unknowns, flows.Unknown{Reason: clean(u.Reason)})
	}
	f.Latencies, f.Spreads = latenciesOf(r.Compared), spreadsOf(r.Spreads)
	return f
}

func cleaned(all []string) []string {
	out := make([]string, len(all))
	for i := range all {
		out[i] = clean(all[i])
	}
	return out
}

func cards(r *flows.Result) []htmlCard {
	n := func(i int) string { return fmt.Sprint(i) }
	all := []htmlCard{
		{"chains", n(r.Chains.Total), ""}, {"pass", n(r.Chains.Pass), "pass"}, {"fail", n(r.Chains.Fail), "fail"}, {"unknown", n(r.Chains.Unknown), "unknown"},
	}
	if r.Compared != nil {
		all[1].Label, all[2].Label, all[3].Label = "the same", "changed", "without their like"
	} else {
		all = append(all, htmlCard{"messages", n(r.Messages.Seen), ""}, htmlCard{"in no chain", n(r.Messages.Unmatched), ""})
	}
	return append(all, htmlCard{"findings", n(len(r.Findings)), ""})
}

// outcomeBars are the outcomes with their counts, before and after where two
// sides were compared.
func outcomeBars(r *flows.Result) []htmlBar {
	var all []htmlBar
	most := 1
	if c := r.Compared; c != nil {
		for _, name := range outcomesOf(c) {
			all = append(all, htmlBar{
				Label: clean(outcomeName(name)), Count: c.OutcomesNow[name], Before: c.OutcomesWas[name], Compared: true,
				Differs: c.OutcomesNow[name] != c.OutcomesWas[name],
			})
			most = max(most, c.OutcomesNow[name], c.OutcomesWas[name])
		}
	} else {
		for name, n := range r.Chains.Outcomes {
			all = append(all, htmlBar{Label: clean(outcomeName(name)), Count: n})
			most = max(most, n)
		}
		slices.SortStableFunc(all, func(a, b htmlBar) int { return strings.Compare(a.Label, b.Label) })
	}
	for i := range all {
		all[i].Width, all[i].BeforeWidth = percent(all[i].Count, most), percent(all[i].Before, most)
	}
	return all
}

func percent(n, of int) float64 { return float64(n) * 100 / float64(of) }

func chainOf(r *flows.Result, name string) htmlChain {
	c := htmlChain{Name: clean(name), Verdict: stateOf(r, name).String()}
	marked := map[flows.Evidence]bool{}
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Chain != name {
			continue
		}
		if c.IDs == "" {
			c.IDs = idsOf(f.IDs)
		}
		c.Findings = append(c.Findings, findingOf(f))
		for _, e := range f.Evidence {
			marked[e] = true
		}
	}
	for _, u := range r.Unknowns {
		if u.Chain == name {
			c.Unknowns = append(c.Unknowns, clean(u.Reason))
		}
	}
	if name == "" {
		return c
	}
	if r.Compared != nil {
		c.Was, c.Is = clean(r.Compared.Was), clean(r.Compared.Now)
		c.Before = diagramOf(r.Compared.Before[name], nil, sideWidth)
		c.Now = diagramOf(r.Timelines[name], marked, sideWidth)
		return c
	}
	c.Now = diagramOf(r.Timelines[name], marked, laneWidth)
	return c
}

func findingOf(f *flows.Finding) htmlFinding {
	h := htmlFinding{
		Kind: string(f.Kind), Text: clean(f.Text), Rule: clean(f.Rule), Expected: clean(f.Expected), Actual: clean(f.Actual),
	}
	for _, p := range f.Parts {
		h.Parts = append(h.Parts, flows.Part{Source: clean(p.Source), Value: clean(p.Value)})
	}
	for _, e := range f.Evidence {
		h.Evidence = append(h.Evidence, clean(e.Channel+" "+e.Position.String()))
	}
	return h
}

func idsOf(ids map[string]string) string {
	var all []string
	for name, value := range ids {
		all = append(all, name+" "+flat(value))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// htmlLatency is a step's times on both sides, drawn on one scale.
type htmlLatency struct {
	Step     string
	Was, Now htmlQuantiles
}

// htmlQuantiles are texts, and places on the scale in percent.
type htmlQuantiles struct {
	P50, P95, P99, Max string
	At50, At95, Width  float64
}

func latenciesOf(c *flows.Compared) []htmlLatency {
	if c == nil {
		return nil
	}
	var all []htmlLatency
	for _, l := range c.Latencies {
		most := max(l.Was.P99, l.Now.P99, 1)
		all = append(all, htmlLatency{clean(l.Step), quantilesOf(l.Was, most), quantilesOf(l.Now, most)})
	}
	return all
}

func quantilesOf(q flows.Quantiles, most time.Duration) htmlQuantiles {
	at := func(d time.Duration) float64 { return float64(d) * 100 / float64(most) }
	return htmlQuantiles{
		P50: span(q.P50), P95: span(q.P95), P99: span(q.P99), Max: span(q.Max), At50: at(q.P50), At95: at(q.P95), Width: at(q.P99),
	}
}

// htmlSpread is a step's times as a histogram.
type htmlSpread struct {
	Step     string
	N        int
	Bars     []htmlBucket
	From, To string
	Median   string
}

type htmlBucket struct {
	X, Height float64 // Height in percent of the highest
	Title     string
}

func spreadsOf(all []flows.Spread) []htmlSpread {
	var out []htmlSpread
	low, high := flows.SpreadBuckets, 0
	for i := range all {
		for b, n := range all[i].Buckets {
			if n > 0 {
				low, high = min(low, b), max(high, b)
			}
		}
	}
	for i := range all {
		s := &all[i]
		h := htmlSpread{Step: clean(s.Step), N: s.N, From: span(flows.BucketFrom(low)), To: span(flows.BucketFrom(high + 1))}
		most := slices.Max(s.Buckets[:])
		seen := 0
		for b := low; b <= high; b++ {
			n := s.Buckets[b]
			if seen < (s.N+1)/2 && seen+n >= (s.N+1)/2 {
				h.Median = span(flows.BucketFrom(b)) + " to " + span(flows.BucketFrom(b+1))
			}
			seen += n
			if n > 0 {
				h.Bars = append(h.Bars, htmlBucket{
					X: float64(b-low) * 100 / float64(high-low+1), Height: max(2, percent(n, most)),
					Title: fmt.Sprintf("%s to %s: %d", span(flows.BucketFrom(b)), span(flows.BucketFrom(b+1)), n),
				})
			}
		}
		for k := range h.Bars {
			h.Bars[k].X = float64(int(h.Bars[k].X*100)) / 100
		}
		out = append(out, h)
	}
	return out
}
