// Enginebench measures how fast recordings are judged, from the file to the
// report, on one core and on two, against reading and splitting lines alone and
// against two hand-written programs for this one flow:
//
//	go run ./internal/enginebench -chains 250000 -open 10000
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/feed"
	"github.com/flowcheck/flowcheck/internal/workload"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/report"
)

func main() {
	var b bench
	flag.IntVar(&b.workload.Chains, "chains", 250_000, "chains of four messages")
	flag.IntVar(&b.workload.Open, "open", 10_000, "chains open at once")
	flag.Float64Var(&b.workload.FaultRate, "faults", 0.001, "share of chains with each fault")
	flag.Uint64Var(&b.workload.Seed, "seed", 1, "seed of the faults")
	flag.IntVar(&b.rounds, "rounds", 3, "rounds; the best of each figure is told")
	flag.BoolVar(&b.more, "more", false, "checks on three steps and a keyed rule")
	flag.StringVar(&b.profile, "cpuprofile", "", "write a CPU profile of the judging to this file")
	flag.IntVar(&b.cores, "cores", 1, "cores of the CPU profile")
	flag.StringVar(&b.keep, "write", "", "only write workload.jsonl and workload.yaml into this folder")
	flag.Parse()
	if err := b.run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func load(text string) (*flows.Flow, error) {
	flow, errs := flows.Load("workload.yaml", []byte(text), flows.Options{})
	if len(errs) > 0 {
		return nil, errs
	}
	return flow, nil
}

type bench struct {
	workload workload.Config
	rounds   int
	more     bool
	profile  string
	cores    int
	keep     string

	name   string
	flow   *flows.Flow
	basic  *flows.Flow // without what -more adds
	faults workload.Faults
	lines  int
	result *flows.Result

	split, hand, walk, plain, one figures
	two, twoCPU                   figures // by the clock, and by CPU time
}

func (b *bench) run() error {
	text := workload.Flow
	if b.more {
		text = workload.FlowWithMore
	}
	if b.keep != "" {
		b.name = filepath.Join(b.keep, "workload.jsonl")
		return errors.Join(b.write(), os.WriteFile(filepath.Join(b.keep, "workload.yaml"), []byte(text), 0o644))
	}
	dir, err := os.MkdirTemp("", "flowcheck-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b.name = filepath.Join(dir, "workload.jsonl")
	if err := b.write(); err != nil {
		return err
	}
	if b.flow, err = load(text); err != nil {
		return err
	}
	if b.basic, err = load(workload.Flow); err != nil {
		return err
	}
	fmt.Printf("%d messages, %d chains, %d open at once, faults %+v\n", b.lines, b.workload.Chains, b.workload.Open, b.faults)
	for range b.rounds {
		if err := b.round(); err != nil {
			return err
		}
	}
	if err := b.profiled(); err != nil {
		return err
	}
	sizes, err := sizeOfChains(b.flow, b.name)
	if err != nil {
		return err
	}
	b.tell(sizes)
	return nil
}

// round measures each program once.
func (b *bench) round() error {
	split := measure(1, func() error { return eachLine(b.name, func([]byte) error { return nil }) })
	hand := measure(1, func() error { return byHand(b.name) })
	walk := measure(1, func() error { return byWalk(b.name) })
	var plain figures
	if b.more {
		plain = measure(1, func() error { return b.judgeBy(b.basic) })
	}
	one := measure(1, b.judge)
	two := measure(2, b.judge)
	if err := errors.Join(split.err, hand.err, walk.err, plain.err, one.err, two.err); err != nil {
		return err
	}
	b.split, b.hand, b.walk = better(b.split, split), better(b.hand, hand), better(b.walk, walk)
	b.twoCPU = better(b.twoCPU, two)
	b.plain, b.one = better(b.plain, plain), better(b.one, one)
	if b.two.wall == 0 || two.wall < b.two.wall {
		b.two = two
	}
	return compare(b.result, b.faults)
}

func (b *bench) tell(sizes chainSizes) {
	n := b.lines
	ratio := func(f figures) string {
		return fmt.Sprintf("%6.0f k/s, 1/%.1f of split", f.rate(n), f.cpu.Seconds()/b.split.cpu.Seconds())
	}
	fmt.Printf("found all %d faults, no false alarm\n", b.faults.Dropped+b.faults.Duplicated+b.faults.Swapped+b.faults.Late)
	fmt.Printf("split lines   %6.0f k/s a core\n", b.split.rate(n))
	fmt.Printf("by hand       %s\n", ratio(b.hand))
	fmt.Printf("by a walk     %s\n", ratio(b.walk))
	fmt.Printf("verify        %s, 1/%.2f of by hand, 1/%.2f of a walk; %.0f ns, %.2f allocations, %.0f bytes a message\n",
		ratio(b.one), b.one.cpu.Seconds()/b.hand.cpu.Seconds(), b.one.cpu.Seconds()/b.walk.cpu.Seconds(),
		float64(b.one.cpu.Nanoseconds())/float64(n), float64(b.one.allocs)/float64(n), float64(b.one.bytes)/float64(n))
	if b.more {
		fmt.Printf("plain flow    %s; with more checks and a rule %.0f %% of it\n", ratio(b.plain), 100*b.plain.cpu.Seconds()/b.one.cpu.Seconds())
	}
	fmt.Printf("on two cores  %6.0f k/s of the clock, x%.2f; %.2f cores busy, %.2f of one core's CPU time\n",
		b.two.wallRate(n), b.two.wallRate(n)/b.one.wallRate(n),
		b.two.cpu.Seconds()/b.two.wall.Seconds(), b.twoCPU.cpu.Seconds()/b.one.cpu.Seconds())
	fmt.Printf("memory        peak %d MB; %.0f bytes an open chain of two messages, %.0f a closed one of four, fields and index included\n",
		peakMemory()>>20, sizes.open, sizes.closed)
}

// profiled judges once more, under the profiler.
func (b *bench) profiled() error {
	if b.profile == "" {
		return nil
	}
	f, err := os.Create(b.profile)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return measure(b.cores, b.judge).err
}

// compare reports whether the faults were found, all and only.
func compare(r *flows.Result, f workload.Faults) error {
	got := map[flows.Kind]int{}
	for i := range r.Findings {
		got[r.Findings[i].Kind]++
	}
	want := map[flows.Kind]int{flows.Missing: f.Dropped, flows.Duplicate: f.Duplicated, flows.OutOfOrder: f.Swapped, flows.Late: f.Late}
	if r.Findings != nil && got[flows.Duplicate] == 2*f.Duplicated {
		want[flows.Duplicate] = 2 * f.Duplicated // a keyed rule tells it, too
	}
	for _, kind := range []flows.Kind{flows.Missing, flows.Duplicate, flows.OutOfOrder, flows.Late} {
		if got[kind] != want[kind] {
			return fmt.Errorf("%s: %d found, %d were made", kind, got[kind], want[kind])
		}
		delete(got, kind)
	}
	if len(got) > 0 || len(r.Unknowns) > 0 {
		return fmt.Errorf("false alarms: %v, %d unknown", got, len(r.Unknowns))
	}
	return nil
}

func (b *bench) write() error {
	var counter lineCounter
	file, err := os.Create(b.name)
	if err != nil {
		return err
	}
	b.faults, err = workload.Write(io.MultiWriter(file, &counter), b.workload)
	b.lines = counter.n - 2 // without the header and the end
	return errors.Join(err, file.Close())
}

type lineCounter struct{ n int }

func (c *lineCounter) Write(p []byte) (int, error) {
	c.n += bytes.Count(p, []byte{'\n'})
	return len(p), nil
}

// judge is what `flowcheck verify --report json` does.
func (b *bench) judge() error { return b.judgeBy(b.flow) }

func (b *bench) judgeBy(flow *flows.Flow) error {
	f, err := os.Open(b.name)
	if err != nil {
		return err
	}
	defer f.Close()
	reader, err := message.NewReader(f)
	if err != nil {
		return err
	}
	audit := flows.NewAudit(flow, flows.AuditConfig{Mode: "verify", Started: reader.Header().Started})
	if err := feed.Feed(context.Background(), reader, audit); err != nil {
		return err
	}
	b.result = audit.Result()
	return report.JSON(io.Discard, b.result)
}
