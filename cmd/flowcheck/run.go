package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/scenarios"
)

// runFlags are the flags of run.
type runFlags struct {
	flow     flowFlags
	reports  reportFlags
	only     []string
	parallel int
	record   string
	plan     bool
	verbose  bool
}

func newRun(a *app) *cobra.Command {
	var flags runFlags
	cmd := &cobra.Command{
		Use:   "run FLOW...",
		Short: "Run a flow's scenarios against the live system",
		Long: `Run the scenarios of flow files against the live system: arm a tap on every
channel, send each trigger, tie what comes into chains, and judge them. It ends
as soon as every verdict is decided and the brokers say that all is quiet.

Whatever a tap creates is named flowcheck-… and removed at the end, after an
error and on Ctrl-C.

Exit code 0 pass, 1 fail, 2 bad input, 3 unknown (a broker cannot be reached, a
login is refused, a topic is absent), 130 interrupted.`,
		Example: `  flowcheck run order.flow.yaml
  flowcheck run order.flow.yaml --only "a paid order is shipped and mailed"
  flowcheck run flows/*.yaml --report junit=out.xml --record run.jsonl
  flowcheck run order.flow.yaml --broker events=kafka://staging:9092 --plan`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error { return a.run(cmd.Context(), files, &flags) },
	}
	flags.flow.register(cmd)
	flags.reports.register(cmd)
	cmd.Flags().StringArrayVar(&flags.only, "only", nil, "run the scenario of that `NAME` only, repeatable")
	cmd.Flags().IntVar(&flags.parallel, "parallel", defaultParallel, "how many scenarios may be under way at once")
	cmd.Flags().StringVar(&flags.record, "record", "", "keep what the run sees in `FILE` (.jsonl or .jsonl.zst)")
	cmd.Flags().BoolVar(&flags.plan, "plan", false, "print what the run would create and read on each broker, and do nothing")
	cmd.Flags().BoolVarP(&flags.verbose, "verbose", "v", false, "log what happens on the brokers, to standard error")
	return cmd
}

const defaultParallel = 64

func (a *app) run(ctx context.Context, files []string, flags *runFlags) error {
	plan, err := flags.reports.parse()
	if err != nil {
		return input(err)
	}
	if flags.parallel < 1 {
		return input(errors.New("--parallel: at least 1"))
	}
	if flags.record != "" && len(files) > 1 {
		return input(errors.New("--record keeps one flow: give one flow file"))
	}
	loaded := make([]*flows.Flow, len(files))
	for i, file := range files {
		if loaded[i], err = a.load(file, &flags.flow); err == nil {
			err = a.checkChannels(file, loaded[i])
		}
		if err != nil {
			return err
		}
	}
	if err := known(flags.only, loaded); err != nil {
		return input(err)
	}
	var worst error
	for _, flow := range loaded {
		err := a.runFlow(ctx, flow, flags, plan)
		if err == nil {
			continue
		}
		var f *failure
		if !errors.As(err, &f) || f.err != nil {
			return err
		}
		worst = worseOf(worst, f)
	}
	return worst
}

// worseOf is the worse of two verdicts: fail, then unknown, then pass.
func worseOf(a error, b *failure) error {
	var f *failure
	if errors.As(a, &f) && f.code == exitFail {
		return a
	}
	return b
}

// known reports names of --only that no flow has.
func known(only []string, loaded []*flows.Flow) error {
	for _, name := range only {
		found := false
		var all []string
		for _, flow := range loaded {
			for i := range flow.Scenarios {
				found = found || flow.Scenarios[i].Name == name
				all = append(all, fmt.Sprintf("%q", flow.Scenarios[i].Name))
			}
		}
		if !found {
			return fmt.Errorf("--only %q: no such scenario; there are %s", name, strings.Join(all, ", "))
		}
	}
	return nil
}

