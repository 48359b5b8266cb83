package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/replay"
	"github.com/flowcheck/flowcheck/scenarios"
)

// replayFlags are the flags of replay.
type replayFlags struct {
	flow    flowFlags
	reports reportFlags
	steps   []string
	during  []string // hooks
	ids     string
	rate    string
	shift   []string
	mapped  []string
	state   string
	record  string
	slower  float64
	same    bool // the recording's own brokers may be sent to
	dryRun  bool
	twice   bool
	learn   bool
	plain   bool // nothing marks what is sent
	verbose bool
	fault   time.Duration
	limits  scenarios.DrillLimits
}

const replayLong = `Send the triggers of a recording to the live system, wait for the chains that they
set off, judge them by the flow, and compare each with its original: outcome,
messages and fields, order, dead letters, latency. What differs is a finding of the
kind changed.

Keys, bodies and headers are sent as they were, in order within each key, without
failure headers; two headers mark them (flowcheck-replay, flowcheck-origin). With
--ids fresh every id is another one, wherever it stands; with --ids same the system
meets messages that it knows, if it is the one that was recorded.

Nothing is sent to the brokers that the recording came from, unless --same-target
says so. With --state a replay that was interrupted goes on where it was, and sends
nothing twice.

Exit code 0 when all is as it was, 1 for findings, 2 bad input, 3 unknown (a broker
cannot be reached, a limit ended it), 130 interrupted.`

func newReplay(a *app) *cobra.Command {
	var flags replayFlags
	cmd := &cobra.Command{
		Use:   "replay FLOW RECORDING",
		Short: "Send a recording's triggers to the live system, and compare",
		Long:  replayLong,
		Example: `  flowcheck replay order.flow.yaml day.jsonl --broker events=kafka://canary:9092 --dry-run
  flowcheck replay order.flow.yaml day.jsonl --ids fresh --rate 10x --state day.state
  flowcheck replay order.flow.yaml day.jsonl --ids fresh --twice --report html=drill.html`,
		Args: takes("FLOW RECORDING", 2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.newReplaying(args[0], args[1], &flags)
			if err != nil {
				return err
			}
			return a.replay(cmd.Context(), d)
		},
	}
	flags.register(cmd)
	return cmd
}

func (f *replayFlags) register(cmd *cobra.Command) {
	f.flow.register(cmd)
	f.reports.register(cmd)
	set := cmd.Flags()
	set.StringSliceVar(&f.steps, "steps", nil, "send the messages of these steps instead of those that begin a chain: `NAME[,NAME]`")
	set.StringVar(&f.ids, "ids", "same", "same: as recorded; fresh: others, the same wherever an id stood")
	set.StringVar(&f.rate, "rate", "as-recorded", "how fast: as-recorded, a factor such as 2x, a number such as 100/s, or unlimited")
	set.StringArrayVar(&f.shift, "shift", nil, "move the time at this `PATH`, such as body.placedAt, by the age of the recording; repeatable")
	set.StringArrayVar(&f.mapped, "map", nil, "another topic, exchange or queue than the flow file's: `A=B`, repeatable")
	set.StringSliceVar(&f.during, "during", nil, "call these of the file's hooks, such as restart, in the middle of chains; cut disturbs the system's connections through the brokers' proxies: `HOOK[,HOOK]`")
	set.DurationVar(&f.fault, "cut-for", scenarios.DefaultFault, "how long --during cut disturbs a connection each time")
	set.StringVar(&f.state, "state", "", "keep in `FILE` what has been sent, and go on from there")
	set.StringVar(&f.record, "record", "", "keep what the taps see in `FILE` (.jsonl or .jsonl.zst)")
	set.Float64Var(&f.slower, "slower", 0, "a step whose 95th percentile is more than `N` times what it was has changed; 0 is no limit")
	set.BoolVar(&f.same, "same-target", false, "send to the brokers that the recording came from, or whose origin is not known")
	set.BoolVar(&f.dryRun, "dry-run", false, "print what would be sent, and do nothing")
	set.BoolVar(&f.twice, "twice", false, "then send the same once more: it must have no effect")
	set.BoolVar(&f.learn, "learn-noise", false, "then send all under ids of their own once more: a field that differs between the two replays is noise")
	set.BoolVar(&f.plain, "no-mark", false, "send without the headers that mark a replay")
	set.IntVar(&f.limits.Findings, "max-findings", 0, "stop sending after more than `N` findings; 0 is no limit")
	set.IntVar(&f.limits.Dead, "max-dead", 0, "stop sending after more than `N` dead letters; 0 is no limit")
	set.IntVar(&f.limits.Open, "max-open", 0, "stop sending when more than `N` chains wait for their next step; 0 is no limit")
	set.IntVar(&f.limits.Lag, "max-lag", 0, "stop sending when more than `N` messages wait in the system, by its groups' lag and its queues' depth; 0 is no limit")
	set.BoolVarP(&f.verbose, "verbose", "v", false, "log what happens on the brokers, to standard error")
	_ = cmd.RegisterFlagCompletionFunc("ids", cobra.FixedCompletions([]string{"same", "fresh"}, cobra.ShellCompDirectiveNoFileComp))
}

