package flows

import (
	"strings"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/expression"
	"github.com/flowcheck/flowcheck/payload"
)

// nearby remembers the last messages that were no step, to tell of a missing
// one what came close.
type nearby struct {
	seen []stranger
	next int
}

// maxNearby bounds the messages remembered, maxNearbyTraffic the traffic in which
// it is worth the time to look at them.
const (
	maxNearby        = 256
	maxNearbyTraffic = 100_000
)

// stranger is a message that was no step.
type stranger struct {
	channel int
	ids     []correlate.ID
	at      Evidence
	// parts tells, for each step of the channel, why the message was not that.
	parts map[int][]Part
}

// note remembers a message that was no step.
func (n *nearby) note(f *Flow, r *reduced) {
	s := stranger{
		channel: r.channel, at: Evidence{f.Channels[r.channel].Name, r.Entry.Position}, parts: r.whyNot,
	}
	for _, ids := range [2][]correlate.ID{r.IDs, r.Listed} {
		for _, id := range ids {
			id.Value = strings.Clone(id.Value) // the message's
			s.ids = append(s.ids, correlate.Canonical(id))
		}
	}
	if len(n.seen) < maxNearby {
		n.seen = append(n.seen, s)
		return
	}
	n.seen[n.next] = s
	n.next = (n.next + 1) % maxNearby
}

// whyNot tells, for each step of the channel, why the message is not that; nil
// where the channel has no steps.
func (in *intake) whyNot(plan *intakePlan) map[int][]Part {
	if len(plan.steps) == 0 {
		return nil
	}
	why := map[int][]Part{}
	for _, step := range plan.steps {
		if step.when != nil {
			why[int(step.step)] = in.unmet(step.when)
		}
	}
	return why
}

// unmet are the parts of a step's `when` that the message does not meet.
func (in *intake) unmet(when *expression.Program) []Part {
	var parts []Part
	for _, p := range when.Explain(&in.frame) {
		for _, op := range p.Operands {
			if op.Constant {
				continue
			}
			value := "(secret)"
			if !op.Secret {
				value = payload.Short(payload.Clone(op.Value), shortValue)
			}
			parts = append(parts, Part{Source: p.Text + " with " + op.Text, Value: value})
		}
	}
	return parts
}

// explain looks for a message that has an id of the chain, on the channel of
// the missing step.
func (n *nearby) explain(a *Audit, c *correlate.Chain, f Finding) {
	step := -1
	for i := range a.flow.Steps {
		if a.flow.Steps[i].Name == f.Step {
			step = i
		}
	}
	if step < 0 {
		return
	}
	for i := range n.seen {
		s := &n.seen[i]
		if s.channel != a.flow.Steps[step].Channel || !shares(c, s.ids) {
			continue
		}
		a.result.NearMisses[NearKey{f.Chain, f.Step}] = NearMiss{
			Evidence: s.at, Parts: s.parts[step],
			Text: "a message on " + s.at.Channel + " has the chain's id but is not " + f.Step,
		}
	}
}

func shares(c *correlate.Chain, ids []correlate.ID) bool {
	for _, have := range c.IDs {
		for _, id := range ids {
			if correlate.Canonical(have) == id {
				return true
			}
		}
	}
	return false
}
