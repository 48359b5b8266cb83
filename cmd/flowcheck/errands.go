package main

import (
	"context"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/flows/source"
	"github.com/flowcheck/flowcheck/scenarios"
)

// errands does what setup and cleanup want on the flow's brokers, each on a
// connection of its own: taps may be long gone by then.
func (a *app) errands(f *flows.Flow, channels []brokers.Channel) scenarios.Errander {
	c := &connector{adapters: a.adapters, runID: newRunID(), log: a.logger(false)}
	return func(ctx context.Context, e *flows.Errand) error {
		adapter, cfg, err := c.config(f, e.Broker)
		switch {
		case err != nil:
			return err
		case len(e.SQL) > 0:
			err = adapter.Exec(ctx, cfg, e.SQL)
		default:
			err = adapter.Purge(ctx, cfg, channels[e.Channel])
		}
		if err != nil {
			return connectError(cfg, err)
		}
		return nil
	}
}

// checkErrands reports errands that their brokers cannot be sent on.
func (c *connector) checkErrands(f *flows.Flow) (errs source.Errors) {
	for _, call := range append(append([]*flows.Call{}, f.Setup...), f.Cleanup...) {
		if call.Errand == nil || f.Brokers[call.Errand.Broker].Lacking {
			continue
		}
		b := &f.Brokers[call.Errand.Broker]
		adapter, _, err := c.config(f, call.Errand.Broker)
		switch {
		case err != nil: // it is told already
		case len(call.Errand.SQL) > 0 && adapter.Exec == nil:
			errs = append(errs, source.Errorf(b.At, "%s: a broker of the kind %s has no SQL", call, adapter.Kind))
		case len(call.Errand.SQL) == 0 && adapter.Purge == nil:
			errs = append(errs, source.Errorf(b.At, "%s: nothing can be purged on a broker of the kind %s", call, adapter.Kind))
		}
	}
	return errs
}
