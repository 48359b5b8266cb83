package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/mutate"
)

// jsonMutation is the report of a mutation campaign.
type jsonMutation struct {
	Version   string         `json:"flowcheck"`
	Flow      string         `json:"flow"`
	Mode      string         `json:"mode"`
	Verdict   string         `json:"verdict"`
	Messages  int            `json:"messages"`
	Kept      int            `json:"kept"`
	Chains    int            `json:"chains"`
	Mutated   int            `json:"mutated"`
	Mutants   int            `json:"mutants"`
	Noticed   int            `json:"noticed"`
	Unknown   int            `json:"unknown"`
	Survived  int            `json:"survived"`
	Score     float64        `json:"score"`
	Faults    []jsonFault    `json:"faults"`
	Survivors []jsonSurvivor `json:"survivors"`
}

type jsonFault struct {
	Fault    string `json:"fault"`
	Mutants  int    `json:"mutants"`
	Noticed  int    `json:"noticed"`
	Unknown  int    `json:"unknown"`
	Survived int    `json:"survived"`
}

type jsonSurvivor struct {
	Name     string `json:"name"`
	Fault    string `json:"fault"`
	Step     string `json:"step"`
	Channel  string `json:"channel"`
	Field    string `json:"field"`
	Survived int    `json:"survived"`
	Mutants  int    `json:"mutants"`
	Chain    string `json:"chain"`
	Add      string `json:"add"`
	Why      string `json:"why"`
}

// mutationState is the verdict of a campaign: a survivor fails it. A mutant that
// cannot be judged does not pass, and so is no survivor.
func mutationState(r *mutate.Result) flows.State {
	switch all := r.Total(); {
	case all.Survived > 0:
		return flows.Fail
	case all.Mutants == 0:
		return flows.NotKnown
	default:
		return flows.Pass
	}
}

// MutationJSON writes a mutation campaign as one line: mutation/1.
func MutationJSON(w io.Writer, r *mutate.Result) error {
	all := r.Total()
	out := jsonMutation{
		Version: "mutation/1", Flow: r.Flow, Mode: "mutate", Verdict: mutationState(r).String(),
		Messages: r.Messages, Kept: r.Kept, Chains: r.Chains, Mutated: r.Mutated,
		Mutants: all.Mutants, Noticed: all.Noticed, Unknown: all.Unknown, Survived: all.Survived,
		Score: math.Round(all.Score()*10000) / 10000, Faults: []jsonFault{}, Survivors: []jsonSurvivor{},
	}
	for _, c := range r.Counts {
		out.Faults = append(out.Faults, jsonFault{string(c.Fault), c.Mutants, c.Noticed, c.Unknown, c.Survived})
	}
	for i := range r.Survivors {
		s := &r.Survivors[i]
		out.Survivors = append(out.Survivors, jsonSurvivor{
			s.Name(), string(s.Fault), s.Step, s.Channel, s.Field, s.Survived, s.Mutants, s.Chain, s.Add, s.Why,
		})
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(out); err != nil {
		return fmt.Errorf("write the JSON report: %w", err)
	}
	return nil
}

// MutationText writes a mutation campaign for people. Its last line counts the
// mutants that were noticed as passed.
func MutationText(w io.Writer, r *mutate.Result, opts TextOptions) error {
	t := &text{w: bufio.NewWriter(w), opts: opts, r: &flows.Result{}}
	all := r.Total()
	t.line("%s  %s", r.Flow, t.faint("mutate"))
	t.line("%s", t.faint(fmt.Sprintf("%d mutants of %d of %d chains", all.Mutants, r.Mutated, r.Chains)))
	t.line("")
	t.line("  %-10s %8s %8s %8s %9s", "fault", "mutants", "noticed", "unknown", "survived")
	for _, c := range r.Counts {
		if c.Mutants > 0 {
			t.line("  %-10s %8d %8d %8d %9d", c.Fault, c.Mutants, c.Noticed, c.Unknown, c.Survived)
		}
	}
	for i := range r.Survivors {
		s := &r.Survivors[i]
		t.line("")
		t.line("%s  %s", t.paint(flows.Fail, "SURVIVED"), flat(s.Name()))
		t.line("      %d of %d, the first in chain %s", s.Survived, s.Mutants, flat(s.Chain))
		if s.Add != "" {
			t.line("      add  %s", flat(s.Add))
		}
		t.line("      why  %s", flat(s.Why))
	}
	t.line("")
	t.line("score     %.1f %%", 100*all.Score())
	if r.Kept < r.Messages {
		t.line("%s", t.faint(fmt.Sprintf("the first %d of %d messages were mutated", r.Kept, r.Messages)))
	}
	if opts.Timing != "" {
		t.line("took      %s", opts.Timing)
	}
	t.line("")
	line := fmt.Sprintf("%d passed, %d failed", all.Noticed, all.Survived)
	if all.Unknown > 0 {
		line += fmt.Sprintf(", %d unknown", all.Unknown)
	}
	t.line("%s", t.paint(mutationState(r), line))
	if err := t.w.Flush(); err != nil {
		return fmt.Errorf("write the text report: %w", err)
	}
	return nil
}
