package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/flowcheck/flowcheck/flows"
)

// MarkdownOptions tell what the Markdown report cannot know by itself.
type MarkdownOptions struct {
	// Repeat is the command that judged the flow, as for a shell: flowcheck run
	// order.flow.yaml. "": the report has none.
	Repeat string
	// Repros are the files that repeat what failed, one by one: they are named instead.
	Repros []Repro
	// Chains bounds the chains told of; 0 is 20.
	Chains int
}

// Repro are the files that repeat one failure: a flow file with one scenario, and
// what the run saw of it.
type Repro struct {
	// Scenario is the scenario's name as the result has it, Probe the name of the
	// probe, "" for the scenario itself.
	Scenario, Probe string
	Flow, Recording string
}

// maxShownPayload is how many bytes of a payload are shown.
const maxShownPayload = 2000

// Markdown writes what does not pass as the text of an issue: what was expected,
// what happened, the timeline as a Mermaid sequence diagram, the payloads with
// secrets left out, the command that repeats it, and what to look at first.
func Markdown(w io.Writer, r *flows.Result, opts MarkdownOptions) error {
	if opts.Chains == 0 {
		opts.Chains = 20
	}
	m := &markdown{w: bufio.NewWriter(w), r: r, opts: opts}
	m.line("# %s: %s", inline(r.Flow), r.State)
	m.line("")
	if r.About != "" {
		m.line("%s", inline(r.About))
		m.line("")
	}
	m.table()
	m.warnings()
	all := troubled(r, nil)
	for i, chain := range all {
		if i == opts.Chains {
			m.line("… and %d more chains.", len(all)-i)
			break
		}
		m.chain(chain)
	}
	for _, u := range r.Unknowns {
		if u.Probe != "" {
			m.line("- unknown: %s", inline(u.Reason))
		}
	}
	if err := m.w.Flush(); err != nil {
		return fmt.Errorf("write the Markdown report: %w", err)
	}
	return nil
}

type markdown struct {
	w    *bufio.Writer
	r    *flows.Result
	opts MarkdownOptions
}

func (m *markdown) line(format string, args ...any) { fmt.Fprintf(m.w, format+"\n", args...) }

// table is the verdicts of the scenarios and their probes.
func (m *markdown) table() {
	if len(m.r.Scenarios) == 0 {
		return
	}
	m.line("| scenario | probe | verdict |\n|---|---|---|")
	for _, s := range m.r.Scenarios {
		m.line("| %s | | %s |", inline(s.Name), s.State)
		for _, p := range s.Probes {
			verdict := verdictOf(&p)
			if p.Reason != "" {
				verdict += ": " + p.Reason
			}
			m.line("| | %s | %s |", inline(p.Name), inline(verdict))
		}
	}
	m.line("")
}

// warnings are what is odd and no verdict, such as a broker that was not verified.
func (m *markdown) warnings() {
	for _, w := range m.r.Warnings {
		m.line("> warning: %s", inline(flat(w)))
	}
	if len(m.r.Warnings) > 0 {
		m.line("")
	}
}

// chain tells of one chain that does not pass.
func (m *markdown) chain(chain string) {
	of := findingsOf(m.r, chain)
	title := "chain " + chain
	switch {
	case len(of) > 0:
		title = string(of[0].Kind) + ": " + of[0].Text
	case chain == "":
		title = "across chains"
	}
	m.line("## %s\n", inline(title))
	scenario, probe := whose(m.r, chain)
	if scenario != "" {
		m.line("Scenario: %s%s\n", inline(scenario), map[bool]string{true: ", probe " + inline(probe)}[probe != ""])
	}
	for _, f := range of {
		m.finding(f)
	}
	for _, u := range m.r.Unknowns {
		if u.Chain == chain && u.Probe == "" {
			m.line("- **unknown**: %s", inline(u.Reason))
		}
	}
	m.line("")
	m.diagram(chain, of)
	m.payloads(chain)
	m.repeat(scenario, probe)
	if hints := lookFirst(of); len(hints) > 0 {
		m.line("**What to look at first**\n")
		for _, h := range hints {
			m.line("- %s", h)
		}
		m.line("")
	}
}

