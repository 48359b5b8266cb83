package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
)

// TextOptions tell how the text report looks.
type TextOptions struct {
	Color bool
	// Timing, if not "", is a line on how long it took.
	Timing string
	// Chains bounds the chains shown at length; 0 is 20.
	Chains int
}

// Text writes the result for people. The last line is "N passed, N failed", with
// the unknown behind it where there are any.
func Text(w io.Writer, r *flows.Result, opts TextOptions) error {
	if opts.Chains == 0 {
		opts.Chains = 20
	}
	t := &text{w: bufio.NewWriter(w), opts: opts, r: r}
	t.head()
	t.scenarios()
	t.chains()
	if r.Compared != nil {
		t.compared()
	} else {
		t.taps()
	}
	t.last()
	if err := t.w.Flush(); err != nil {
		return fmt.Errorf("write the text report: %w", err)
	}
	return nil
}

type text struct {
	w    *bufio.Writer
	opts TextOptions
	r    *flows.Result
}

func (t *text) line(format string, args ...any) { fmt.Fprintf(t.w, format+"\n", args...) }

// paint colours a word, where colours are wanted.
func (t *text) paint(state flows.State, s string) string {
	if !t.opts.Color {
		return s
	}
	color := map[flows.State]string{flows.Pass: "2", flows.Fail: "1", flows.NotKnown: "3"}[state]
	return lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Color(color)).Render(s)
}

func (t *text) faint(s string) string {
	if !t.opts.Color || s == "" {
		return s
	}
	return lipgloss.NewStyle().Faint(true).Render(s)
}

func (t *text) head() {
	t.line("%s  %s", t.r.Flow, t.faint(t.r.Mode))
	if t.r.About != "" {
		t.line("%s", t.faint(t.r.About))
	}
}

func mark(s flows.State) string {
	return map[flows.State]string{flows.Pass: "✓", flows.Fail: "✗", flows.NotKnown: "?"}[s]
}

func (t *text) scenarios() {
	if len(t.r.Scenarios) == 0 {
		return
	}
	t.line("")
	for _, s := range t.r.Scenarios {
		t.line("  %s %s", t.paint(s.State, mark(s.State)), s.Name)
		t.probes(&s)
	}
}

// chains shows each chain that does not pass.
func (t *text) chains() {
	all := troubled(t.r, nil)
	for i, chain := range all {
		if i == t.opts.Chains {
			t.line("")
			t.line("… and %d more; --report json=FILE has them all", len(all)-i)
			return
		}
		t.chain(chain)
	}
}

func (t *text) chain(chain string) {
	state := stateOf(t.r, chain)
	t.line("")
	name := "across chains"
	if chain != "" {
		name = "chain " + flat(chain)
	}
	t.line("%s  %s%s", t.paint(state, strings.ToUpper(state.String())), name, t.faint(t.ids(chain)))
	for i := range t.r.Findings {
		if f := &t.r.Findings[i]; f.Chain == chain {
			t.finding(f)
		}
	}
	for _, u := range t.r.Unknowns {
		if u.Chain == chain && u.Probe == "" {
			t.line("  %s  %s", t.paint(flows.NotKnown, "unknown"), flat(u.Reason))
		}
	}
	t.timeline(chain)
}

// ids are the chain's other ids.
func (t *text) ids(chain string) string {
	for i := range t.r.Findings {
		f := &t.r.Findings[i]
		if f.Chain != chain || len(f.IDs) == 0 {
			continue
		}
		var all []string
		for name, value := range f.IDs {
			all = append(all, name+" "+flat(value))
		}
		slices.Sort(all)
		return "  (" + strings.Join(all, ", ") + ")"
	}
	return ""
}

func (t *text) finding(f *flows.Finding) {
	what := flat(f.Text)
	if f.Rule != "" {
		what += t.faint("  (rule " + f.Rule + ")")
	}
	if f.Probe != "" {
		what += t.faint("  (probe " + f.Probe + ")")
	}
	t.line("  %s  %s", t.paint(flows.Fail, string(f.Kind)), what)
	t.line("      expected  %s", flat(f.Expected))
	if len(f.Parts) == 0 {
		t.line("      actual    %s", flat(f.Actual))
	}
	width := 0
	for _, p := range f.Parts {
		width = max(width, len(p.Source))
	}
	for i, p := range f.Parts {
		label := "actual"
		if i > 0 {
			label = ""
		}
		t.line("      %-8s  %-*s = %s", label, width, p.Source, flat(p.Value))
	}
	for i, e := range f.Evidence {
		label := "seen at"
		if i > 0 {
			label = "against"
		}
		t.line("      %-8s  %s %s", label, e.Channel, flat(e.Position.String()))
	}
	if f.Anomaly != "" {
		t.line("      anomaly   %s", anomaly(f))
	}
	if near, ok := t.r.NearMisses[flows.NearKey{Chain: f.Chain, Step: f.Step}]; ok && f.Kind == flows.Missing {
		t.line("      nearest   %s, at %s", near.Text, flat(near.Evidence.Position.String()))
		for _, p := range near.Parts {
			t.line("                %s = %s", p.Source, flat(p.Value))
		}
	}
}

