package replay

import (
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/deadletter"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// sentKey names a message that a mark says was sent: its channel, and its position
// or digest.
type sentKey struct{ channel, name string }

// Marked notes what the recorded run itself did: a message that it sent in the
// middle of a chain, and that it had the system healed. It is to be called before
// Judged, and is for recordings of runs with probes.
func (p *Planner) Marked(m *message.Mark) {
	if m.Probe == nil || len(p.outside) == 0 {
		return
	}
	switch x := m.Probe; x.Does {
	case message.ProbeBegin:
		if x.Kind == "replay" {
			p.replays[m.ID] = m
		}
	case message.ProbeAct:
		if begun := p.replays[m.ID]; begun != nil && x.What == flows.HealCalled {
			p.heal(begun, m.Seen)
		}
	case message.ProbeSend:
		if !x.Extra {
			return
		}
		name := x.Digest
		if x.Position.Kind == message.PartitionOffset {
			name = x.Position.String()
		}
		p.extras[sentKey{x.Channel, name}]++
	default:
	}
}

// Mid are the numbers of the messages that the recorded run sent in the middle of
// chains.
func (p *Planner) Mid() map[int]bool { return p.mid }

// heal notes that a scenario's heal was called.
func (p *Planner) heal(m *message.Mark, at time.Time) {
	for i := range p.flow.Scenarios {
		if s := &p.flow.Scenarios[i]; s.Name == m.Name {
			p.plan.Heals = append(p.plan.Heals, Heal{At: at.Add(-p.flow.Skew), Scenario: s, ID: m.ID, Case: flows.CaseOf(m.Case)})
		}
	}
}

// findOutside finds the channels on which nothing comes but what begins a chain.
func (p *Planner) findOutside() {
	inside := map[int]bool{}
	for i := range p.flow.Steps {
		if s := &p.flow.Steps[i]; !p.steps[i] {
			inside[s.Channel] = true
		}
	}
	for i := range p.steps {
		if at := p.flow.Steps[i].Channel; !inside[at] {
			p.outside[at] = true
		}
	}
}

// wanted are the numbers of the messages of a chain that are sent again. A copy is
// sent where its original is not.
func (p *Planner) wanted(entries []*correlate.Entry) []int {
	originals := map[int16]bool{}
	for _, e := range entries {
		originals[e.Step] = originals[e.Step] || !e.Copy
	}
	var all []int
	for i := len(entries) - 1; i >= 0; i-- { // of messages that are alike, what was sent again is the last
		e := entries[i]
		chosen := p.outside[int(e.Channel)]
		if e.Step != correlate.NoStep {
			chosen = p.steps[int(e.Step)]
		}
		switch {
		case chosen && !(e.Copy && originals[e.Step]):
		case !chosen && p.extra(e):
			p.mid[int(e.Seq)] = true
		default:
			continue
		}
		all = append(all, int(e.Seq))
	}
	return all
}

// extra reports, once for each mark, whether the message was sent by the run.
func (p *Planner) extra(e *correlate.Entry) bool {
	if len(p.extras) == 0 {
		return false
	}
	channel := p.flow.Channels[e.Channel].Name
	for _, name := range [...]string{e.Position.String(), flows.EntryDigest(e)} {
		if k := (sentKey{channel, name}); p.extras[k] > 0 {
			p.extras[k]--
			return true
		}
	}
	return false
}

// alone reports whether a message of no chain came from outside, and is the flow's:
// nobody could read it, or it has no id.
func (p *Planner) alone(channel int, o *message.Observation) bool {
	if !p.outside[channel] || deadletter.IsCopy(o) || p.again(channel, o) {
		return false
	}
	t := p.flow.Resent(channel, o)
	if told := p.teller.Tell(&t); told.Step != int(correlate.NoStep) && len(told.IDs)+len(told.Others) > 0 {
		return false
	}
	_, mine := p.teller.Reads(&t)
	return mine
}

// again reports whether the tap had read the message before.
func (p *Planner) again(channel int, o *message.Observation) bool {
	if o.Position.Kind != message.PartitionOffset {
		return false
	}
	at := place{channel, o.Position.Partition}
	last, known := p.seen[at]
	if known && o.Position.Offset <= last {
		return true
	}
	p.seen[at] = o.Position.Offset
	return false
}
