package scenarios

import (
	"context"
	"fmt"
	"slices"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// rawKey is the place of a message that a tap saw.
type rawKey struct {
	channel string
	at      message.Position
}

// raws keeps what the taps saw, unmasked, so that it can be sent again.
type raws struct {
	all   map[rawKey]*message.Observation
	order []rawKey
}

// maxRaws bounds them.
const maxRaws = 100_000

func (r *raws) keep(o *message.Observation) {
	if r.all == nil {
		r.all = map[rawKey]*message.Observation{}
	}
	k := rawKey{o.Channel, o.Position}
	r.all[k] = o
	if r.order = append(r.order, k); len(r.order) > maxRaws {
		delete(r.all, r.order[0])
		r.order = r.order[1:]
	}
}

// redeliveries send each message seen in mid-chain again, on its own channel:
// a try for each step.
func (r *runner) redeliveries(of *instance) ([]*try, string) {
	var tries []*try
	for _, step := range r.stepsOf(of) {
		what := fmt.Sprintf("%s was published again, as it had come", step)
		tries = append(tries, &try{name: step, acts: []act{{atEnd, r.resend(step, what)}}})
	}
	if len(tries) == 0 {
		return nil, "nothing came after the trigger that could be published again"
	}
	return tries, ""
}

// stepsOf are the steps that came after the trigger, in the order of the flow,
// without dead letters: those have no consumer to be sent to.
func (r *runner) stepsOf(in *instance) []string {
	var steps []string
	for _, p := range r.audit.Effects(in.id) {
		ch := &r.cfg.Flow.Channels[p.Channel]
		if p.Step != "" && ch.DeadLetters == nil && ch.Retries == nil && !slices.Contains(steps, p.Step) {
			steps = append(steps, p.Step)
		}
	}
	slices.SortFunc(steps, func(a, b string) int { return r.place(a) - r.place(b) })
	return steps
}

// place is where the flow has a step.
func (r *runner) place(step string) int {
	return slices.IndexFunc(r.cfg.Flow.Steps, func(s flows.Step) bool { return s.Name == step })
}

// resend publishes the instance's messages of a step again. What it sends is
// looked up when it is due, by the owner of the audit.
func (r *runner) resend(step, what string) func(context.Context, *sending) error {
	return func(ctx context.Context, s *sending) error {
		all := s.instance.try.seen[step]
		if len(all) == 0 {
			return fmt.Errorf("%s was not seen, or is no longer kept: it could not be published again", step)
		}
		for i := range all {
			if err := r.sendExtra(ctx, s, &all[i], what); err != nil {
				return err
			}
		}
		return nil
	}
}

// seen are the instance's messages after the trigger, by step, as they are sent
// again.
func (r *runner) seen(in *instance) map[string][]flows.Trigger {
	all := map[string][]flows.Trigger{}
	for _, p := range r.audit.Effects(in.id) {
		o := r.raws.all[rawKey{r.cfg.Flow.Channels[p.Channel].Name, p.Position}]
		if o != nil && p.Step != "" {
			all[p.Step] = append(all[p.Step], r.cfg.Flow.Resent(p.Channel, o))
		}
	}
	return all
}

// late sends what is old once something later has happened: the trigger, and the
// first step after it; of several triggers the first, after the last.
func (r *runner) late(of *instance) ([]*try, string) {
	steps := r.stepsOf(of)
	if len(steps) == 0 {
		return nil, "nothing came after the trigger: a duplicate cannot be late"
	}
	last := steps[len(steps)-1]
	first := func(ctx context.Context, s *sending) error {
		return r.sendAgain(ctx, s, 0, "the trigger was sent again after "+last+" had come")
	}
	tries := []*try{{name: "the trigger after " + last, after: last, acts: []act{{afterStep, first}}}}
	if len(steps) > 1 {
		what := fmt.Sprintf("%s was published again after %s had come", steps[0], last)
		tries = append(tries, &try{name: steps[0] + " after " + last, after: last, resends: steps[0], acts: []act{{afterStep, r.resend(steps[0], what)}}})
	}
	return tries, ""
}

// reorders send the triggers of a scenario in the reverse order.
func (r *runner) reorders(of *instance) ([]*try, string) {
	triggers, err := of.scenario.Triggers(r.cfg.Flow, of.id, of.kase)
	switch {
	case err != nil:
		return nil, err.Error()
	case len(triggers) < 2:
		return nil, "the scenario sends one message: only a list of messages has an order that can be wrong"
	}
	for i := range triggers {
		if triggers[i].Channel != triggers[0].Channel || string(triggers[i].Message.Key) != string(triggers[0].Message.Key) {
			return nil, "the scenario's messages have several channels or keys: only those of one have an order that can be wrong"
		}
	}
	return []*try{{reversed: true}}, ""
}
