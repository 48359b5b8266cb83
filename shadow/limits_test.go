package shadow_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/shadow"
)

// orderly sends chains without a fault.
func (r *rig) orderly(from, n int) {
	for i := from; i < from+n; i++ {
		id := fmt.Sprintf("o-%d", i)
		r.produce("orders", map[string]any{"order": id, "amount": i})
		r.produce("payments", map[string]any{"order": id, "amount": i, "seq": i})
	}
}

// TestLimitsAreCounted: each limit that is reached has a counter that says so, and
// none accuses.
func TestLimitsAreCounted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.flows[0], _, _ = strings.Cut(orders, "rules:")
	for _, c := range []struct {
		name   string
		said   string
		limits shadow.Limits
		n      func(*shadow.Status) int64
	}{
		{"chains", "more chains than are kept", shadow.Limits{Chains: 5}, func(s *shadow.Status) int64 { return s.Flows()[0].Crowded.Load() }},
		{"memory", "memory is short", shadow.Limits{Memory: 1}, func(s *shadow.Status) int64 { runtime.GC(); return s.Flows()[0].Shed.Load() }},
		{"bytes", "reading is held back", shadow.Limits{Bytes: 2000}, func(s *shadow.Status) int64 { return s.Tappers()[0].Throttled.Load() / int64(100*time.Millisecond) }},
		{"journal", "as large as it may be", shadow.Limits{Journal: 1}, func(s *shadow.Status) int64 { return s.Flows()[0].Shortened.Load() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := r.config(t.TempDir())
			var log bytes.Buffer
			cfg.Limits, cfg.Log = c.limits, slog.New(slog.NewTextHandler(&log, nil))
			run := r.start(cfg)
			r.orderly(0, 100)
			if c.name == "journal" { // it is looked at when a watch begins
				until(t, "read", func() bool { return cfg.Status.Flows()[0].Messages.Load() >= 200 })
				run.end()
				next := r.config(cfg.State)
				next.Limits, next.Log, cfg = c.limits, cfg.Log, next
				run = r.start(next)
			}
			until(t, "counted", func() bool { return c.n(cfg.Status) > 0 })
			if s := run.end(); s.Flows[0].Findings > 0 {
				t.Fatalf("%+v", s.Flows[0].Standing)
			}
			if !strings.Contains(log.String(), c.said) {
				t.Errorf("it is not told in the log:\n%s", &log)
			}
		})
	}
	idle := r.start(r.config(t.TempDir()))
	r.orderly(1000, 20)
	until(t, "read", func() bool { return idle.cfg.Status.Flows()[0].Messages.Load() >= 40 })
	f, tap := idle.cfg.Status.Flows()[0], idle.cfg.Status.Tappers()[0]
	if f.Crowded.Load()+f.Shed.Load()+f.Shortened.Load()+tap.Throttled.Load() > 0 {
		t.Fatal("a limit that was not reached is counted")
	}
	idle.end()
}