// replaying is one replay: what was asked for, and what has come of it so far.
type replaying struct {
	flags     *replayFlags
	reports   *reportPlan
	flow      *flows.Flow
	pace      replay.Pace
	shift     *replay.Shift
	planner   *replay.Planner
	recording string
	was       *past
	plan      *replay.Plan
	second    *replay.Plan // as recorded, to be sent under other ids
	state     *replay.State
	run       string
	again     string            // the command line
	cutter    *scenarios.Cutter // nil without --during cut
}

// newReplaying checks the flags and loads the flow.
func (a *app) newReplaying(file, recording string, flags *replayFlags) (*replaying, error) {
	d := &replaying{
		flags: flags, recording: recording, run: newRunID(),
		again: "flowcheck replay " + shellWord(file) + " " + shellWord(recording),
	}
	var err error
	if d.reports, err = flags.reports.parse(); err != nil {
		return nil, input(err)
	}
	d.reports.repeat = d.again
	if err := flags.check(recording); err != nil {
		return nil, input(err)
	}
	if d.pace, err = replay.ParsePace(flags.rate); err != nil {
		return nil, input(fmt.Errorf("--rate: %w", err))
	}
	if d.shift, err = replay.NewShift(flags.shift); err != nil {
		return nil, input(fmt.Errorf("--shift: %w", err))
	}
	flags.flow.offline = flags.dryRun
	if d.flow, err = a.load(file, &flags.flow); err == nil {
		err = a.checkChannels(file, d.flow)
	}
	if err == nil {
		err = checkNames(&flags.flow, d.flow)
	}
	if err != nil {
		return nil, err
	}
	if err := flags.checkDuring(d.flow); err != nil {
		return nil, input(err)
	}
	if d.planner, err = replay.NewPlanner(d.flow, flags.steps); err != nil {
		return nil, input(fmt.Errorf("--steps: %w", err))
	}
	return d, nil
}

// check reports flags that cannot be obeyed.
func (f *replayFlags) check(recording string) error {
	switch {
	case recording == "-":
		return errors.New("replay reads the recording twice: give a file, not standard input")
	case f.ids != "same" && f.ids != "fresh":
		return fmt.Errorf("--ids %s: it is same or fresh", f.ids)
	case f.learn && f.ids != "fresh":
		return errors.New("--learn-noise needs --ids fresh: two replays of the same ids are one replay and its double")
	case f.slower != 0 && f.slower < 1:
		return errors.New("--slower: at least 1")
	case min(f.limits.Findings, f.limits.Dead, f.limits.Open, f.limits.Lag) < 0:
		return errors.New("--max-findings, --max-dead, --max-open and --max-lag: at least 0")
	case f.state != "" && (f.twice || f.learn):
		return errors.New("--state goes with one sending of each message, not with --twice or --learn-noise")
	}
	return f.checkMap()
}

func (f *replayFlags) checkMap() error {
	for _, m := range f.mapped {
		if from, to, ok := strings.Cut(m, "="); !ok || from == "" || to == "" {
			return fmt.Errorf("--map %q: write A=B", m)
		}
	}
	return nil
}

// options are the flags that a resumed replay must have as well.
func (f *replayFlags) options() string {
	all := "--ids " + f.ids
	for _, list := range []struct {
		name   string
		values []string
	}{{"steps", f.steps}, {"map", f.mapped}, {"shift", f.shift}} {
		if len(list.values) > 0 {
			all += " --" + list.name + " " + strings.Join(list.values, ",")
		}
	}
	return all
}

// replay prepares the replay and carries it out.
func (a *app) replay(ctx context.Context, d *replaying) error {
	if err := a.planReplay(ctx, d); err != nil {
		return err
	}
	defer func() { _ = d.state.Close() }() // each line was written at once
	if d.flags.dryRun {
		return trouble(a.printReplay(d))
	}
	result, err := a.drill(ctx, d)
	if err != nil {
		if d.state != nil {
			fmt.Fprintf(a.err, "flowcheck: %s keeps what was sent: the same command goes on from there\n", d.flags.state)
		}
		return trouble(err)
	}
	return a.reportOne(result, d.reports)
}
