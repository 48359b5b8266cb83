// Enginebench measures how fast recordings are judged, from the file to the
// report, against reading and splitting lines alone and against a hand-written
// program for this one flow, on one core and on two:
//
//	go run ./internal/enginebench -chains 250000 -open 10000
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/workload"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/report"
)

func main() {
	var cfg workload.Config
	flag.IntVar(&cfg.Chains, "chains", 250_000, "chains of four messages")
	flag.IntVar(&cfg.Open, "open", 10_000, "chains open at once")
	flag.Float64Var(&cfg.FaultRate, "faults", 0.001, "share of chains with each fault")
	flag.Uint64Var(&cfg.Seed, "seed", 1, "seed of the faults")
	rounds := flag.Int("rounds", 3, "rounds; the median of each figure is told")
	more := flag.Bool("more", false, "checks on three steps and a keyed rule")
	cpu := flag.String("cpuprofile", "", "write a CPU profile of the judging to this file")
	flag.Parse()
	if err := bench(cfg, *rounds, *more, *cpu); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func bench(cfg workload.Config, rounds int, more bool, cpu string) error {
	dir, err := os.MkdirTemp("", "flowcheck-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "workload.jsonl")
	faults, lines, err := write(name, cfg)
	if err != nil {
		return err
	}
	text := workload.Flow
	if more {
		text = workload.FlowWithMore
	}
	flow, errs := flows.Load("workload.yaml", []byte(text), flows.Options{})
	if len(errs) > 0 {
		return errs
	}
	if cpu != "" {
		f, err := os.Create(cpu)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	fmt.Printf("%d messages, %d chains, %d open at once, faults %+v\n", lines, cfg.Chains, cfg.Open, faults)
	for range rounds {
		split := measure(1, func() error { return split(name) })
		hand := measure(1, func() error { return byHand(name) })
		var result *flows.Result
		judge := func() error {
			var err error
			result, err = verify(flow, name)
			return err
		}
		one := measure(1, judge)
		peak := peakMemory()
		two := measure(2, judge)
		if err := errors.Join(split.err, hand.err, one.err, two.err); err != nil {
			return err
		}
		fmt.Printf("split %6.0f k/s | by hand %5.0f k/s (1/%.1f) | verify, 1 core %5.0f k/s (1/%.1f of split), %4.0f ns each | 2 cores %5.0f k/s (x%.2f) | peak %d MB\n",
			split.rate(lines), hand.rate(lines), hand.cpu.Seconds()/split.cpu.Seconds(), one.rate(lines),
			one.cpu.Seconds()/split.cpu.Seconds(), float64(one.cpu.Nanoseconds())/float64(lines),
			two.wallRate(lines), one.wall.Seconds()/two.wall.Seconds(), peak>>20)
		if err := compare(result, faults); err != nil {
			return err
		}
	}
	return nil
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
	fmt.Printf("  found all %d faults, no false alarm\n", f.Dropped+f.Duplicated+f.Swapped+f.Late)
	return nil
}

func write(name string, cfg workload.Config) (f workload.Faults, lines int, err error) {
	var counter lineCounter
	file, err := os.Create(name)
	if err != nil {
		return f, 0, err
	}
	f, err = workload.Write(io.MultiWriter(file, &counter), cfg)
	return f, counter.n - 2, errors.Join(err, file.Close())
}

type lineCounter struct{ n int }

func (c *lineCounter) Write(p []byte) (int, error) {
	c.n += bytes.Count(p, []byte{'\n'})
	return len(p), nil
}

// figures are the times of one measurement.
type figures struct {
	cpu, wall time.Duration
	err       error
}

func (f figures) rate(n int) float64     { return float64(n) / f.cpu.Seconds() / 1000 }
func (f figures) wallRate(n int) float64 { return float64(n) / f.wall.Seconds() / 1000 }

// measure runs f on so many cores.
func measure(cores int, f func() error) figures {
	runtime.GC()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	cpu, wall := cpuTime(), time.Now()
	err := f()
	return figures{cpuTime() - cpu, time.Since(wall), err}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakMemory is the most memory that the process has had, in bytes.
func peakMemory() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Maxrss << 10
}

func split(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	s := bufio.NewScanner(bufio.NewReaderSize(f, 1<<20))
	s.Buffer(make([]byte, 1<<20), 1<<24)
	for s.Scan() {
	}
	return s.Err()
}

func verify(flow *flows.Flow, name string) (*flows.Result, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	reader, err := message.NewReader(f)
	if err != nil {
		return nil, err
	}
	audit := flows.NewAudit(flow, flows.AuditConfig{Mode: "verify", Started: reader.Header().Started})
	for {
		event, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		audit.Add(event)
	}
	r := audit.Result()
	return r, report.JSON(io.Discard, r)
}
