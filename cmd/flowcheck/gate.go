package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowcheck/flowcheck/shadow"
)

// gateFlags are the flags of gate.
type gateFlags struct {
	flow, findings, state string
	since                 time.Duration
	maxFail, minChains    int
}

func newGate(a *app) *cobra.Command {
	var flags gateFlags
	cmd := &cobra.Command{
		Use:   "gate --flow F",
		Short: "Ask a shadow's findings whether a flow has been well lately",
		Long: `Read the findings file of a shadow, which may be running, and decide: a gate for
a canary, or a trigger to roll back.

Exit code: 0 well, 1 more chains failed than --max-fail, 2 bad input, 3 unknown:
fewer chains closed than --min-chains. What is told in the last ten seconds may
not be counted yet.`,
		Example: "  flowcheck gate --state /var/lib/flowcheck --flow order-fulfilment --since 15m --max-fail 0 --min-chains 50",
		Args:    takes("", 0, 0),
		RunE:    func(*cobra.Command, []string) error { return a.gate(&flags) },
	}
	f := cmd.Flags()
	f.StringVar(&flags.flow, "flow", "", "the `NAME` of the flow")
	f.StringVar(&flags.state, "state", "", "the state `FOLDER` of the shadow")
	f.StringVar(&flags.findings, "findings", "", "its findings `FILE`, where that is elsewhere")
	f.DurationVar(&flags.since, "since", 15*time.Minute, "how far to look back")
	f.IntVar(&flags.maxFail, "max-fail", 0, "chains that may have failed")
	f.IntVar(&flags.minChains, "min-chains", 1, "chains that must have closed")
	return cmd
}

func (a *app) gate(flags *gateFlags) error {
	name := flags.findings
	if name == "" && flags.state != "" {
		name = filepath.Join(flags.state, "findings.jsonl")
	}
	switch {
	case flags.flow == "":
		return input(errors.New("gate needs --flow NAME"))
	case name == "":
		return input(errors.New("gate needs --state FOLDER or --findings FILE"))
	case flags.since <= 0:
		return input(errors.New("--since: it must be longer than nothing"))
	case flags.maxFail < 0 || flags.minChains < 0:
		return input(errors.New("--max-fail and --min-chains: 0 at least"))
	}
	file, err := os.Open(filepath.Clean(name))
	if err != nil {
		return input(err)
	}
	defer file.Close()
	w, err := shadow.Look(file, flags.flow, a.now().Add(-flags.since))
	if err != nil {
		return input(fmt.Errorf("%s: %w", name, err))
	}
	fmt.Fprintf(a.out, "%s: in the last %v %s closed, %d failed, %s of unknowns\n",
		flags.flow, flags.since, count(w.Chains.Total, "chain"), w.Failed, count(w.Unknowns, "reason"))
	switch {
	case w.Failed > flags.maxFail:
		return verdict(exitFail)
	case !w.Seen || w.Chains.Total < flags.minChains:
		return verdict(exitUnknown)
	default:
		return nil
	}
}
