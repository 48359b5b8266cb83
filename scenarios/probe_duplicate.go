package scenarios

import (
	"context"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// duplicates send the trigger again, byte for byte.
func (r *runner) duplicates() []*try { return r.atThreeTimes("the trigger was sent again", nil) }

// sameKey sends the trigger again as another message: with the same business ids,
// and with fresh ones of its own.
func (r *runner) sameKey() []*try {
	return r.atThreeTimes("the trigger was sent again with a new transport id", func(in *instance, i int) (flows.Trigger, error) {
		again, err := in.scenario.Triggers(r.cfg.Flow, in.id, in.kase)
		if err != nil {
			return flows.Trigger{}, err
		}
		return r.cfg.Flow.WithNewTransportID(&in.try.triggers[i], &again[i], r.cfg.NewID), nil
	})
}

// conflicts send the trigger again with a changed body.
func (r *runner) conflicts(of *instance) ([]*try, string) {
	triggers, err := of.scenario.Triggers(r.cfg.Flow, of.id, of.kase)
	if err != nil {
		return nil, err.Error()
	}
	path, changeable := "", false
	for i := range triggers {
		if _, p, ok := r.cfg.Flow.WithOtherContent(&triggers[i]); ok && !changeable {
			path, changeable = p, true
		}
	}
	if !changeable {
		return nil, "no value in the trigger's body can be changed that is no id of the flow: give it a field that is none"
	}
	vary := func(in *instance, i int) (flows.Trigger, error) {
		other, _, _ := r.cfg.Flow.WithOtherContent(&in.try.triggers[i])
		return other, nil
	}
	return r.atThreeTimes("the trigger was sent again with another "+path, vary)[1:], ""
}

// atThreeTimes sends the triggers again: at once, while the first are in flight,
// and after their chains have closed.
func (r *runner) atThreeTimes(what string, vary func(*instance, int) (flows.Trigger, error)) []*try {
	return []*try{
		{name: "at once", vary: vary, twice: what + " at once"},
		{name: "in flight", vary: vary, acts: []act{{inFlight, r.again(what + " while the first was in flight")}}},
		{name: "after the end", vary: vary, acts: []act{{atEnd, r.again(what + " after its chain had closed")}}},
	}
}

// again sends the instance's triggers once more.
func (r *runner) again(what string) func(context.Context, *sending) error {
	return func(ctx context.Context, s *sending) error {
		for i := range s.instance.try.triggers {
			if err := r.sendAgain(ctx, s, i, what); err != nil {
				return err
			}
		}
		return nil
	}
}

// sendAgain sends one trigger of the instance once more, as its try varies it.
func (r *runner) sendAgain(ctx context.Context, s *sending, i int, what string) error {
	in := s.instance
	t := in.try.triggers[i]
	if in.try.vary != nil {
		var err error
		if t, err = in.try.vary(in, i); err != nil {
			return err
		}
	}
	return r.sendExtra(ctx, s, &t, what)
}

// sendExtra sends a message that is no trigger.
func (r *runner) sendExtra(ctx context.Context, s *sending, t *flows.Trigger, what string) error {
	receipt, err := r.send(ctx, t)
	switch {
	case err != nil:
		return err
	case receipt.Position == t.Origin && t.Origin.Kind != message.NoPosition:
		// A FIFO topic or queue takes a deduplication id twice, and delivers it once.
		s.marks = append(s.marks, r.actMark(s.instance, what+"; the broker knew it again and delivered nothing"))
	default:
		s.marks = append(s.marks, r.sentMark(s.instance, t, receipt, what))
	}
	return nil
}

// actMark tells of something that was done, and that no tap sees.
func (r *runner) actMark(in *instance, what string) *message.Mark {
	return &message.Mark{Kind: message.MarkProbe, Seen: r.cfg.Now(), ID: in.id, Probe: &message.ProbeMark{Does: message.ProbeAct, What: what}}
}
