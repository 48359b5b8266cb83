package flows

import (
	"fmt"
	"slices"

	"github.com/flowcheck/flowcheck/correlate"
)

func (a *Audit) countDead(c *correlate.Chain) int {
	n := 0
	for i := range c.Entries {
		if a.flow.Channels[c.Entries[i].Channel].DeadLetters != nil {
			n++
		}
	}
	return n
}

// judgeReplay judges what became of the dead letters that were replayed: that they
// do not come again. What else the chain lacks or has too often the flow says.
func (p *probeReport) judgeReplay(t *attempt) (found []Finding, doubt string) {
	switch {
	case !t.replayed():
		return nil, "nothing was replayed"
	case !t.parkedAgain():
		return nil, ""
	case !t.healed():
		return nil, "what was replayed was dead-lettered again, and the scenario has no `heal:` that would change that"
	}
	f := Finding{
		Kind: NotReplayed, Probe: t.label(), Expected: "an outcome without a dead letter", Actual: fmt.Sprintf("dead-lettered %s", times(t.dead)),
		Text: t.summary() + ", and it was dead-lettered again",
	}
	for _, s := range t.runs {
		if s.found {
			f.Chain, f.IDs = s.chain, s.mark.IDs
		}
	}
	for _, s := range t.sends {
		if s.Extra {
			f.Evidence = append(f.Evidence, Evidence{s.Channel, s.Position})
		}
	}
	return []Finding{f}, ""
}

// parkedAgain reports whether more was dead-lettered than was replayed.
func (t *attempt) parkedAgain() bool {
	replays := 0
	for _, s := range t.sends {
		if s.Extra {
			replays++
		}
	}
	return t.dead > replays
}

// healed reports whether what kept the message back was dealt with.
func (t *attempt) healed() bool {
	return slices.ContainsFunc(t.did, func(d Deed) bool { return d.Channel == "" })
}

// asReplay tells what the flow found after a replay in the replay's own words: what
// is missing was not replayed, what came too often is not idempotent.
func (t *attempt) asReplay(f *Finding) {
	switch {
	case !t.replayed() || f.Rule != "":
	case f.Kind == Missing:
		f.Kind = NotReplayed
		f.Text = fmt.Sprintf("%s, and it did not reach its outcome: %s", t.summary(), f.Text)
	case f.Kind == Duplicate:
		f.Kind = NotIdempotent
		f.Text = fmt.Sprintf("%s, and %s", t.summary(), f.Text)
	}
}
