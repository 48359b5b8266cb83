package scenarios

import (
	"context"
	"fmt"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/scenarios/call"
)

// hookRestart is the hook that restarts the system under test.
const hookRestart = "restart"

// restarts restart the system in mid-chain: as soon as the trigger is sent, while
// it is sent, and after each step but the last. Nothing else runs beside them.
func (r *runner) restarts(of *instance) ([]*try, string) {
	hook, err := r.cfg.Flow.Hook(hookRestart)
	switch {
	case err != nil:
		return nil, "hooks." + hookRestart + ": " + err.Error()
	case hook == nil:
		return nil, "the flow has no hook that restarts the system: add hooks: { restart: [ command, argument ] }"
	}
	steps := r.stepsOf(of)
	tries := []*try{
		{name: "while the trigger was sent", meanwhile: r.restart(hook, "the system was restarted while the trigger was sent")},
		{name: "after the trigger", acts: []act{{onceSent, r.restart(hook, "the system was restarted once the trigger was sent")}}},
	}
	for _, step := range steps[:max(0, len(steps)-1)] {
		tries = append(tries, &try{
			name: "after " + step, after: step, acts: []act{{afterStep, r.restart(hook, "the system was restarted once "+step+" had come")}},
			byClock: r.restart(hook, "the system was restarted when "+step+" was due"),
		})
	}
	for _, t := range tries {
		t.alone, t.disturbs = true, true
	}
	return tries, ""
}

func (r *runner) restart(hook *flows.Call, what string) func(context.Context, *sending) error {
	return r.shared(func(ctx context.Context) (string, error) {
		if _, err := call.Do(ctx, hook); err != nil {
			return "", fmt.Errorf("hooks.%s: %w", hookRestart, err)
		}
		return what, nil
	})
}
