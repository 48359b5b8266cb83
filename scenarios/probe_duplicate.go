package scenarios

import (
	"context"

	"github.com/flowcheck/flowcheck/flows"
)

// duplicates send the trigger again, byte for byte.
func (r *runner) duplicates() []*try {
	flight, end := &try{name: "in flight"}, &try{name: "after the end"}
	flight.acts = []act{{inFlight, r.again(flight, "the trigger was sent again while the first was in flight")}}
	end.acts = []act{{atEnd, r.again(end, "the trigger was sent again after its chain had closed")}}
	return []*try{{name: "at once", twice: "the trigger was sent again at once"}, flight, end}
}

// again sends the instance's triggers once more.
func (r *runner) again(t *try, what string) func(context.Context, *sending) error {
	return func(ctx context.Context, s *sending) error {
		return r.sendExtra(ctx, s, t.triggers, what)
	}
}

// sendExtra sends messages that are no triggers.
func (r *runner) sendExtra(ctx context.Context, s *sending, all []flows.Trigger, what string) error {
	for i := range all {
		receipt, err := r.send(ctx, &all[i])
		if err != nil {
			return err
		}
		s.marks = append(s.marks, r.sentMark(s.instance, &all[i], receipt, what))
	}
	return nil
}
