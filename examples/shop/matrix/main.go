// Matrix tries what flowcheck finds: it starts the sample shop on real brokers with
// each of its bugs in turn, runs every flow of it with every probe, and writes down
// every verdict; and the correct shop, again and again.
//
//	matrix run [-shard 1/3] [-results FILE]    runs what the file does not have yet
//	matrix table FILE…                         prints what was found, missed and falsely accused
//	matrix table -markdown DOC FILE…           the same into a document, after its mark
//	matrix compare BEFORE AFTER                prints which verdicts two runs have otherwise
//
// The way of the data: cells (a shop and a flow) → flowcheck run → results, a line of
// JSON each → table. As many cells are tried side by side as Kafka has listeners for
// systems under test (withbrokers -systems N): each shop has names of its own. With -load a busy loop runs on each core and every
// deadline is stretched by a stated factor; with -delay flowcheck's own connections
// to the brokers are delayed. Neither may change a verdict: table compares.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string) error {
	switch {
	case len(args) > 0 && args[0] == "run":
		c, err := parse(args[1:])
		if err != nil {
			return err
		}
		return run(ctx, c)
	case len(args) > 3 && args[0] == "table" && args[1] == "-markdown":
		return writeDocument(args[2], args[3:])
	case len(args) > 1 && args[0] == "table":
		return printTable(os.Stdout, args[1:])
	case len(args) == 3 && args[0] == "compare":
		return compare(os.Stdout, args[1], args[2])
	default:
		return errors.New("usage: matrix run [flags], matrix table [-markdown DOC] FILE…, or matrix compare BEFORE AFTER")
	}
}

// config is what a run is asked to do.
type config struct {
	program, flows, results string
	shard, shards           int
	rounds, copies          int
	parallel                int
	cut                     time.Duration
	only, flow, probe       string
	budget                  time.Duration
	load                    bool
	stretch                 float64
	delay                   time.Duration
	slice                   bool
	sample, part            int
	seed                    uint64
}

func parse(args []string) (c config, err error) {
	f := flag.NewFlagSet("matrix run", flag.ContinueOnError)
	f.StringVar(&c.program, "flowcheck", "bin/flowcheck", "the program to try")
	f.StringVar(&c.flows, "flows", "examples/shop", "the folder of the shop's flow files")
	f.StringVar(&c.results, "results", "bin/matrix.jsonl", "the file of the results; what it has is not run again")
	shard := f.String("shard", "1/1", "which part of the matrix to run, as `I/N`")
	f.IntVar(&c.rounds, "rounds", 50, "how often the correct shop is tried")
	f.IntVar(&c.copies, "copies", 5, "how many of these are side by side: each scenario is run in as many cases")
	f.IntVar(&c.parallel, "parallel", 24, "how many scenarios and tries of a cell may be under way at once")
	f.DurationVar(&c.cut, "cut-for", 500*time.Millisecond, "how long the probe cut disturbs a connection, before it is stretched")
	f.StringVar(&c.only, "only", "", "one bug, or none, instead of all")
	f.StringVar(&c.flow, "flow", "", "one flow instead of all")
	f.StringVar(&c.probe, "probe", "", "these probes, as flowcheck run takes them, instead of all")
	f.DurationVar(&c.budget, "budget", 25*time.Minute, "no cell is begun after this time")
	f.BoolVar(&c.load, "load", false, "run a busy loop on each core")
	f.Float64Var(&c.stretch, "stretch", 1, "by what factor every deadline and every wait of the shop is longer")
	f.DurationVar(&c.delay, "delay", 0, "delay flowcheck's connections to the brokers by this much")
	f.BoolVar(&c.slice, "slice", false, "run a bug's own flow and its own probe alone, and one flow a round of the correct shop, not all of them")
	f.IntVar(&c.sample, "sample", 0, "run that many bugs, which -seed chooses, instead of all")
	f.IntVar(&c.part, "part", 1, "run one cell in that many, which -seed chooses, instead of all")
	f.Uint64Var(&c.seed, "seed", 1, "chooses the sample, and the part")
	if err := f.Parse(args); err != nil {
		return c, err
	}
	if _, err := fmt.Sscanf(*shard, "%d/%d", &c.shard, &c.shards); err != nil || c.shard < 1 || c.shard > c.shards {
		return c, fmt.Errorf("-shard %s: I/N, I from 1 to N", *shard)
	}
	if c.copies < 1 || c.part < 1 || c.parallel < 1 || c.cut <= 0 {
		return c, errors.New("-copies, -part, -parallel and -cut-for are positive")
	}
	if c.rounds < 0 || c.stretch < 1 || c.delay < 0 {
		return c, errors.New("-rounds and -delay are not negative, -stretch is at least 1")
	}
	return c, os.MkdirAll(filepath.Dir(c.results), 0o755)
}

// mode names how flowcheck is run; results of one mode are compared with those of
// another.
func (c config) mode() string {
	switch {
	case c.load:
		return fmt.Sprintf("loaded, deadlines ×%g", c.stretch)
	case c.delay > 0:
		return fmt.Sprintf("delayed by %v, deadlines ×%g", c.delay, c.stretch)
	case c.stretch > 1:
		return fmt.Sprintf("deadlines ×%g", c.stretch)
	default:
		return plain
	}
}
