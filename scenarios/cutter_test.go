package scenarios_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/internal/testbroker"
	"github.com/flowcheck/flowcheck/scenarios"
)

// TestCutter: each fault holds up what the system does, and is over in the end; where
// the system does not come by, nothing is disturbed, which is told.
func TestCutter(t *testing.T) {
	t.Parallel()
	at := testbroker.FreeAddress(t)
	text := strings.Replace(chain, `events: "memory://m"`, `events: { url: "memory://m", proxy: "`+at+`", proxy-to: "`+testbroker.Echo(t)+`" }`, 1)
	flow := newRig(t, strings.Replace(text, "correlate:", "timeout: 1s\ncorrelate:", 1), memory.Options{}).flow
	cutter, err := scenarios.NewCutter(flow, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer cutter.Close()
	all := cutter.Disturbances()
	if len(all) != 3 {
		t.Fatalf("%d disturbances", len(all))
	}
	if err := all[0].Do(t.Context()); err == nil || !strings.Contains(err.Error(), "does not connect through the proxy at "+at) {
		t.Errorf("nobody came by: %v", err)
	}
	for _, d := range all {
		if !reached(t, at, true) {
			t.Fatalf("%s: before", d.What)
		}
		done := make(chan error, 1)
		go func() { done <- d.Do(t.Context()) }()
		if !reached(t, at, false) {
			t.Errorf("%s: it was not disturbed", d.What)
		}
		if err := <-done; err != nil {
			t.Errorf("%s: %v", d.What, err)
		}
	}
	if !reached(t, at, true) {
		t.Error("the last disturbance is not over")
	}
}

// reached waits until the address can be reached within 100 ms, or cannot.
func reached(t *testing.T, at string, want bool) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		if err := reach(ctx, at); (err == nil) == want {
			return true
		}
		if !rest(ctx, 10*time.Millisecond) {
			return false
		}
	}
	return false
}

// TestCutterWithoutAPort: a port that is taken is told.
func TestCutterWithoutAPort(t *testing.T) {
	t.Parallel()
	text := strings.Replace(chain, `events: "memory://m"`, `events: { url: "memory://m", proxy: "`+testbroker.Echo(t)+`", proxy-to: "127.0.0.1:9" }`, 1)
	if _, err := scenarios.NewCutter(newRig(t, text, memory.Options{}).flow, time.Second); err == nil || !strings.Contains(err.Error(), "broker events: proxy: listen at ") {
		t.Error(err)
	}
}
