package scenarios

import (
	"context"
	"errors"
	"fmt"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// poisons send a broken trigger between two good ones, in the same partition or
// group: a try for each way to break it. One is tried after the other, and nothing
// beside them, since the good ones must not be held up.
func (r *runner) poisons(of *instance) ([]*try, string) {
	id := r.cfg.NewID()
	triggers, err := of.scenario.Triggers(r.cfg.Flow, id, of.kase)
	if err != nil {
		return nil, err.Error()
	}
	var tries []*try
	for _, b := range r.cfg.Flow.BrokenTriggers(&triggers[0], id) {
		name := b.Name
		tries = append(tries, &try{name: name, alone: true, poison: name})
	}
	if len(tries) == 0 {
		return nil, "the trigger's body is no JSON object: flowcheck does not know how to break it"
	}
	return tries, ""
}

// second is a further instance of the scenario that a try sends as well, and the
// broken message in between.
type second struct {
	id       string
	triggers []flows.Trigger
	brokenID string
	broken   flows.Broken
	ids      map[string]string // that the broken one should have
}

// prepare makes what a poison's try sends beside its first good trigger.
func (r *runner) prepare(in *instance) error {
	s := &second{id: r.cfg.NewID(), brokenID: r.cfg.NewID()}
	var err error
	if s.triggers, err = in.scenario.Triggers(r.cfg.Flow, s.id, in.kase); err != nil {
		return err
	}
	whole, err := in.scenario.Triggers(r.cfg.Flow, s.brokenID, in.kase)
	if err != nil {
		return err
	}
	s.ids = whole[0].IDs
	for _, b := range r.cfg.Flow.BrokenTriggers(&whole[0], s.brokenID) {
		if b.Name == in.try.poison {
			s.broken = b
		}
	}
	in.try.second = s
	return nil
}

// publishPoison sends the good ones, with the broken one in between.
func (r *runner) publishPoison(ctx context.Context, in *instance) {
	s := sending{instance: in}
	s.err = r.sendPoison(ctx, &s)
	r.tell(ctx, s)
}

func (r *runner) sendPoison(ctx context.Context, s *sending) error {
	t, x := s.instance.try, s.instance.try.second
	var at message.Position
	first := &t.triggers[0]
	for i := range t.triggers {
		receipt, err := r.send(ctx, &t.triggers[i])
		if err != nil {
			return err
		}
		if t.triggers[i].Channel == first.Channel {
			at = receipt.Position
		}
		s.marks = append(s.marks, r.sentMark(s.instance, &t.triggers[i], receipt, ""))
	}
	if err := r.sendBroken(ctx, s, first, at); err != nil {
		return err
	}
	for i := range x.triggers {
		next := x.triggers[i].InLane(first, at)
		receipt, err := r.send(ctx, &next)
		if err != nil {
			return err
		}
		s.marks = append(s.marks, r.sentMark(s.instance, &next, receipt, ""))
	}
	return nil
}

// sendBroken sends the broken message, in the largest size that the broker takes.
func (r *runner) sendBroken(ctx context.Context, s *sending, first *flows.Trigger, at message.Position) error {
	x := s.instance.try.second
	var err error
	for _, t := range x.broken.Big() {
		t = t.InLane(first, at)
		var receipt brokers.Receipt
		if receipt, err = r.send(ctx, &t); err == nil {
			m := r.sentMark(s.instance, &t, receipt, fmt.Sprintf("a broken trigger (%s) was sent between two good ones", x.broken.Name))
			m.IDs, m.Probe.As, m.Probe.Broken = x.ids, x.brokenID, x.broken.Name
			if t.Message.Key != nil {
				m.Probe.Key = flows.Digest(t.Message.Key)
			}
			s.marks = append(s.marks, m)
			return nil
		}
		if !errors.Is(err, brokers.ErrTooLarge) {
			return err
		}
	}
	return err
}
