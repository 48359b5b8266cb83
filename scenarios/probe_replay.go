package scenarios

import (
	"context"
	"errors"
	"fmt"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/scenarios/call"
)

// replays send what a scenario dead-lettered to where it came from, without the
// failure headers, once what kept it back is healed.
func (r *runner) replays(of *instance) ([]*try, string) {
	dead := 0
	for _, p := range r.audit.Effects(of.id) {
		if r.cfg.Flow.Channels[p.Channel].DeadLetters != nil {
			dead++
		}
	}
	if dead == 0 {
		return nil, "nothing was dead-lettered that could be replayed: ask for it in a scenario that ends in a dead letter"
	}
	heal, err := of.scenario.Heal(of.id, of.kase)
	if err != nil {
		return nil, err.Error()
	}
	t := &try{replay: true, acts: []act{{atEnd, r.replay}}}
	if heal != nil {
		t.name = "after heal"
	}
	return []*try{t}, ""
}

// replay heals the system and replays the instance's dead letters.
func (r *runner) replay(ctx context.Context, s *sending) error {
	in := s.instance
	if len(in.try.letters) == 0 {
		return errors.New("its dead letter was not seen, or does not say where it came from: it could not be replayed")
	}
	heal, err := in.scenario.Heal(in.id, in.kase)
	if err != nil {
		return err
	}
	if heal != nil {
		if _, err := call.Do(ctx, heal); err != nil {
			return fmt.Errorf("heal: %w", err)
		}
		s.marks = append(s.marks, r.actMark(in, flows.HealCalled))
	}
	for i := range in.try.letters {
		t := &in.try.letters[i]
		what := fmt.Sprintf("its dead letter was replayed to %s, without the failure headers", r.cfg.Flow.Channels[t.Channel].Name)
		if err := r.sendExtra(ctx, s, t, what); err != nil {
			return err
		}
	}
	return nil
}

// lettersOf are the instance's dead letters, as they are replayed.
func (r *runner) lettersOf(in *instance) []flows.Trigger {
	var all []flows.Trigger
	for _, p := range r.audit.Effects(in.id) {
		ch := &r.cfg.Flow.Channels[p.Channel]
		o := r.raws.all[rawKey{ch.Name, p.Position}]
		if ch.DeadLetters == nil || o == nil {
			continue
		}
		if t, ok := r.cfg.Flow.Replayed(p.Channel, o); ok {
			all = append(all, t)
		}
	}
	return all
}
