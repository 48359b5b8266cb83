package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/scenarios"
	"github.com/flowcheck/flowcheck/scenarios/call"
)

// duringCut is the word of --during for what the proxies of the flow's brokers do,
// unless the flow has a hook of that name.
const duringCut = "cut"

// checkDuring reports what cannot be done to the system.
func (f *replayFlags) checkDuring(flow *flows.Flow) error {
	if f.fault <= 0 {
		return errors.New("--cut-for: a positive duration, as in 500ms")
	}
	for _, name := range f.during {
		if f.cuts(flow, name) {
			if !slices.ContainsFunc(flow.Brokers, func(b flows.Broker) bool { return b.Proxy != "" }) {
				return errors.New("--during cut: no broker of the flow has a proxy that the system connects through: add proxy: 127.0.0.1:PORT to one")
			}
			continue
		}
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

// cuts says that a name of --during is no hook, but the proxies'.
func (f *replayFlags) cuts(flow *flows.Flow, name string) bool {
	hook, err := flow.Hook(name)
	return name == duringCut && hook == nil && err == nil
}

// openCutter starts the proxies, if they are asked for, and has the flow's hook
// restart, if it has one, make the system connect through them.
func (d *replaying) openCutter(ctx context.Context) (closeCutter func(), err error) {
	if !slices.ContainsFunc(d.flags.during, func(name string) bool { return d.flags.cuts(d.flow, name) }) {
		return func() {}, nil
	}
	if d.cutter, err = scenarios.NewCutter(d.flow, d.flags.fault); err != nil {
		return func() {}, err
	}
	return d.cutter.Close, d.callHook(ctx, "restart")
}

// callHook calls a hook of the flow, if it is there.
func (d *replaying) callHook(ctx context.Context, name string) error {
	hook, err := d.flow.Hook(name)
	if err == nil && hook != nil {
		_, err = call.Do(ctx, hook)
	}
	if err != nil {
		return fmt.Errorf("hooks.%s: %w", name, err)
	}
	return nil
}

// leastCalls is how often each hook is called at least.
const leastCalls = 4

// disturbances call each hook of --during for each channel whose messages others
// follow, when one has come there; where those are few, in turn. Of cut each fault
// of each proxy is one, on these channels in turn.
func (d *replaying) disturbances() []scenarios.Disturbance {
	channels := d.followed()
	if len(channels) == 0 {
		return nil
	}
	var all []scenarios.Disturbance
	for _, name := range d.flags.during {
		kinds := []scenarios.Disturbance{{What: "hooks." + name, Do: func(ctx context.Context) error { return d.callHook(ctx, name) }}}
		if d.cutter != nil && d.flags.cuts(d.flow, name) {
			kinds = d.cutter.Disturbances()
		}
		n := max(len(channels), len(kinds))
		for n < leastCalls {
			n += max(len(channels), len(kinds))
		}
		for i := range n {
			one := kinds[i%len(kinds)]
			one.Channel = channels[i%len(channels)]
			one.What += " after a message on " + one.Channel
			all = append(all, one)
		}
	}
	return all
}

// followed are the channels whose messages others follow; where the flow says of no
// step what it follows, those that are sent to.
func (d *replaying) followed() []string {
	var channels []string
	for i := range d.flow.Steps {
		for _, a := range d.flow.Steps[i].After {
			if name := d.flow.Channels[d.flow.Steps[a].Channel].Name; !slices.Contains(channels, name) {
				channels = append(channels, name)
			}
		}
	}
	if len(channels) > 0 {
		return channels
	}
	for i := range d.plan.Shipments {
		if name := d.flow.Channels[d.plan.Shipments[i].Channel].Name; !slices.Contains(channels, name) {
			channels = append(channels, name)
		}
	}
	return channels
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
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d of %d disturbances of --during were made: no message came any more that the rest waited for", done, len(planned)))
	}
}