// runFlow runs one flow and reports it.
func (a *app) runFlow(ctx context.Context, flow *flows.Flow, flags *runFlags, plan *reportPlan) (err error) {
	c := &connector{adapters: adapters(), runID: newRunID(), log: a.logger(flags.verbose)}
	sys, err := c.connect(ctx, flow, !flags.plan)
	defer func() {
		if closeErr := sys.close(); closeErr != nil && err == nil {
			err = closeErr
		}
	}()
	if err != nil {
		return err
	}
	if flags.plan {
		return a.printPlan(ctx, flow, sys)
	}
	return a.runOn(ctx, flow, sys, flags, plan)
}

// runOn runs a flow on a connected system and reports it.
func (a *app) runOn(ctx context.Context, flow *flows.Flow, sys *system, flags *runFlags, plan *reportPlan) error {
	result, stats, err := a.runScenarios(ctx, flow, sys, flags)
	if err != nil || result == nil {
		return err
	}
	return a.report(result, plan, timing(stats))
}

// runScenarios runs a flow on a connected system. The result is nil where --only
// names no scenario of the flow.
func (a *app) runScenarios(ctx context.Context, flow *flows.Flow, sys *system, flags *runFlags) (*flows.Result, *scenarios.Stats, error) {
	progress := a.newProgress()
	cfg := scenarios.Config{
		Flow: flow, Tappers: sys.tappers, Publishers: sys.publishers, Channels: sys.channels,
		Only: onlyOf(flags.only, flow), Parallel: flags.parallel, Progress: progress.show,
		Now: a.now, NewID: newScenarioID, Log: a.logger(flags.verbose),
	}
	if len(flags.only) > 0 && len(cfg.Only) == 0 {
		return nil, nil, nil // the names belong to another of the flows
	}
	var tape *tape
	if flags.record != "" {
		var err error
		if tape, err = newTape(flags.record); err != nil {
			return nil, nil, input(err)
		}
		cfg.Record = tape
	}
	result, stats, err := scenarios.Run(ctx, cfg)
	progress.clear()
	if tape != nil {
		if closeErr := tape.close(); err == nil {
			err = closeErr
		}
	}
	if errors.Is(err, scenarios.ErrNothing) {
		err = input(err)
	}
	return result, &stats, err
}

func timing(s *scenarios.Stats) string {
	ms := func(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
	return fmt.Sprintf("%v in all: taps armed in %v, decided %v after the last message, then watched for doubles for %v",
		ms(s.Total), ms(s.Armed), ms(s.Decided), ms(s.Watched))
}

// onlyOf are the names of --only that this flow has.
func onlyOf(only []string, flow *flows.Flow) []string {
	var mine []string
	for _, name := range only {
		for i := range flow.Scenarios {
			if flow.Scenarios[i].Name == name {
				mine = append(mine, name)
			}
		}
	}
	return mine
}

// newRunID names what a run creates.
func newRunID() string { return uuid.NewString()[:8] }

// newScenarioID makes the fresh id of a scenario: no other run has it.
func newScenarioID() string { return uuid.NewString() }

func (a *app) logger(verbose bool) *slog.Logger {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: level}))
}

// printPlan says what taps would do.
func (a *app) printPlan(ctx context.Context, flow *flows.Flow, sys *system) error {
	for i := range flow.Brokers {
		tapper, ok := sys.tappers[i]
		if !ok {
			continue
		}
		fmt.Fprintf(a.out, "%s  %s\n", flow.Brokers[i].Name, masked(flow.Brokers[i].URL))
		actions, err := tapper.Plan(ctx, scenarios.ChannelsOf(flow, sys.channels, i))
		if err != nil {
			return fmt.Errorf("broker %s: %w", flow.Brokers[i].Name, err)
		}
		for _, act := range actions {
			fmt.Fprintf(a.out, "  %-10s %-60s needs %s\n", act.Verb, act.Object, act.Permission)
		}
		for _, to := range flow.SendsTo(i) {
			fmt.Fprintf(a.out, "  %-10s %-60s needs %s\n", "publish", "channel "+to, "what producers to it have")
		}
	}
	return nil
}