// anomaly names what is wrong with the log, and why that is not quite proven.
func anomaly(f *flows.Finding) string {
	if f.Weaker == "" {
		return string(f.Anomaly)
	}
	return string(f.Anomaly) + ", weaker: " + f.Weaker
}

// timeline shows the chain's messages, by time.
func (t *text) timeline(chain string) {
	moments := t.r.Timelines[chain]
	if chain == "" || len(moments) == 0 {
		return
	}
	began := at(moments[0])
	wide := [3]int{}
	for _, m := range moments {
		wide[0] = max(wide[0], len(m.Channel))
		wide[1] = max(wide[1], len(m.Step), 1)
		wide[2] = max(wide[2], len(flat(m.Position.String())))
	}
	t.line("  timeline  %s", t.faint(began.Time().UTC().Format("2006-01-02, UTC")))
	for _, m := range moments {
		step := m.Step
		if step == "" {
			step = "?"
		}
		clock := m.Time
		arrival := ""
		if !clock.Known() {
			clock, arrival = m.Seen, " by arrival"
		}
		note := m.Note
		if note != "" {
			note = "  " + note
		}
		t.line("    %10s  %-*s  %-*s  %-*s  %s%s%s", "+"+at(m).Sub(began).Round(100_000).String(),
			wide[0], m.Channel, wide[1], step, wide[2], flat(m.Position.String()),
			t.faint(clock.Time().UTC().Format("15:04:05.000")), t.faint(arrival), t.faint(note))
	}
}

func at(m flows.Moment) correlate.Instant {
	if m.Time.Known() {
		return m.Time
	}
	return m.Seen
}

// taps says how many messages each tap saw, where that was counted.
func (t *text) taps() {
	t.line("")
	var all []string
	for _, c := range t.r.Channels {
		all = append(all, fmt.Sprintf("%s %d", c.Name, c.Seen))
	}
	if len(all) > 0 {
		t.line("taps saw  %s", strings.Join(all, ", "))
	}
	t.line("chains    %d: %d pass, %d fail, %d unknown%s", t.r.Chains.Total, t.r.Chains.Pass, t.r.Chains.Fail,
		t.r.Chains.Unknown, t.outcomes())
	var counts []string
	for _, c := range []struct {
		n    int
		what string
	}{
		{t.r.Messages.Unmatched, "messages in no chain"},
		{t.r.Undecided, "orders closer than the skew"},
		{t.r.Redelivered, "redeliveries that are allowed"},
		{t.r.Retried, "retry copies"},
	} {
		if c.n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	if len(counts) > 0 {
		t.line("counted   %s", strings.Join(counts, ", "))
	}
	t.warnings()
}

// warnings end what is said of the whole.
func (t *text) warnings() {
	for _, warning := range t.r.Warnings {
		t.line("%s   %s", t.paint(flows.NotKnown, "warning"), flat(warning))
	}
	if t.opts.Timing != "" {
		t.line("took      %s", t.opts.Timing)
	}
}

func (t *text) outcomes() string {
	var all []string
	for name, n := range t.r.Chains.Outcomes {
		all = append(all, fmt.Sprintf("%s %d", name, n))
	}
	if len(all) == 0 {
		return ""
	}
	slices.Sort(all)
	return "  (" + strings.Join(all, ", ") + ")"
}

// last is the line that CI reads.
func (t *text) last() {
	passed, failed, unknown := t.r.Chains.Pass, t.r.Chains.Fail, t.r.Chains.Unknown
	blamed := t.blamed()
	if len(t.r.Scenarios) == 0 {
		// A rule may blame chains that pass for themselves.
		more := min(max(0, len(blamed)-failed), passed)
		passed, failed = passed-more, failed+more
	} else {
		passed, failed, unknown = 0, len(blamed), 0
		for _, s := range t.r.Scenarios {
			states := []flows.State{s.State}
			for _, p := range s.Probes {
				if !p.Off {
					states = append(states, p.State)
				}
			}
			for _, state := range states {
				switch state {
				case flows.Pass:
					passed++
				case flows.Fail:
					failed++
				default:
					unknown++
				}
			}
		}
	}
	if across := t.across(); across == flows.Fail {
		failed++
	} else if across == flows.NotKnown {
		unknown++
	}
	t.line("")
	line := fmt.Sprintf("%d passed, %d failed", passed, failed)
	if unknown > 0 {
		line += fmt.Sprintf(", %d unknown", unknown)
	}
	t.line("%s", t.paint(t.r.State, line))
}

// blamed are the chains with findings that belong to no scenario.
func (t *text) blamed() map[string]bool {
	mine := chainsOf(t.r)
	mine[""] = true
	blamed := map[string]bool{}
	for i := range t.r.Findings {
		if chain := t.r.Findings[i].Chain; !mine[chain] {
			blamed[chain] = true
		}
	}
	return blamed
}

// across is the verdict on what belongs to no chain.
func (t *text) across() flows.State {
	state := flows.Pass
	for _, u := range t.r.Unknowns {
		if u.Chain == "" && !u.OfScenario {
			state = flows.NotKnown
		}
	}
	for i := range t.r.Findings {
		if t.r.Findings[i].Chain == "" {
			return flows.Fail
		}
	}
	return state
}
