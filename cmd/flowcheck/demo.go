package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/kafka"
	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/examples/shop"
	"github.com/flowcheck/flowcheck/flows"
)

// demoBug is the bug that the demo shows unless told otherwise.
const demoBug = "wrong-amount"

func newDemo(a *app) *cobra.Command {
	var bug string
	var list bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show a passing and a failing run on embedded brokers",
		Long: `Run the sample shop on brokers inside this process (kfake for Kafka, flowcheck's
own memory broker for RabbitMQ, SNS and SQS): first as it should be, then with a
bug switched on. Nothing is installed and nothing leaves this machine.

Exit code 0 when both went as announced.`,
		Example: "  flowcheck demo\n  flowcheck demo --list-bugs\n  flowcheck demo --bug altered-dlq-copy",
		Args:    takes("", 0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if list {
				for _, b := range shop.Bugs {
					about := b.About
					if b.Probe != "" {
						about += " (takes the probe " + b.Probe + ")"
					}
					fmt.Fprintf(a.out, "%-22s %-14s %s\n", b.Name, b.Kind, about)
				}
				return nil
			}
			return a.demo(cmd.Context(), bug)
		},
	}
	cmd.Flags().StringVar(&bug, "bug", demoBug, "the bug to switch on")
	cmd.Flags().BoolVar(&list, "list-bugs", false, "list the bugs that can be switched on, with the finding each must have")
	_ = cmd.RegisterFlagCompletionFunc("bug", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var names []string
		for _, b := range shop.Bugs {
			names = append(names, b.Name+"\t"+b.About)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

func (a *app) demo(ctx context.Context, name string) error {
	i := slices.IndexFunc(shop.Bugs, func(b shop.Bug) bool { return b.Name == name })
	if i < 0 {
		return input(fmt.Errorf("--bug %s: no such bug; see flowcheck demo --list-bugs", name))
	}
	bug := shop.Bugs[i]
	if bug.Probe == "cut" {
		return input(fmt.Errorf("--bug %s: nothing can be cut between the shop and brokers in one process; make matrix MATRIX='-only %s' shows it on real brokers", name, name))
	}
	fmt.Fprintf(a.out, "A small shop runs inside this process: orders and payments on Kafka, shipments\n"+
		"with retries on RabbitMQ, mails on SNS and SQS. Its flow file is examples/shop/%s.\n\n"+
		"1. The shop as it should be\n\n", bug.File())
	result, err := a.demoRun(ctx, shop.Bug{Flow: bug.Flow, Probe: bug.Probe})
	if err != nil {
		return err
	}
	if result.State != flows.Pass {
		return trouble(errors.New("the shop should have passed"))
	}
	fmt.Fprintf(a.out, "\n2. The same shop with the bug %s: %s.\n   A finding of the kind %q must come.\n\n", bug.Name, bug.About, bug.Kind)
	if result, err = a.demoRun(ctx, bug); err != nil {
		return err
	}
	if !slices.ContainsFunc(result.Findings, func(f flows.Finding) bool { return string(f.Kind) == bug.Kind }) {
		return trouble(fmt.Errorf("the bug %s was not found", bug.Name))
	}
	fmt.Fprintf(a.out, "\nBoth went as announced. Next: flowcheck init, and the README's first flow file of one's own.\n")
	return nil
}

// demoRun runs the flow that finds the bug against a shop of its own on embedded
// brokers.
func (a *app) demoRun(ctx context.Context, bug shop.Bug) (result *flows.Result, err error) {
	embedded, err := startEmbedded(ctx, bug.Name)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := embedded.close(); closeErr != nil && err == nil {
			err = closeErr
		}
	}()
	opts, err := a.options(&flowFlags{})
	if err != nil {
		return nil, err
	}
	opts.Env = maps.Clone(opts.Env)
	if opts.Env == nil {
		opts.Env = map[string]string{}
	}
	opts.Env["SHOP"] = embedded.control.URL
	opts.Brokers = embedded.urls
	text, err := shop.Flows.ReadFile(bug.File())
	if err != nil {
		return nil, err
	}
	flow, errs := flows.Load(bug.File(), text, opts)
	if len(errs) > 0 {
		return nil, errs
	}
	c := &connector{adapters: embedded.adapters(), runID: newRunID(), log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	sys, err := c.connect(ctx, flow, true)
	defer sys.close()
	if err != nil {
		return nil, err
	}
	result, stats, err := a.runScenarios(ctx, flow, sys, demoFlags(flow, bug))
	if err != nil {
		return nil, err
	}
	r := a.newReporter(&reportPlan{color: "auto", out: []reportTarget{{"text", "-"}}})
	return result, r.add(result, timing(stats))
}

// demoFlags are the probe that the demo tries. A broken trigger may be waited for in
// vain, five times over: it is tried on one scenario.
func demoFlags(flow *flows.Flow, bug shop.Bug) *runFlags {
	flags := &runFlags{parallel: defaultParallel, failFast: true}
	if bug.Probe != "" {
		flags.probes = []string{bug.Probe}
	}
	if bug.Probe == "poison" {
		flags.only = []string{flow.Scenarios[0].Name}
	}
	return flags
}

// embedded is the shop on brokers inside this process.
type embedded struct {
	cluster *kfake.Cluster
	server  *memory.Server
	shop    *shop.Shop
	control *shop.Control
	urls    map[string]string
}

func startEmbedded(ctx context.Context, bug string) (*embedded, error) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		return nil, fmt.Errorf("start the embedded Kafka: %w", err)
	}
	e := &embedded{cluster: cluster, server: memory.New(memory.Options{Name: "demo"})}
	e.urls = map[string]string{
		"events": "kafka://" + cluster.ListenAddrs()[0], "tasks": e.server.URL(), "cloud": e.server.URL(),
	}
	e.shop, err = shop.Start(ctx, shop.Config{
		Kafka: cluster.ListenAddrs(), Tasks: shop.MemoryTasks(e.server), Mails: shop.MemoryMails(e.server),
		Bug: bug, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		cluster.Close()
		return nil, fmt.Errorf("start the shop: %w", err)
	}
	if e.control, err = shop.ListenControl(ctx, "127.0.0.1:0", e.shop); err != nil {
		return nil, errors.Join(err, e.shop.Close())
	}
	return e, nil
}

func (e *embedded) close() error {
	err := errors.Join(e.control.Close(), e.shop.Close())
	e.cluster.Close()
	return err
}

func (e *embedded) adapters() []brokers.Adapter {
	return []brokers.Adapter{kafka.Adapter(), memory.Adapter(e.server)}
}
