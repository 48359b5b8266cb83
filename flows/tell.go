package flows

import (
	"slices"
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/message"
)

// Teller says of messages that are to be sent what an audit would take them for.
// It is for one goroutine.
type Teller struct{ in *intake }

// Teller returns a Teller of the flow.
func (f *Flow) Teller() *Teller { return &Teller{newIntake(f)} }

// Told is what a message is to the flow.
type Told struct {
	// Step is its index, -1 for none.
	Step int
	// IDs tie it, by name; Others are the values of those that tie nothing.
	IDs    map[string]string
	Others []string
}

// Tell says what the message is.
func (t *Teller) Tell(m *Trigger) Told {
	ids, step := t.in.identity(m)
	told := Told{Step: int(step), IDs: ids}
	if step == correlate.NoStep {
		return told
	}
	of := &t.in.reduced.Message
	for _, id := range of.Listed {
		told.Others = append(told.Others, id.Value)
	}
	for _, id := range of.Loose {
		told.Others = append(told.Others, id.Value)
	}
	return told
}

// Reads are all ids in a message that may be no step; mine is false where the
// channel's `when` says that it is not the flow's.
func (t *Teller) Reads(m *Trigger) (ids []string, mine bool) {
	ch := &t.in.flow.Channels[m.Channel]
	o := &message.Observation{Message: m.Message, Channel: ch.Name, Seen: time.Unix(0, 0)}
	t.in.reduced.reset()
	of, mine := t.in.read(m.Channel, t.in.flow.Masked(o))
	if !mine {
		return nil, false
	}
	for _, id := range slices.Concat(of.IDs, of.Listed, of.Loose) {
		ids = append(ids, id.Value)
	}
	return ids, true
}
