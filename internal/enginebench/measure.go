package main

import (
	"runtime"
	"syscall"
	"time"
)

// figures are what one run of a program took.
type figures struct {
	cpu, wall     time.Duration
	allocs, bytes uint64
	err           error
}

// rate is in thousands a second of CPU time, wallRate in those of the clock.
func (f figures) rate(n int) float64     { return float64(n) / f.cpu.Seconds() / 1000 }
func (f figures) wallRate(n int) float64 { return float64(n) / f.wall.Seconds() / 1000 }

// measure runs f on so many cores.
func measure(cores int, f func() error) figures {
	var before, after runtime.MemStats
	runtime.GC()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	runtime.ReadMemStats(&before)
	cpu, wall := cpuTime(), time.Now()
	err := f()
	took := figures{cpu: cpuTime() - cpu, wall: time.Since(wall), err: err}
	runtime.ReadMemStats(&after)
	took.allocs, took.bytes = after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc
	return took
}

// better keeps the run that took less CPU: what else the machine does only adds.
func better(a, b figures) figures {
	if a.cpu == 0 || b.cpu < a.cpu {
		return b
	}
	return a
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
