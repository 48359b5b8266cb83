package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/shadow"
)

// shadowFlags are the flags of shadow.
type shadowFlags struct {
	flow     flowFlags
	length   time.Duration
	state    string
	findings string
	record   time.Duration
	memory   string
	bytes    string
	chains   int
	sample   string
	logs     string
	workers  string
	verbose  bool
	plan     bool
	seen     seenFlags
}

func newShadow(a *app) *cobra.Command {
	var flags shadowFlags
	cmd := &cobra.Command{
		Use:   "shadow FLOW...",
		Short: "Watch flows day and night: tap, judge each chain as it closes, publish nothing",
		Long: `Tap every channel of the flows, judge each chain as it closes, and append what is
found to a file of JSON Lines, until Ctrl-C, a TERM signal or --for has passed.
Nothing is published to the system.

With --state it goes on after a restart or a crash where it was: each finding is
told once. On RabbitMQ and SNS its queues stay, and collect what comes while it
does not run. One process uses a state folder at a time.

With --listen it shows a page with the flows and their findings, metrics for
Prometheus, and its health. An address that others can reach needs a token.

With --workers several processes, on any machines, share the work through a topic
of flowcheck's own on the flows' Kafka, flowcheck-workers-NAME, which is the only
thing that is published to. Each flow needs an id that every step carries, first
in correlate (partition-by). Each process tells what it finds in its own file.

Exit code: 0 pass, 1 fail (a finding stands), 2 bad input, 3 unknown.`,
		Example: `  flowcheck shadow order.flow.yaml --workers group=staging --state /var/lib/flowcheck
  flowcheck shadow flows/*.yaml --state /var/lib/flowcheck --listen 127.0.0.1:9464
  flowcheck shadow order.flow.yaml --for 15m --findings findings.jsonl`,
		Args: takes("FLOW...", 1, -1),
		RunE: func(cmd *cobra.Command, files []string) error {
			if cmd.Flags().Changed("for") && flags.length <= 0 {
				return input(fmt.Errorf("--for %v: it must be longer than nothing", flags.length))
			}
			return a.shadow(cmd.Context(), files, &flags)
		},
	}
	flags.flow.register(cmd)
	flags.seen.register(cmd)
	f := cmd.Flags()
	f.DurationVar(&flags.length, "for", 0, "stop after this long, such as 15m; without it at Ctrl-C")
	f.StringVar(&flags.state, "state", "", "the `FOLDER` of journals and findings, to go on with after a restart; without it nothing is kept")
	f.StringVar(&flags.findings, "findings", "", "append findings to this `FILE` (JSON Lines); with --state it is findings.jsonl there")
	f.DurationVar(&flags.record, "record-last", 0, "with --state, keep what went by for this long as recordings, such as 6h")
	f.StringVar(&flags.memory, "max-memory", "512MiB", "memory beyond which chains are forgotten before their time")
	f.StringVar(&flags.bytes, "max-rate", "", "payload bytes a second that are read at most, such as 20MiB; without it as fast as they come")
	f.StringVar(&flags.sample, "sample", "", "watch only this share of the chains, such as 10%, each as a whole")
	f.StringVar(&flags.workers, "workers", "", "share the work with the processes of the same `group=NAME`; also partitions=12, broker=B, session=10s, after commas")
	f.IntVar(&flags.chains, "max-chains", shadow.DefaultChains, "chains in memory at most")
	f.StringVar(&flags.logs, "log", "text", "logs on standard error: text or json")
	f.BoolVar(&flags.plan, "plan", false, "print what the shadow would create and read on each broker, and do nothing")
	f.BoolVarP(&flags.verbose, "verbose", "v", false, "log what happens on the brokers, too")
	return cmd
}

// shadow watches until ctx ends, which is a good end.
func (a *app) shadow(ctx context.Context, files []string, flags *shadowFlags) error {
	cfg, err := a.shadowConfig(flags)
	if err != nil {
		return input(err)
	}
	sharing, err := parseWorkers(flags.workers)
	if err != nil {
		return input(err)
	}
	if flags.plan {
		return a.planShadow(ctx, files, flags, sharing)
	}
	id, err := shadow.OpenState(flags.state)
	if err != nil {
		return trouble(err)
	}
	defer id.Close()
	loaded, err := a.loadWatched(files, flags, a.maskSalt(id, sharing))
	if err != nil {
		return err
	}
	if err := a.checkWorkers(sharing, flags, loaded); err != nil {
		return input(err)
	}
	watching, err := a.seenBy(ctx, &flags.seen, cfg, loaded)
	defer watching.close()
	if err != nil {
		return err
	}
	if err := checkSample(cfg.Sample, loaded); err != nil {
		return input(err)
	}
	c := &connector{adapters: a.adapters, runID: "shadow-" + id.ID, log: a.brokerLogger(cfg.Log, flags.verbose)}
	own, err := c.workersBroker(sharing, loaded)
	if err != nil {
		return input(err)
	}
	sys, err := c.connectAll(ctx, loaded)
	defer sys.close()
	if err != nil {
		return trouble(err)
	}
	cfg.Flows, cfg.Tappers = sys.flows, sys.tappers
	for i := range cfg.Flows {
		cfg.Flows[i].Schemas = a.registries() // each for one goroutine
	}
	summary, err := a.watch(ctx, cfg, sharing, own)
	a.printSummary(summary)
	if err != nil {
		return trouble(err)
	}
	return shadowVerdict(summary)
}

