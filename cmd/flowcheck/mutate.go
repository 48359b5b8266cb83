package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/mutate"
	"github.com/flowcheck/flowcheck/report"
)

// mutateFlags are the flags of mutate.
type mutateFlags struct {
	flow     flowFlags
	reports  reportFlags
	chains   int
	messages int
}

func newMutate(a *app) *cobra.Command {
	flags := mutateFlags{flow: flowFlags{offline: true}, reports: reportFlags{kinds: []string{"text", "json"}}}
	cmd := &cobra.Command{
		Use:   "mutate FLOW RECORDING",
		Short: "Which faults in this traffic would the flow file notice?",
		Long: `Test the test: make faults in recorded traffic, one at a time, and ask which of
them the flow file notices. Each step of each chain is dropped, doubled, delayed
past its deadline, swapped with the one before, sent to another channel, given
the id of another chain, and each field and header of it is changed or taken
away. For what survives, a line is told that would have noticed it.

The recording must pass as it is. No broker is asked.

Exit code 0 when no fault passes unnoticed, 1 when one does or the recording does
not pass, 2 bad input, 3 where there is nothing to mutate.`,
		Example: `  flowcheck mutate order.flow.yaml day.jsonl
  flowcheck mutate order.flow.yaml day.jsonl --chains 20 --report json=mutants.json`,
		Args: takes("FLOW RECORDING", 2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.mutate(cmd.Context(), args[0], args[1], &flags)
		},
	}
	flags.flow.register(cmd)
	flags.reports.register(cmd)
	cmd.Flags().IntVar(&flags.chains, "chains", mutate.DefaultChains, "how many chains are mutated at most, of each shape some")
	cmd.Flags().IntVar(&flags.messages, "messages", mutate.DefaultMessages, "how many messages are kept in memory; chains beyond them are left alone")
	return cmd
}

func (a *app) mutate(ctx context.Context, file, recording string, flags *mutateFlags) error {
	plan, err := flags.reports.parse()
	if err == nil && (flags.chains < 1 || flags.messages < 1) {
		err = errors.New("--chains and --messages: at least 1")
	}
	if err != nil {
		return input(err)
	}
	flow, err := a.load(file, &flags.flow)
	if err == nil {
		err = checkNames(&flags.flow, flow)
	}
	if err != nil {
		return err
	}
	began := a.now()
	var result *mutate.Result
	var base *flows.Result
	progress := a.newProgress()
	err = a.reading(recording, flow, func(r *message.Reader) (err error) {
		result, base, err = mutate.Run(ctx, mutate.Config{
			Flow: flow, Chains: flags.chains, Messages: flags.messages,
			Cut:      func(err error) error { return a.whole(recording, err) },
			Progress: func(done, total int) { progress.line(fmt.Sprintf("%d of %d mutants", done, total)) },
		}, r)
		return err
	})
	progress.clear()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, mutate.ErrNotPassing):
		if foreignErr := a.notForeign(recording, flow, base); foreignErr != nil {
			return foreignErr
		}
		return a.notPassing(base, err)
	case err != nil:
		return err
	}
	return a.reportMutation(result, plan, a.now().Sub(began))
}

// notPassing shows why a recording does not pass, and ends as verify would.
func (a *app) notPassing(base *flows.Result, err error) error {
	if textErr := report.Text(a.err, base, report.TextOptions{Chains: 3}); textErr != nil {
		return trouble(textErr)
	}
	code := exitUnknown
	if base.State == flows.Fail {
		code = exitFail
	}
	return &failure{code, fmt.Errorf("%w: mend the flow file or the recording first", err)}
}

func (a *app) reportMutation(result *mutate.Result, plan *reportPlan, took time.Duration) error {
	for _, t := range plan.out {
		err := a.writeReport(t, func(w io.Writer, terminal bool) error {
			if t.kind == "json" {
				return report.MutationJSON(w, result)
			}
			return report.MutationText(w, result, report.TextOptions{
				Color: a.colored(plan.color, terminal), Timing: took.Round(time.Millisecond).String(),
			})
		})
		if err != nil {
			return trouble(err)
		}
	}
	switch all := result.Total(); {
	case all.Survived > 0:
		return verdict(exitFail)
	case all.Mutants == 0:
		return &failure{exitUnknown, errors.New("no chain was there to mutate")}
	default:
		return nil
	}
}

// writeReport opens where a report goes and has it written.
func (a *app) writeReport(t reportTarget, write func(w io.Writer, terminal bool) error) error {
	if t.path == "-" {
		return write(a.out, a.outIsTerminal)
	}
	f, err := os.OpenFile(filepath.Clean(t.path), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("report %s=%s: %w", t.kind, t.path, err)
	}
	if err := errors.Join(write(f, false), f.Close()); err != nil {
		return fmt.Errorf("report %s=%s: %w", t.kind, t.path, err)
	}
	return nil
}
