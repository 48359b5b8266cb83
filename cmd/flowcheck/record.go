package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/scenarios"
)

func newRecord(a *app) *cobra.Command {
	var flags flowFlags
	var out, from string
	var length time.Duration
	var verbose bool
	cmd := &cobra.Command{
		Use:   "record FLOW -o FILE",
		Short: "Tap a flow's channels and write a recording",
		Long: `Tap the channels of a flow and write what goes by as a recording, until Ctrl-C, a
TERM signal or --for has passed; then its end is written, and the exit code is 0.
Nothing is published. The file is readable by its owner only; what the flow
masks is hashed before it is written.`,
		Example: `  flowcheck record order.flow.yaml -o day.jsonl.zst
  flowcheck record order.flow.yaml -o five-minutes.jsonl --for 5m
  flowcheck record order.flow.yaml -o all.jsonl --from beginning --for 1m`,
		Args: takes("one FLOW", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return input(errors.New("record needs -o FILE"))
			}
			start, err := parseStart(from)
			if err != nil {
				return input(err)
			}
			if cmd.Flags().Changed("for") && length <= 0 {
				return input(fmt.Errorf("--for %v: it must be longer than nothing", length))
			}
			flow, err := a.load(args[0], &flags)
			if err == nil {
				err = a.checkChannels(args[0], flow)
			}
			if err == nil {
				err = checkNames(&flags, flow)
			}
			if err == nil {
				err = repliesBelongToRun(flow)
			}
			if err != nil {
				return err
			}
			return a.record(cmd.Context(), flow, recordPlan{file: out, length: length, start: start, verbose: verbose})
		},
	}
	flags.register(cmd)
	cmd.Flags().StringVarP(&out, "output", "o", "", "the recording: `FILE` (.jsonl or .jsonl.zst)")
	cmd.Flags().DurationVar(&length, "for", 0, "stop after this long, such as 5m; without it at Ctrl-C")
	cmd.Flags().StringVar(&from, "from", "end", "where to begin: end, beginning, or a time in RFC 3339 (where the broker can)")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "log what happens on the brokers, to standard error")
	return cmd
}

func parseStart(from string) (brokers.Start, error) {
	switch from {
	case "end":
		return brokers.Start{}, nil
	case "beginning":
		return brokers.Start{At: brokers.StartBeginning}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, from)
	if err != nil {
		return brokers.Start{}, fmt.Errorf("--from %s: it is end, beginning, or a time such as 2026-11-22T10:00:00Z", from)
	}
	return brokers.Start{At: brokers.StartTime, Time: t}, nil
}

type recordPlan struct {
	file    string
	length  time.Duration
	start   brokers.Start
	verbose bool
}

// record taps until ctx ends or the time is up, and ends the recording rightly
// in both cases.
func (a *app) record(ctx context.Context, flow *flows.Flow, plan recordPlan) error {
	c := &connector{adapters: a.adapters, runID: newRunID(), log: a.logger(plan.verbose)}
	sys, err := c.connect(ctx, flow, false)
	defer sys.close()
	if err != nil {
		return trouble(err)
	}
	for _, w := range flow.Unverified() {
		fmt.Fprintln(a.err, "flowcheck: warning: "+w)
	}
	tape, err := a.newTape(plan.file)
	if err != nil {
		return input(err)
	}
	ends := "Ctrl-C ends it"
	if plan.length > 0 {
		ends = fmt.Sprintf("ends after %v or at Ctrl-C", plan.length)
	}
	began := a.now()
	messages, err := scenarios.Record(ctx, scenarios.RecordConfig{
		Flow: flow, Tappers: sys.tappers, Channels: sys.channels, Start: plan.start, For: plan.length,
		Record: tape, Schemas: a.registries(), Now: a.now,
		Armed: func() { fmt.Fprintf(a.err, "recording to %s; %s\n", plan.file, ends) },
	})
	if closeErr := tape.close(); closeErr != nil {
		err = closeErr // if the recording failed, then for this reason
	}
	if err != nil {
		return trouble(err)
	}
	to := a.out
	if tape.file == nil {
		to = a.err
	}
	fmt.Fprintf(to, "%s: %s in %v\n", plan.file, count(messages, "message"), a.now().Sub(began).Round(time.Millisecond))
	return nil
}
