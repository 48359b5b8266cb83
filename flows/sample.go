package flows

import (
	"errors"
	"fmt"
	"slices"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/message"
)

// Sampler picks a share of the chains by the hash of an id that every step
// carries: partition-by, or the only id that the flow has. Whoever asks, picks the
// same. It is for one goroutine.
type Sampler struct {
	reducer *Reducer
	name    int // of IDs
	below   uint64
}

// NewSampler makes a sampler of a share between 0 and 1. It fails where the flow
// has no such id, or rules that miss what is left out.
func NewSampler(f *Flow, share float64) (*Sampler, error) {
	switch {
	case !(share > 0 && share < 1):
		return nil, errors.New("a share lies between 0 and 100 %")
	case f.PartitionBy == "" && len(f.IDs) != 1:
		return nil, fmt.Errorf("flow %s has several ids: say by `partition-by:` which one every step carries", f.Name)
	}
	for i := range f.Rules {
		if r := &f.Rules[i]; r.gapless || r.Kind == "every" {
			return nil, fmt.Errorf("flow %s: the rule %s misses the messages that a sample leaves out", f.Name, r.Name)
		}
	}
	s := &Sampler{reducer: NewAudit(f, AuditConfig{}).Reducer(), below: uint64(share * (1 << 32))}
	if f.PartitionBy != "" {
		s.name = slices.IndexFunc(f.IDs, func(id IDName) bool { return id.Name == f.PartitionBy })
	}
	return s, nil
}

// ID names the id that chains are picked by.
func (s *Sampler) ID() string { return s.reducer.in.flow.IDs[s.name].Name }

// Take reports whether the message's chain is picked. known is false where the
// message is a step and has no such id. What is no step and has none is taken.
func (s *Sampler) Take(o *message.Observation) (take, known bool) {
	m := &s.reducer.one
	s.reducer.in.reduce(o, false, m)
	if m.channel < 0 || !m.mine {
		return true, true
	}
	for _, id := range m.IDs {
		if int(id.Name) == s.name {
			return s.picks(correlate.Canonical(id).Value), true
		}
	}
	return m.Entry.Step == correlate.NoStep, m.Entry.Step == correlate.NoStep
}

// picks reports whether the sample has the chain of that id.
func (s *Sampler) picks(value string) bool {
	return uint64(correlate.HashOfKey(value)) < s.below
}
