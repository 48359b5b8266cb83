package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/scenarios"
)

// printPlans says what a run would do on each broker, and does nothing there.
func (a *app) printPlans(ctx context.Context, loaded []*flows.Flow) error {
	for i, flow := range loaded {
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		if err := a.printPlan(ctx, flow); err != nil {
			return trouble(fmt.Errorf("%s: %w", flow.Name, err))
		}
	}
	return nil
}

func (a *app) printPlan(ctx context.Context, flow *flows.Flow) error {
	c := &connector{adapters: a.adapters, runID: newRunID(), log: a.logger(false)}
	sys, err := c.connect(ctx, flow, false)
	defer sys.close()
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "%s: what a run would do; nothing of it is done now\n", flow.Name)
	for i := range flow.Brokers {
		if err := a.planBroker(ctx, flow, sys, i); err != nil {
			return fmt.Errorf("broker %s: %w", flow.Brokers[i].Name, err)
		}
	}
	return nil
}

// planBroker prints the actions on one broker as a table.
func (a *app) planBroker(ctx context.Context, flow *flows.Flow, sys *system, broker int) error {
	tapper, ok := sys.tappers[broker]
	if !ok {
		return nil // no channel is on it
	}
	actions, err := tapper.Plan(ctx, brokers.TapConfig{Channels: scenarios.ChannelsOf(flow, sys.channels, broker)})
	if err != nil {
		return err
	}
	for _, to := range flow.SendsTo(broker) {
		actions = append(actions, brokers.Action{Verb: "publish", Object: "channel " + to, Permission: "what its producers have"})
	}
	b := &flow.Brokers[broker]
	return a.printActions(b.Name, b.URL, actions)
}

// printActions prints what is done on a broker.
func (a *app) printActions(broker, url string, actions []brokers.Action) error {
	fmt.Fprintf(a.out, "\n%s  %s\n", broker, masked(url))
	table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, act := range actions {
		fmt.Fprintf(table, "  %s\t%s\tneeds %s\n", act.Verb, act.Object, act.Permission)
	}
	return table.Flush()
}
