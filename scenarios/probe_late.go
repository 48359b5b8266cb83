package scenarios

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/pause"
)

// maxAgain is how often a try is made once more that came too late for its work;
// after as many as maxSeen it goes by the clock, if the chain was over each time.
const (
	maxAgain = 9
	maxSeen  = 5
)

// tooLate says why the next act of the instance's try would not do its work now: it
// is to disturb a chain that is under way, and the chain is over; or to follow a step
// that did not come. "" where it would. It goes by what flowcheck has seen.
func (r *runner) tooLate(in *instance) string {
	t := in.try
	if t.acts[0].when == afterStep && !t.disturbs && !r.came(in, t.after) {
		return t.after + " did not come"
	}
	if !t.disturbs {
		return ""
	}
	switch over := r.chainIsOver(in); {
	case !over && !in.decided.IsZero() && t.acts[0].when == afterStep && !r.came(in, t.after):
		return t.after + " did not come"
	case !over:
		return ""
	case t.acts[0].when == afterStep:
		return fmt.Sprintf("each time the chain was over before it could be disturbed after %s", t.after)
	default:
		return "each time the chain was over before it could be disturbed"
	}
}

// chainIsOver reports whether the instance has its outcome, with as many effects as
// the scenario itself had.
func (r *runner) chainIsOver(in *instance) bool {
	return len(r.audit.Effects(in.id)) >= in.of.effects && r.audit.Standing(in.id, r.readTo()) == flows.Pass
}

// hasOneEffect reports whether the chain is over with its first effect: it is to be
// disturbed before that.
func (in *instance) hasOneEffect() bool { return in.of.effects < 2 }

// came reports whether the instance's chain has the step.
func (r *runner) came(in *instance, step string) bool {
	return slices.ContainsFunc(r.audit.Effects(in.id), func(p flows.Place) bool { return p.Step == step })
}

// triesAgain reports whether a try came too late and is made once more: the next
// chain may take longer. One whose chain has not its outcome has said enough.
func (r *runner) triesAgain(in *instance) bool {
	return in.try.missed != "" && in.err == nil && in.try.again < maxAgain && r.audit.Standing(in.id, r.readTo()) == flows.Pass
}

// actedTooLate says why a try that went by the clock did not do its work; "" where it
// did: something of its chain was seen later.
func (r *runner) actedTooLate(in *instance) string {
	if last := in.wait.Last; !r.chainIsOver(in) || last.Known() && last.Time().After(in.try.acted) {
		return ""
	}
	return "each time the chain was over before it could be disturbed, by the clock as well"
}

// copied is the same try for another instance.
func (t *try) copied() *try {
	return &try{
		probe: t.probe, name: t.name, scenario: t.scenario, alone: t.alone, disturbs: t.disturbs, again: t.again + 1,
		twice: t.twice, vary: t.vary, acts: t.all, after: t.after, resends: t.resends, meanwhile: t.meanwhile,
		overBy: t.overBy, byClock: t.byClock, clocked: t.clocked,
	}
}

// another is the next after a try that came too late.
func (r *runner) another(after *try) *try {
	t := after.copied()
	if !t.clocked && t.overBy > 0 && t.again >= maxSeen && len(t.acts) == 1 {
		r.goByClock(t)
	}
	return t
}

// goByClock has a try act when half of the time has passed in which an earlier chain
// was over, as flowcheck saw it. The way there took the trigger as long as the way back
// took what was seen, as far as one can tell: so half of it is in mid-chain, however
// far away the brokers are.
func (r *runner) goByClock(t *try) {
	do, wait := t.acts[0].do, t.overBy/2
	if t.byClock != nil {
		do = t.byClock
	}
	t.clocked, t.acts = true, nil
	t.meanwhile = func(ctx context.Context, s *sending) error {
		if err := pause.For(ctx, wait); err != nil {
			return err
		}
		s.instance.try.acted = r.cfg.Now()
		if err := do(ctx, s); err != nil {
			return err
		}
		for _, m := range s.marks {
			m.Probe.What += fmt.Sprintf(", by the clock, %v after its trigger began to be sent: whenever that was awaited, the chain was over before", wait.Round(time.Millisecond))
		}
		return nil
	}
}
