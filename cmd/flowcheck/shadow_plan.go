package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/shadow"
	"github.com/flowcheck/flowcheck/workers"
)

// planShadow says what the shadow would do on each broker, and does nothing there,
// nor in its state.
func (a *app) planShadow(ctx context.Context, files []string, flags *shadowFlags, sharing *workersFlag) error {
	loaded, err := a.loadWatched(files, flags, "plan")
	if err != nil {
		return err
	}
	share, err := parseShare(flags.sample)
	if err = errors.Join(err, a.checkWorkers(sharing, flags, loaded), checkSample(share, loaded)); err != nil {
		return input(err)
	}
	c := &connector{adapters: a.adapters, runID: "shadow-" + cmp.Or(shadow.KnownID(flags.state), "…"), log: a.logger(flags.verbose)}
	own, err := c.workersBroker(sharing, loaded)
	if err != nil {
		return input(err)
	}
	sys, err := c.connectAll(ctx, loaded)
	defer sys.close()
	if err != nil {
		return trouble(err)
	}
	var names []string
	for _, f := range loaded {
		names = append(names, f.Name)
	}
	fmt.Fprintf(a.out, "%s: what a shadow would do; nothing of it is done now\n", strings.Join(names, ", "))
	for i, t := range sys.tappers {
		if err := a.planTaps(ctx, sys, i, flags.state != "" || sharing != nil, sharing != nil); err != nil {
			return trouble(fmt.Errorf("broker %s: %w", t.Name, err))
		}
	}
	if sharing == nil {
		return nil
	}
	return a.printActions(own.Name+", by the workers", own.URL, workers.Plan(sharing.group, sharing.partitions))
}

// planTaps prints what is tapped on one broker for all flows.
func (a *app) planTaps(ctx context.Context, sys *watched, i int, durable, shared bool) error {
	channels := shadow.Channels
	if shared {
		channels = workers.Channels
	}
	actions, err := sys.tappers[i].Plan(ctx, brokers.TapConfig{Channels: channels(sys.flows, i), Durable: durable})
	if err != nil {
		return err
	}
	return a.printActions(sys.configs[i].Name, sys.configs[i].URL, actions)
}
