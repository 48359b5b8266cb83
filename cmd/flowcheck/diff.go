package main

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"

	"github.com/spf13/cobra"

	"github.com/flowcheck/flowcheck/compare"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/feed"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/replay"
)

// diffFlags are the flags of diff.
type diffFlags struct {
	flow    flowFlags
	reports reportFlags
	file    string
	again   string
	slower  float64
}

func newDiff(a *app) *cobra.Command {
	flags := diffFlags{flow: flowFlags{offline: true}}
	cmd := &cobra.Command{
		Use:   "diff A B --flow FLOW",
		Short: "Compare two recordings under a flow",
		Long: `Compare two recordings under a flow, chain by chain: outcomes, messages and their
fields, order, dead letters, and latency. A chain of A is compared with the chain
of B that has one of its ids, else with the one whose trigger says the same; ids
and whatever else is fresh in the triggers stand for each other.

A field that varies by nature is passed over only if it is named under noise: in
the flow file, or if it differs between A and the recording of --again, which has
the same triggers run once more. What was passed over is listed.

Exit code 0 when nothing changed, 1 when something did, 2 bad input, 3 when chains
have no like in the other recording.`,
		Example: `  flowcheck diff before.jsonl after.jsonl --flow order.flow.yaml
  flowcheck diff before.jsonl after.jsonl --flow order.flow.yaml --again before-2.jsonl --slower 2`,
		Args: takes("A B", 2, 2),
		RunE: func(cmd *cobra.Command, args []string) error { return a.diff(cmd.Context(), args[0], args[1], &flags) },
	}
	flags.flow.register(cmd)
	flags.reports.register(cmd)
	cmd.Flags().StringVar(&flags.file, "flow", "", "the flow `FILE`")
	cmd.Flags().StringVar(&flags.again, "again", "", "a `RECORDING` of the triggers of A, run again on the same system: what differs from A is noise")
	cmd.Flags().Float64Var(&flags.slower, "slower", 0, "a step whose 95th percentile is more than `N` times what it was has changed; 0 is no limit")
	_ = cmd.MarkFlagRequired("flow")
	return cmd
}

func (a *app) diff(ctx context.Context, was, now string, flags *diffFlags) error {
	plan, err := flags.reports.parse()
	if err == nil && flags.slower != 0 && flags.slower < 1 {
		err = errors.New("--slower: at least 1")
	}
	if err != nil {
		return input(err)
	}
	flow, err := a.load(flags.file, &flags.flow)
	if err == nil {
		err = checkNames(&flags.flow, flow)
	}
	if err != nil {
		return err
	}
	debug.SetMemoryLimit(diffMemory)
	cfg := compare.Config{Flow: flow, Slower: flags.slower, WasName: was, NowName: now}
	names := compare.NewNames()
	for _, side := range []struct {
		name string
		set  **compare.Set
	}{{was, &cfg.Was}, {now, &cfg.Now}, {flags.again, &cfg.Again}} {
		if side.name == "" {
			continue
		}
		if *side.set, err = a.readSet(ctx, flow, names, side.name); err != nil {
			return err
		}
	}
	for _, set := range []*compare.Set{cfg.Was, cfg.Now, cfg.Again} {
		aliasParts(flow, set)
	}
	return a.reportOne(compare.Diff(cfg), plan)
}

// uuidLength is how long a UUID is as text.
const uuidLength = 36

// aliasParts has the UUIDs that ids are made of stand for that, wherever else they
// are: in a run they are a scenario's own id, which several of its chains share.
func aliasParts(flow *flows.Flow, set *compare.Set) {
	if set == nil {
		return
	}
	for i := range set.Chains() {
		c := &set.Chains()[i]
		for _, id := range c.IDs {
			if len(id.Value) <= uuidLength {
				continue
			}
			as := "part of " + flow.IDs[id.Name].Name
			for _, part := range replay.Parts(id.Value) {
				at := slices.IndexFunc(c.Aliases, func(have compare.Alias) bool { return have.Value == part })
				switch {
				case at < 0:
					c.Aliases = append(c.Aliases, compare.Alias{Value: part, As: as})
				case as < c.Aliases[at].As:
					c.Aliases[at].As = as
				}
			}
		}
	}
}

// diffMemory is from how many bytes on the garbage collector works harder: two
// recordings of a million messages stay below a gigabyte.
const diffMemory = 800 << 20

// readSet reads a recording with all that its messages say.
func (a *app) readSet(ctx context.Context, flow *flows.Flow, names *compare.Names, name string) (*compare.Set, error) {
	set := compare.NewSet(flow, names)
	err := a.reading(name, flow, func(r *message.Reader) error {
		audit := flows.NewAudit(flow, flows.AuditConfig{
			Mode: "verify", Started: r.Header().Started, Probes: r.Header().Probes, Judged: set.Judged,
		})
		err := feed.Both(ctx, r, audit, &feed.Beside{Scanner: set.Scanner, AddPage: set.AddPage})
		if err = a.whole(name, err); err != nil {
			return err
		}
		audit.Result()
		return a.fits(name, flow, set)
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return set, err
}