func findingsOf(r *flows.Result, chain string) []*flows.Finding {
	var all []*flows.Finding
	for i := range r.Findings {
		if r.Findings[i].Chain == chain {
			all = append(all, &r.Findings[i])
		}
	}
	return all
}

// whose finds the scenario, and the probe, of a chain.
func whose(r *flows.Result, chain string) (scenario, probe string) {
	for _, s := range r.Scenarios {
		if slices.Contains(s.Chains, chain) {
			return s.Name, ""
		}
		for _, p := range s.Probes {
			for _, t := range p.Tries {
				if slices.Contains(t.Chains, chain) {
					return s.Name, p.Name
				}
			}
		}
	}
	return "", ""
}

func (m *markdown) finding(f *flows.Finding) {
	m.line("- **%s**%s: %s", f.Kind, map[bool]string{true: " of " + inline(f.Step)}[f.Step != ""], inline(f.Text))
	m.line("  - expected: %s", inline(f.Expected))
	m.line("  - happened: %s", inline(f.Actual))
	for _, e := range f.Evidence {
		m.line("  - seen at: %s %s", inline(e.Channel), inline(e.Position.String()))
	}
	if f.Probe != "" {
		m.line("  - by the probe: %s", inline(f.Probe))
	}
}

// diagram is the chain's timeline in Mermaid.
func (m *markdown) diagram(chain string, of []*flows.Finding) {
	moments := m.r.Timelines[chain]
	if chain == "" || len(moments) == 0 {
		return
	}
	m.line("```mermaid\nsequenceDiagram\n  participant f as flowcheck\n  participant s as the system")
	names := []string{}
	for _, moment := range moments {
		if !slices.Contains(names, moment.Channel) {
			names = append(names, moment.Channel)
			m.line("  participant c%d as %s", len(names)-1, mermaid(moment.Channel))
		}
	}
	began := at(moments[0])
	for i, moment := range moments {
		to := slices.Index(names, moment.Channel)
		from := "s"
		if i == 0 || strings.HasPrefix(moment.Note, "sent by the probe") {
			from = "f"
		}
		what := moment.Step
		if what == "" {
			what = "a message that is no step"
		}
		m.line("  %s->>c%d: %s", from, to, mermaid(fmt.Sprintf("%s +%v %s", what, at(moment).Sub(began).Round(100_000), moment.Note)))
		for _, f := range of {
			if len(f.Evidence) > 0 && f.Evidence[0] == (flows.Evidence{Channel: moment.Channel, Position: moment.Position}) {
				m.line("  Note over c%d: %s", to, mermaid(string(f.Kind)))
			}
		}
	}
	for _, f := range of {
		if len(f.Evidence) == 0 {
			m.line("  Note over s: %s", mermaid(string(f.Kind)+" "+f.Step))
		}
	}
	m.line("```\n")
}

// payloads shows the chain's messages.
func (m *markdown) payloads(chain string) {
	moments := m.r.Timelines[chain]
	if !slices.ContainsFunc(moments, func(m flows.Moment) bool { return m.Payload != nil }) {
		return
	}
	m.line("<details><summary>The messages</summary>\n")
	for _, moment := range moments {
		if moment.Payload == nil {
			continue
		}
		m.line("%s %s%s:\n", inline(moment.Channel), inline(moment.Position.String()), map[bool]string{true: ", " + inline(moment.Step)}[moment.Step != ""])
		text := secretless(moment.Payload)
		fence := "```"
		for strings.Contains(text, fence) {
			fence += "`"
		}
		m.line("%s\n%s\n%s\n", fence, text, fence)
	}
	m.line("</details>\n")
}

