package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/workload"
	"github.com/flowcheck/flowcheck/message"
)

// openChains is how many chains are open when their memory is measured.
const openChains = 100_000

// bytesPerChain is the heap that an open chain of two messages takes, the fields
// that expressions need and the index by ids included.
func bytesPerChain(flow *flows.Flow, name string) (float64, error) {
	f, err := os.Create(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	cfg := workload.Config{Chains: openChains, Open: 3 * openChains, FaultRate: 1e-9}
	if _, err := workload.Write(f, cfg); err != nil {
		return 0, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	reader, err := message.NewReader(f)
	if err != nil {
		return 0, err
	}
	before := heap()
	audit := flows.NewAudit(flow, flows.AuditConfig{Mode: "verify", Started: reader.Header().Started})
	for range 2 * openChains {
		event, err := reader.Next()
		if err != nil {
			return 0, err
		}
		audit.Add(event)
	}
	used := heap() - before
	if _, err := reader.Next(); err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("read on: %w", err)
	}
	runtime.KeepAlive(audit)
	return float64(used) / openChains, nil
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
