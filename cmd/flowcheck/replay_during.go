package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/scenarios"
	"github.com/flowcheck/flowcheck/scenarios/call"
)

// checkHooks reports a hook that the flow file does not have.
func (f *replayFlags) checkHooks(flow *flows.Flow) error {
	for _, name := range f.during {
		hook, err := flow.Hook(name)
		if err != nil {
			return fmt.Errorf("hooks.%s: %w", name, err)
		}
		if hook == nil {
			return fmt.Errorf("--during %s: the flow has no such hook; add hooks: { %s: [ command, argument ] }", name, name)
		}
	}
	return nil
}

// leastCalls is how often each hook is called at least.
const leastCalls = 4

// disturbances call each hook of --during for each channel whose messages others
// follow, when one has come there; where those are few, in turn.
func (d *replaying) disturbances() []scenarios.Disturbance {
	var channels []string
	for i := range d.flow.Steps {
		for _, a := range d.flow.Steps[i].After {
			if name := d.flow.Channels[d.flow.Steps[a].Channel].Name; !slices.Contains(channels, name) {
				channels = append(channels, name)
			}
		}
	}
	if len(channels) == 0 { // the flow says of no step what it follows
		for i := range d.plan.Shipments {
			if name := d.flow.Channels[d.plan.Shipments[i].Channel].Name; !slices.Contains(channels, name) {
				channels = append(channels, name)
			}
		}
	}
	for len(channels) > 0 && len(channels) < leastCalls {
		channels = append(channels, channels...)
	}
	var all []scenarios.Disturbance
	for _, name := range d.flags.during {
		for _, channel := range channels {
			all = append(all, scenarios.Disturbance{
				Channel: channel, What: fmt.Sprintf("hooks.%s after a message on %s", name, channel),
				Do: func(ctx context.Context) error {
					hook, err := d.flow.Hook(name)
					if err == nil {
						_, err = call.Do(ctx, hook)
					}
					return err
				},
			})
		}
	}
	return all
}

// grace is how much longer than its deadlines a chain may take.
func (d *replaying) grace() time.Duration {
	if len(d.flags.during) > 0 {
		return d.flow.Timeout
	}
	return 0
}

// undone tells of disturbances that were not done.
func (e *exercise) undone(r *flows.Result) {
	planned := e.disturbances()
	done, errs := e.drill.Disturbed()
	for _, err := range errs {
		r.Unknowns = append(r.Unknowns, flows.Unknown{Reason: err.Error()})
	}
	if done < len(planned) {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d of %d calls of --during were made: no message came any more that the rest waited for", done, len(planned)))
	}
}
