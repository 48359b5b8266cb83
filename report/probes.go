package report

import (
	"fmt"
	"strings"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"github.com/flowcheck/flowcheck/flows"
)

// jsonProbe is a probe of a scenario. Its verdict is pass, fail, unknown or off:
// switched off in the flow file, and not counted.
type jsonProbe struct {
	Name    string    `json:"name"`
	Verdict string    `json:"verdict"`
	Reason  string    `json:"reason,omitempty"`
	Tries   []jsonTry `json:"tries,omitempty"`
	Noise   []string  `json:"noise,omitempty"`
}

type jsonTry struct {
	Name    string     `json:"name"`
	Verdict string     `json:"verdict"`
	Chains  []string   `json:"chains"`
	Did     []jsonDeed `json:"did"`
	Text    string     `json:"text"`
}

type jsonDeed struct {
	What     string `json:"what"`
	Channel  string `json:"channel,omitempty"`
	Position string `json:"position,omitempty"`
}

func probesJSON(probes []flows.ProbeResult) []jsonProbe {
	var all []jsonProbe
	for _, p := range probes {
		j := jsonProbe{Name: p.Name, Verdict: verdictOf(&p), Reason: p.Reason, Noise: p.Noise}
		for _, t := range p.Tries {
			try := jsonTry{Name: t.Name, Verdict: t.State.String(), Chains: append([]string{}, t.Chains...), Did: []jsonDeed{}, Text: t.Text}
			for _, d := range t.Did {
				try.Did = append(try.Did, jsonDeed{d.What, d.Channel, d.Position.String()})
			}
			j.Tries = append(j.Tries, try)
		}
		all = append(all, j)
	}
	return all
}

func verdictOf(p *flows.ProbeResult) string {
	if p.Off {
		return "off"
	}
	return p.State.String()
}

// chainsOf are the chains of the scenarios and of their probes.
func chainsOf(r *flows.Result) map[string]bool {
	all := map[string]bool{}
	for _, s := range r.Scenarios {
		for _, c := range s.Chains {
			all[c] = true
		}
		for _, p := range s.Probes {
			for _, t := range p.Tries {
				for _, c := range t.Chains {
					all[c] = true
				}
			}
		}
	}
	return all
}

// probes shows the probes of a scenario: of each try what came of it, where it does
// not pass.
func (t *text) probes(s *flows.ScenarioResult) {
	wide := 0
	for _, p := range s.Probes {
		wide = max(wide, len(p.Name))
	}
	var noise []string
	for _, p := range s.Probes {
		noise = p.Noise
		sign, say := t.paint(p.State, mark(p.State)), tried(&p)
		if p.Off {
			sign, say = "-", "off"
			if p.Reason != "" {
				say += ": " + flat(p.Reason)
			}
		}
		t.line("      %s %-*s  %s", sign, wide, p.Name, t.faint(say))
		for _, y := range p.Tries {
			if y.State != flows.Pass {
				t.line("        %s %s", t.paint(y.State, mark(y.State)), flat(named(y.Name, y.Text)))
			}
		}
	}
	if len(noise) > 0 {
		t.line("        %s", t.faint("not compared, since it varies by itself: "+flat(strings.Join(noise, ", "))))
	}
}

func named(name, text string) string {
	if name == "" {
		return text
	}
	return name + ": " + text
}

// tried says which tries a probe had, or why it had none.
func tried(p *flows.ProbeResult) string {
	if len(p.Tries) == 0 {
		return flat(p.Reason)
	}
	var names []string
	for _, t := range p.Tries {
		if t.Name != "" {
			names = append(names, t.Name)
		}
	}
	return flat(strings.Join(names, ", "))
}

// probeCase is a probe as a test. What is switched off is skipped.
func probeCase(r *flows.Result, scenario string, p *flows.ProbeResult) junit.Testcase {
	c := junit.Testcase{Name: scenario + ": " + p.Name, Classname: r.Flow, Time: "0"}
	if p.Off {
		c.Skipped = &junit.Result{Message: "off: " + clean(p.Reason)}
		return c
	}
	if p.State == flows.Pass {
		return c
	}
	first, text := p.Reason, ""
	for _, t := range p.Tries {
		if t.State == flows.Pass {
			continue
		}
		if first == "" || t.State == flows.Fail && p.State == flows.Fail {
			first = named(t.Name, t.Text)
		}
		text += named(t.Name, t.Text) + "\n"
		for _, d := range t.Did {
			text += fmt.Sprintf("  %s %s %s\n", d.What, d.Channel, d.Position)
		}
	}
	outcome := &junit.Result{Message: first, Type: p.State.String(), Data: clean(text)}
	if p.State == flows.Fail {
		c.Failure = outcome
	} else {
		c.Error = outcome
	}
	return c
}
