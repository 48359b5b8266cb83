package main

import (
	"context"
	"fmt"
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"
)

// watchLong watches for as long as a soak lasts, and tells now and then how much
// memory it takes.
func (o *options) watchLong(ctx context.Context, state string) error {
	l, err := newLoad(o)
	if err != nil {
		return err
	}
	defer l.close()
	w, err := o.watch(ctx, l, state)
	if err != nil {
		return err
	}
	if err := w.until(ctx, w.status.Armed.Load); err != nil {
		return err
	}
	loading, stop := context.WithTimeout(ctx, o.soak)
	defer stop()
	sent := make(chan error, 1)
	go func() { sent <- l.trickle(loading, o.rate) }()
	tick := time.NewTicker(o.every)
	defer tick.Stop()
	began := time.Now()
	status := w.status.Flows()[0]
	fmt.Fprintln(o.log, "minutes  messages  chains kept  open  live heap MiB  resident MiB  journal MiB")
	for loading.Err() == nil && !w.over() {
		select {
		case <-tick.C:
		case <-loading.Done():
		case <-w.done:
		}
		fmt.Fprintf(o.log, "%7.1f  %8d  %11d  %4d  %13.1f  %12.1f  %11.1f\n", time.Since(began).Minutes(), status.Messages.Load(),
			status.Kept.Load(), status.Open.Load(), mib(liveHeap()), mib(resident()), mib(folderSize(state)))
	}
	if err := <-sent; err != nil {
		return err
	}
	s, err := w.end()
	if err != nil {
		return err
	}
	f := &s.Flows[0]
	fmt.Fprintf(o.log, "%d chains closed: %d passed, %d failed, %d unknown; %d findings, %d unknowns\n",
		f.Chains.Total, f.Chains.Pass, f.Chains.Fail, f.Chains.Unknown, f.Findings, f.Unknowns)
	return nil
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// liveHeap is what the last collection of garbage left, in bytes.
func liveHeap() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64()) //nolint:gosec // far below
}

// resident is the process's memory as the system counts it, in bytes; 0 where it
// does not tell.
func resident() int64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64) // 0 is what an unknown file says
	return pages * int64(os.Getpagesize())
}

// processorTime is what this process has had of the processors; 0 where the system
// does not tell.
func processorTime() time.Duration {
	data, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(data), ") ") // behind the program's name
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64) // in hundredths of a second; 0 is what an unknown file says
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// folderSize is how much the files of a folder and its folders hold, in bytes.
func folderSize(dir string) (total int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if e.IsDir() {
			total += folderSize(dir + "/" + e.Name())
		} else if info, err := e.Info(); err == nil {
			total += info.Size()
		}
	}
	return total
}