// repeat is the command that does it again.
func (m *markdown) repeat(scenario, probe string) {
	for _, r := range m.opts.Repros {
		if r.Scenario == scenario && r.Probe == probe {
			m.line("To repeat it, and to judge again what was seen:\n\n```sh\nflowcheck run %s\nflowcheck verify %s %s\n```\n",
				quoted(r.Flow), quoted(r.Flow), quoted(r.Recording))
			return
		}
	}
	if m.opts.Repeat == "" {
		return
	}
	command := m.opts.Repeat
	if m.r.Mode == "run" && scenario != "" {
		// A case is no part of the name that --only takes.
		name, _, _ := strings.Cut(scenario, ` {"`)
		command += " --only " + quoted(name)
		if probe != "" {
			command += " --probe " + probe
		}
	}
	m.line("To repeat it:\n\n```sh\n%s\n```\n", command)
}

// quoted is a word of a shell's command line.
func quoted(s string) string { return "'" + strings.ReplaceAll(clean(s), "'", `'\''`) + "'" }

// lookFirst says where such findings usually come from.
func lookFirst(of []*flows.Finding) []string {
	hints := map[flows.Kind]string{
		flows.NotIdempotent: "the consumer of the message that was sent again: by which id does it know a message again, for how long, and is that stored together with the effect, in one transaction?",
		flows.Duplicate:     "what publishes this step: is it retried, or redelivered, between the effect and the acknowledgement?",
		flows.Missing:       "the consumer of the step before: does it acknowledge before its work is done, or swallow an error? Its log at the time of the last message above.",
		flows.NotReplayed:   "the consumer of the replayed message: does it take a message that once failed for one that is done?",
		flows.Mismatch:      "the values above, and the service that publishes this step.",
		flows.Altered:       "what writes the dead letter: it must copy key and body as bytes.",
		flows.OutOfOrder:    "the key and the partition of these messages, and whether retries let later ones pass.",
		flows.SequenceGap:   "the producer of the sequence, and consumers that skip what they cannot read.",
		flows.Late:          "how long the service before this step takes, and what else was in front of the message.",
		flows.WrongOutcome:  "the last step that both outcomes have in common: there the system decided otherwise.",
		flows.DeadLettered:  "the failure headers of the dead letter, and the log of the consumer that refused it.",
		flows.Conflict:      "how this message's id is made: it must change with the content.",
		flows.Malformed:     "the producer of this message, and the schema that it writes by.",
	}
	var all []string
	for _, f := range of {
		if h := hints[f.Kind]; h != "" {
			h = fmt.Sprintf("%s: %s", f.Kind, h)
			if !slices.Contains(all, h) {
				all = append(all, h)
			}
		}
	}
	return all
}

// inline is a text on one line, with nothing that Markdown or HTML would read.
func inline(s string) string {
	var b strings.Builder
	for _, r := range flat(s) {
		if strings.ContainsRune("\\`*_{}[]<>#|~!&@", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// mermaid is a text in a diagram: what is no letter, digit or plain mark is written
// as an entity, so that it can neither end the line nor begin a keyword.
func mermaid(s string) string {
	var b strings.Builder
	for _, r := range flat(s) {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), strings.ContainsRune(" +.,-_/@", r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	text := strings.TrimSpace(b.String())
	if text == "end" { // a keyword
		return "#101;nd"
	}
	return text
}

// secretNames are members whose values are no business of an issue's readers.
var secretNames = regexp.MustCompile(`(?i)passw|secret|token|authoriz|api-?_?key|credential|card-?_?number|cvc|cvv|iban|\bpin\b`)

// secretless is a payload as text, secrets left out: what `mask:` names is a hash
// already, and what is named like a secret is hidden here.
func secretless(data []byte) string {
	var tree any
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.UseNumber()
	if decoder.Decode(&tree) == nil {
		if hidden, err := json.MarshalIndent(hide(tree), "", "  "); err == nil {
			data = hidden
		}
	}
	if !utf8.Valid(data) {
		return fmt.Sprintf("%d bytes that are no text", len(data))
	}
	text := clean(string(data))
	if len(text) > maxShownPayload {
		cut := maxShownPayload
		for !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + fmt.Sprintf("… (%d bytes)", len(data))
	}
	return text
}

func hide(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if secretNames.MatchString(name) && member != nil {
				v[name] = "(hidden)"
				continue
			}
			v[name] = hide(member)
		}
	case []any:
		for i := range v {
			v[i] = hide(v[i])
		}
	}
	return v
}
