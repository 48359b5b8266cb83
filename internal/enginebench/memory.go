package main

import (
	"io"
	"os"
	"runtime"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/workload"
	"github.com/flowcheck/flowcheck/message"
)

// openChains is how many chains are open when their memory is measured.
const openChains = 100_000

// chainSizes is the heap that a chain takes, in bytes, the fields that
// expressions need and the index by ids included.
type chainSizes struct {
	open   float64 // of two messages
	closed float64 // of four, complete and only remembered
}

func sizeOfChains(flow *flows.Flow, name string) (sizes chainSizes, err error) {
	f, err := os.Create(name)
	if err != nil {
		return sizes, err
	}
	defer f.Close()
	cfg := workload.Config{Chains: openChains, Open: 3 * openChains, FaultRate: 1e-9}
	if _, err := workload.Write(f, cfg); err != nil {
		return sizes, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return sizes, err
	}
	reader, err := message.NewReader(f)
	if err != nil {
		return sizes, err
	}
	before := heap()
	audit := flows.NewAudit(flow, flows.AuditConfig{Mode: "verify", Started: reader.Header().Started})
	for n := 1; n <= 4*openChains; n++ {
		event, err := reader.Next()
		if err != nil {
			return sizes, err
		}
		audit.Add(event)
		switch n {
		case 2 * openChains:
			sizes.open = float64(heap()-before) / openChains
		case 4 * openChains:
			sizes.closed = float64(heap()-before) / openChains
		}
	}
	runtime.KeepAlive(audit)
	return sizes, nil
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
