package scenarios

import (
	"fmt"
	"slices"

	"github.com/flowcheck/flowcheck/flows"
)

// maxAgain is how often a try is made once more that came too late for its work.
const maxAgain = 9

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

// copied is the same try for another instance.
func (t *try) copied() *try {
	return &try{
		probe: t.probe, name: t.name, scenario: t.scenario, alone: t.alone, disturbs: t.disturbs, again: t.again + 1,
		twice: t.twice, vary: t.vary, acts: t.all, after: t.after, resends: t.resends, meanwhile: t.meanwhile,
	}
}
