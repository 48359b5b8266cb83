package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
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
	probes   []string
	whole    bool // a report shows whole messages
	parallel int
	failFast bool
	fault    time.Duration
	record   string
	repro    string
	plan     bool
	verbose  bool
	seed     uint64
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
  flowcheck run flows/*.yaml --report junit=out.xml --report json=out.jsonl
  flowcheck run order.flow.yaml --record run.jsonl
  flowcheck run order.flow.yaml --probe all --repro failures
  flowcheck run order.flow.yaml --seed 42
  flowcheck run order.flow.yaml --broker events=kafka://staging:9092 --plan`,
		Args: takes("FLOW...", 1, -1),
		RunE: func(cmd *cobra.Command, files []string) error {
			if !cmd.Flags().Changed("seed") {
				flags.seed = newSeed()
			}
			return a.run(cmd.Context(), files, &flags)
		},
	}
	flags.flow.register(cmd)
	flags.reports.register(cmd)
	cmd.Flags().StringArrayVar(&flags.only, "only", nil, "run the scenario of that `NAME` only, repeatable")
	cmd.Flags().StringSliceVar(&flags.probes, "probe", nil, "try these probes instead of those in the file: `NAME[,NAME]`, all, or none")
	_ = cmd.RegisterFlagCompletionFunc("probe", cobra.FixedCompletions(append(flows.ProbeNames(), "all", "none"), cobra.ShellCompDirectiveNoFileComp))
	cmd.Flags().DurationVar(&flags.fault, "cut-for", scenarios.DefaultFault, "how long the probe cut disturbs a connection")
	cmd.Flags().BoolVar(&flags.failFast, "fail-fast", false, "leave out what is left of the probes poison, restart and cut of a scenario once a try has failed")
	cmd.Flags().IntVar(&flags.parallel, "parallel", defaultParallel, "how many scenarios may be under way at once")
	cmd.Flags().StringVar(&flags.record, "record", "", "keep what the run sees in `FILE` (.jsonl or .jsonl.zst)")
	cmd.Flags().StringVar(&flags.repro, "repro", "", "leave for each scenario and probe that fails a flow file and a recording in the folder `DIR` that repeat just that")
	cmd.Flags().Uint64Var(&flags.seed, "seed", 0, "make the test data of fake.name() and its like from `NUMBER` (default: a new one each run)")
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
	if err := flags.check(files); err != nil {
		return input(err)
	}
	loaded, err := a.loadAll(files, flags)
	if err != nil {
		return err
	}
	if flags.plan {
		return a.printPlans(ctx, loaded)
	}
	reports := a.newReporter(plan)
	for i, flow := range loaded {
		plan.repeat, flags.whole = "flowcheck run "+shellWord(files[i]), plan.whole()
		if err = a.runFlow(ctx, files[i], flow, flags, reports); err != nil {
			break
		}
	}
	if closeErr := reports.close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return reports.verdict()
}

// check reports flags that cannot be obeyed.
func (f *runFlags) check(files []string) error {
	if f.parallel < 1 {
		return errors.New("--parallel: at least 1")
	}
	if f.fault <= 0 {
		return errors.New("--cut-for: a positive duration, as in 500ms")
	}
	if f.record != "" && len(files) > 1 {
		return errors.New("--record keeps one flow: give one flow file")
	}
	if f.repro != "" && f.record == "-" {
		return errors.New("--repro reads the recording of the run: give --record a file, or leave it out")
	}
	return knownProbes(f.probes)
}

// loadAll loads the flow files, and sees that the flags fit them.
func (a *app) loadAll(files []string, flags *runFlags) ([]*flows.Flow, error) {
	flags.flow.seed = flags.seed
	loaded := make([]*flows.Flow, len(files))
	for i, file := range files {
		var err error
		if loaded[i], err = a.load(file, &flags.flow); err == nil {
			err = a.checkChannels(file, loaded[i])
		}
		if err != nil {
			return nil, err
		}
	}
	if err := checkNames(&flags.flow, loaded...); err != nil {
		return nil, err
	}
	if err := known(flags.only, loaded); err != nil {
		return nil, input(err)
	}
	return loaded, nil
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

// knownProbes reports names of --probe that no probe has.
func knownProbes(names []string) error {
	for _, name := range names {
		if !slices.Contains(append(flows.ProbeNames(), "all", "none"), name) {
			return fmt.Errorf("--probe %q: no such probe; there are %s, all and none", name, strings.Join(flows.ProbeNames(), ", "))
		}
	}
	return nil
}

// runFlow runs one flow and reports it. What keeps it from being judged, such as
// a broker that is down, is told and reported as unknown, and does not keep the
// next flow from its run.
func (a *app) runFlow(ctx context.Context, file string, flow *flows.Flow, flags *runFlags, reports *reporter) error {
	if len(flags.only) > 0 && len(onlyOf(flags.only, flow)) == 0 {
		return nil // the names belong to another of the flows
	}
	result, stats, err := a.judgeRepro(ctx, file, flow, flags, reports)
	var f *failure
	switch {
	case err == nil:
		if flow.Draws && result.State != flows.Pass {
			fmt.Fprintf(a.err, "flowcheck: %s: its test data was made from --seed %d\n", flow.Name, flags.seed)
		}
		return trouble(reports.add(result, timing(stats)))
	case ctx.Err() != nil || errors.As(err, &f):
		return err
	}
	fmt.Fprintf(a.err, "flowcheck: %s: %v%s\n", flow.Name, err, wayOut(err))
	return trouble(reports.addUnjudged(flow, onlyOf(flags.only, flow), err))
}

// judgeRepro runs one flow, and leaves what repeats its failures, where that is
// asked for.
func (a *app) judgeRepro(ctx context.Context, file string, flow *flows.Flow, flags *runFlags, reports *reporter) (*flows.Result, *scenarios.Stats, error) {
	reports.plan.repros = nil
	if flags.repro == "" {
		return a.judgeFlow(ctx, flow, flags)
	}
	tape, temporary, err := flags.tapeOf(flags.repro)
	if err != nil {
		return nil, nil, input(fmt.Errorf("--repro: %w", err))
	}
	if temporary {
		defer os.Remove(tape)
	}
	recorded := *flags
	recorded.record, recorded.whole = tape, true
	result, stats, err := a.judgeFlow(ctx, flow, &recorded)
	if err != nil {
		return result, stats, err
	}
	r := &repro{app: a, dir: flags.repro, file: file, recording: tape, flow: flow, flags: flags.flow, taken: reports.taken}
	var notes []string
	if reports.plan.repros, notes, err = r.write(ctx, result); err != nil {
		return result, stats, err
	}
	result.Warnings = append(result.Warnings, notes...)
	for _, one := range reports.plan.repros {
		fmt.Fprintf(a.err, "flowcheck: to repeat it: flowcheck run %s\n", shellWord(one.Flow))
	}
	return result, stats, nil
}

// judgeFlow runs one flow.
func (a *app) judgeFlow(ctx context.Context, flow *flows.Flow, flags *runFlags) (*flows.Result, *scenarios.Stats, error) {
	c := &connector{adapters: a.adapters, runID: newRunID(), log: a.logger(flags.verbose)}
	sys, err := c.connect(ctx, flow, true)
	defer sys.close()
	if err != nil {
		return nil, nil, err
	}
	return a.runScenarios(ctx, flow, sys, flags)
}

// runScenarios runs a flow on a connected system.
func (a *app) runScenarios(ctx context.Context, flow *flows.Flow, sys *system, flags *runFlags) (*flows.Result, *scenarios.Stats, error) {
	progress := a.newProgress()
	cfg := scenarios.Config{
		Flow: flow, Tappers: sys.tappers, Publishers: sys.publishers, Channels: sys.channels,
		Only: onlyOf(flags.only, flow), Probes: flags.probes, Fault: flags.fault, FailFast: flags.failFast, Whole: flags.whole, Parallel: flags.parallel, Progress: progress.show,
		Schemas: a.registries(), Errands: a.errands(flow, sys.channels),
		Now: a.now, NewID: newScenarioID, Log: a.logger(flags.verbose),
	}
	var tape *tape
	if flags.record != "" {
		var err error
		if tape, err = a.newTape(flags.record); err != nil {
			return nil, nil, input(err)
		}
		cfg.Record = tape
	}
	result, stats, err := scenarios.Run(ctx, cfg)
	progress.clear()
	if tape != nil {
		if closeErr := tape.close(); closeErr != nil {
			err = closeErr // if the run failed, then for this reason
		}
	}
	if errors.Is(err, scenarios.ErrNothing) || errors.Is(err, scenarios.ErrTrigger) {
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

// newSeed is a number short enough to be typed.
func newSeed() uint64 { return rand.Uint64N(1_000_000) }

// newRunID names what a run creates.
func newRunID() string { return uuid.NewString()[:8] }

// newScenarioID makes the fresh id of a scenario: no other run has it.
func newScenarioID() string { return uuid.NewString() }
