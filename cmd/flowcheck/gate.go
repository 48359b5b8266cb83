package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowcheck/flowcheck/shadow"
)

// gateFlags are the flags of gate.
type gateFlags struct {
	flow, state, url, tokenFile string
	findings                    []string
	since                       time.Duration
	maxFail, minChains          int
}

func newGate(a *app) *cobra.Command {
	var flags gateFlags
	cmd := &cobra.Command{
		Use:   "gate --flow F",
		Short: "Ask a shadow whether a flow has been well lately",
		Long: `Ask a running shadow, or read its findings file, and decide: a gate for a canary,
or a trigger to roll back.

Exit code: 0 well, 1 more chains failed than --max-fail, 2 bad input, 3 unknown:
fewer chains closed than --min-chains, or the shadow cannot be reached, or its
taps are behind. In the file, what closed in the last ten seconds may not be
counted yet.`,
		Example: `  flowcheck gate --url http://flowcheck:9464 --flow order-fulfilment --since 15m --max-fail 0 --min-chains 50
  flowcheck gate --state /var/lib/flowcheck --flow order-fulfilment --since 15m`,
		Args: takes("", 0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.gate(cmd.Context(), &flags) },
	}
	f := cmd.Flags()
	f.StringVar(&flags.flow, "flow", "", "the `NAME` of the flow")
	f.StringVar(&flags.url, "url", "", "the `URL` of a running shadow's --listen")
	f.StringVar(&flags.tokenFile, "token-file", "", "a `FILE` with the token for --url; or the environment variable FLOWCHECK_TOKEN")
	f.StringVar(&flags.state, "state", "", "the state `FOLDER` of the shadow")
	f.StringArrayVar(&flags.findings, "findings", nil, "its findings `FILE`, where that is elsewhere; repeat it for the workers of a group")
	f.DurationVar(&flags.since, "since", 15*time.Minute, "how far to look back")
	f.IntVar(&flags.maxFail, "max-fail", 0, "chains that may have failed")
	f.IntVar(&flags.minChains, "min-chains", 1, "chains that must have closed")
	return cmd
}

// check says what is wrong with the flags.
func (g *gateFlags) check() error {
	file := g.state != "" || len(g.findings) > 0
	switch {
	case g.flow == "":
		return errors.New("gate needs --flow NAME")
	case !file && g.url == "":
		return errors.New("gate needs --url URL, --state FOLDER or --findings FILE")
	case file && g.url != "":
		return errors.New("gate asks --url or reads --state and --findings, not both")
	case g.since <= 0:
		return errors.New("--since: it must be longer than nothing")
	case g.maxFail < 0 || g.minChains < 0:
		return errors.New("--max-fail and --min-chains: 0 at least")
	}
	return nil
}

func (a *app) gate(ctx context.Context, flags *gateFlags) error {
	if err := flags.check(); err != nil {
		return input(err)
	}
	if flags.url != "" {
		return a.gateURL(ctx, flags)
	}
	names := flags.findings
	if len(names) == 0 {
		names = []string{filepath.Join(flags.state, "findings.jsonl")}
	}
	var files []io.Reader
	for _, name := range names {
		file, err := os.Open(filepath.Clean(name))
		if err != nil {
			return input(err)
		}
		defer file.Close()
		files = append(files, file)
	}
	w, err := shadow.LookAll(files, flags.flow, a.now().Add(-flags.since))
	if err != nil {
		return input(fmt.Errorf("%s: %w", strings.Join(names, ", "), err))
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