// checkSample says which flow misses what a sample leaves out.
func checkSample(share float64, loaded []*flows.Flow) error {
	for _, flow := range loaded {
		if share == 0 {
			break
		}
		if _, err := flows.NewSampler(flow, share); err != nil {
			return fmt.Errorf("--sample: %w", err)
		}
	}
	return nil
}

// shadowConfig is what the flags say of a shadow.
func (a *app) shadowConfig(flags *shadowFlags) (*shadow.Config, error) {
	memory, err := parseBytes("--max-memory", flags.memory)
	if err != nil {
		return nil, err
	}
	rate, err := parseBytes("--max-rate", flags.bytes)
	if err != nil {
		return nil, err
	}
	switch {
	case memory < 64<<20:
		return nil, errors.New("--max-memory: at least 64MiB")
	case flags.chains < 1:
		return nil, errors.New("--max-chains: at least 1")
	case flags.record > 0 && flags.state == "":
		return nil, errors.New("--record-last needs --state")
	case flags.record < 0:
		return nil, errors.New("--record-last: it must be longer than nothing")
	}
	share, err := parseShare(flags.sample)
	if err != nil {
		return nil, err
	}
	log, err := a.shadowLogger(flags)
	if err != nil {
		return nil, err
	}
	// The runtime collects garbage harder as it comes near its limit; chains go
	// before it is reached.
	debug.SetMemoryLimit(memory - memory/16)
	return &shadow.Config{
		State: flags.state, Findings: flags.findings, For: flags.length, Record: flags.record, Sample: share,
		Limits: shadow.Limits{Chains: flags.chains, Memory: memory / 5 * 3, Bytes: rate},
		Now:    a.now, Log: log,
		Armed: func() { log.Info("watching: every tap is armed") },
	}, nil
}

func (a *app) shadowLogger(flags *shadowFlags) (*slog.Logger, error) {
	level := slog.LevelInfo
	if flags.verbose {
		level = slog.LevelDebug
	}
	opts := &slog.HandlerOptions{Level: level}
	switch flags.logs {
	case "text":
		return slog.New(slog.NewTextHandler(a.err, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(a.err, opts)), nil
	default:
		return nil, fmt.Errorf("--log %s: it is text or json", flags.logs)
	}
}

// brokerLogger is what adapters log to: everything with --verbose, else nothing,
// since a shadow says itself what matters of it.
func (a *app) brokerLogger(log *slog.Logger, verbose bool) *slog.Logger {
	if verbose {
		return log
	}
	return slog.New(slog.DiscardHandler)
}

// loadWatched loads the flows; two of one name could not be told apart.
func (a *app) loadWatched(files []string, flags *shadowFlags, salt string) ([]*flows.Flow, error) {
	flags.flow.salt = salt
	var loaded []*flows.Flow
	names := map[string]string{}
	for _, file := range files {
		flow, err := a.load(file, &flags.flow)
		if err == nil {
			err = a.checkChannels(file, flow)
		}
		if err == nil {
			err = repliesBelongToRun(flow)
		}
		if err != nil {
			return nil, err
		}
		if other, ok := names[flow.Name]; ok {
			return nil, input(fmt.Errorf("%s and %s are both the flow %q: give each another name", other, file, flow.Name))
		}
		names[flow.Name] = file
		loaded = append(loaded, flow)
	}
	return loaded, checkNames(&flags.flow, loaded...)
}

// printSummary prints, for each flow, what was seen of it.
func (a *app) printSummary(s *shadow.Summary) {
	for i := range s.Flows {
		f := &s.Flows[i]
		fmt.Fprintf(a.out, "%s: %s: %s closed (%d passed, %d failed, %d unknown), %d open; %s, %s of unknowns\n",
			f.Flow, f.State(), count(f.Chains.Total, "chain"), f.Chains.Pass, f.Chains.Fail, f.Chains.Unknown, f.Open,
			count(f.Findings, "finding"), count(f.Unknowns, "reason"))
	}
}

func shadowVerdict(s *shadow.Summary) error {
	worst := flows.Pass
	for i := range s.Flows {
		worst = max(worst, s.Flows[i].State())
	}
	switch worst {
	case flows.Fail:
		return verdict(exitFail)
	case flows.NotKnown:
		return verdict(exitUnknown)
	default:
		return nil
	}
}

// beatOf is how often a kind of broker is asked how far the taps have read: each
// question to AWS costs money.
func beatOf(cfg brokers.Config, kind string) time.Duration {
	if kind == "aws" && cfg.Endpoint == "" {
		return 15 * time.Second
	}
	return time.Second
}

// parseShare reads a share such as 10% or 0.5%; "" is 0, for all.
func parseShare(text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	number, ok := strings.CutSuffix(text, "%")
	share, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(share > 0 && share < 100) {
		return 0, fmt.Errorf("--sample %q: write a share below 100 %%, such as 10%%", text)
	}
	return share / 100, nil
}
