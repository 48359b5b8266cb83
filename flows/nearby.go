package flows

import (
	"strings"

	"github.com/flowcheck/flowcheck/correlate"
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

// note remembers a message that was no step, while the intake still has it.
func (n *nearby) note(a *Audit, channel int, m *correlate.Message) {
	plan := &a.flow.Channels[channel].intake
	if len(plan.steps) == 0 || len(m.IDs)+len(m.Listed) == 0 || a.result.Messages.Seen > maxNearbyTraffic {
		return
	}
	s := stranger{
		channel: channel, at: Evidence{a.flow.Channels[channel].Name, m.Entry.Position}, parts: map[int][]Part{},
	}
	for _, ids := range [2][]correlate.ID{m.IDs, m.Listed} {
		for _, id := range ids {
			id.Value = strings.Clone(id.Value) // the message's
			s.ids = append(s.ids, correlate.Canonical(id))
		}
	}
	for _, step := range plan.steps {
		if step.when != nil {
			s.parts[int(step.step)] = whyNot(a, step)
		}
	}
	if len(n.seen) < maxNearby {
		n.seen = append(n.seen, s)
		return
	}
	n.seen[n.next] = s
	n.next = (n.next + 1) % maxNearby
}

// whyNot are the parts of a step's `when` that the message does not meet.
func whyNot(a *Audit, step stepPlan) []Part {
	var parts []Part
	for _, p := range step.when.Explain(&a.intake.frame) {
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
