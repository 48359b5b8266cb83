// Package report writes what an audit found: as text for people, as JSON by the
// contracts, as JUnit XML for CI. Each is a function of the result alone.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/flowcheck/flowcheck/flows"
)

// jsonReport is the report of the contracts, field for field.
type jsonReport struct {
	Version     string         `json:"flowcheck"`
	Flow        string         `json:"flow"`
	Mode        string         `json:"mode"`
	Verdict     string         `json:"verdict"`
	Messages    jsonMessages   `json:"messages"`
	Chains      jsonChains     `json:"chains"`
	Scenarios   []jsonScenario `json:"scenarios"`
	Findings    []jsonFinding  `json:"findings"`
	Unknowns    []jsonUnknown  `json:"unknowns"`
	Channels    []jsonChannel  `json:"channels"`
	Undecided   int            `json:"undecided"`
	Redelivered int            `json:"redelivered"`
	Retried     int            `json:"retried"`
	Warnings    []string       `json:"warnings"`
	Compared    *jsonCompared  `json:"compared,omitempty"`
}

type jsonMessages struct {
	Seen      int `json:"seen"`
	Matched   int `json:"matched"`
	Unmatched int `json:"unmatched"`
}

type jsonChains struct {
	Total    int            `json:"total"`
	Pass     int            `json:"pass"`
	Fail     int            `json:"fail"`
	Unknown  int            `json:"unknown"`
	Outcomes map[string]int `json:"outcomes"`
}

type jsonScenario struct {
	Name    string      `json:"name"`
	Verdict string      `json:"verdict"`
	Chains  []string    `json:"chains"`
	Probes  []jsonProbe `json:"probes,omitempty"`
}

type jsonFinding struct {
	Kind     string            `json:"kind"`
	Chain    string            `json:"chain"`
	IDs      map[string]string `json:"ids"`
	Step     string            `json:"step"`
	Rule     string            `json:"rule"`
	Text     string            `json:"text"`
	Expected string            `json:"expected"`
	Actual   string            `json:"actual"`
	Evidence []jsonEvidence    `json:"evidence"`
	Anomaly  string            `json:"anomaly,omitempty"`
	Weaker   string            `json:"weaker,omitempty"`
	Probe    string            `json:"probe,omitempty"`
}

type jsonEvidence struct {
	Channel  string `json:"channel"`
	Position string `json:"position"`
}

type jsonUnknown struct {
	Chain  string `json:"chain"`
	Reason string `json:"reason"`
	Probe  string `json:"probe,omitempty"`
}

type jsonChannel struct {
	Name string `json:"name"`
	Seen int    `json:"seen"`
}

// JSON writes the result as one line: the contracts' report/1.
func JSON(w io.Writer, r *flows.Result) error {
	out := jsonReport{
		Version: "report/1", Flow: r.Flow, Mode: r.Mode, Verdict: r.State.String(),
		Messages: jsonMessages(r.Messages),
		Chains:   jsonChains(r.Chains),
		Findings: make([]jsonFinding, 0, len(r.Findings)), Unknowns: make([]jsonUnknown, 0, len(r.Unknowns)),
		Scenarios: make([]jsonScenario, 0, len(r.Scenarios)), Channels: make([]jsonChannel, 0, len(r.Channels)),
		Undecided: r.Undecided, Redelivered: r.Redelivered, Retried: r.Retried,
		Warnings: append([]string{}, r.Warnings...), Compared: comparedJSON(r.Compared),
	}
	for _, s := range r.Scenarios {
		out.Scenarios = append(out.Scenarios, jsonScenario{s.Name, s.State.String(), append([]string{}, s.Chains...), probesJSON(s.Probes)})
	}
	for i := range r.Findings {
		out.Findings = append(out.Findings, findingJSON(&r.Findings[i]))
	}
	for _, u := range r.Unknowns {
		out.Unknowns = append(out.Unknowns, jsonUnknown{Chain: u.Chain, Reason: u.Reason, Probe: u.Probe})
	}
	for _, c := range r.Channels {
		out.Channels = append(out.Channels, jsonChannel(c))
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(out); err != nil {
		return fmt.Errorf("write the JSON report: %w", err)
	}
	return nil
}

func findingJSON(f *flows.Finding) jsonFinding {
	j := jsonFinding{
		Kind: string(f.Kind), Chain: f.Chain, IDs: f.IDs, Step: f.Step, Rule: f.Rule,
		Text: f.Text, Expected: f.Expected, Actual: f.Actual, Evidence: make([]jsonEvidence, 0, len(f.Evidence)),
		Anomaly: string(f.Anomaly), Weaker: f.Weaker, Probe: f.Probe,
	}
	if j.IDs == nil {
		j.IDs = map[string]string{}
	}
	for _, e := range f.Evidence {
		j.Evidence = append(j.Evidence, jsonEvidence{e.Channel, e.Position.String()})
	}
	return j
}

// clean makes control characters visible: what a report quotes comes from
// messages, and must neither move a terminal's cursor nor break XML.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if !strings.ContainsFunc(s, isControl) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if isControl(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// flat is clean on one line.
func flat(s string) string { return clean(strings.ReplaceAll(s, "\n", "; ")) }

// isControl reports whether r is a control character, or one that turns the
// direction of text (Unicode's bidirectional controls); a line break is none.
func isControl(r rune) bool {
	return unicode.IsControl(r) && r != '\n' || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfffe || r == 0xffff
}
