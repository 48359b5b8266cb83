package main

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/internal/testbroker"
)

// TestReplayDuringCut: the disturbances are done where the system comes by the proxy;
// where it does not, the replay is no pass. A broker without a proxy is bad input.
func TestReplayDuringCut(t *testing.T) {
	args := []string{"--ids", "fresh", "--rate", "20/s", "--during", "cut", "--cut-for", "20ms"}
	if code, _, errs := drilled(t, "", args...); code != exitInput || !strings.Contains(errs, "no broker of the flow has a proxy") {
		t.Errorf("no proxy: exit code %d: %s", code, errs)
	}
	for _, comes := range []bool{true, false} {
		at := testbroker.FreeAddress(t)
		t.Setenv("KAFKA_PROXY", at)
		t.Setenv("KAFKA_BEHIND", testbroker.Echo(t))
		ctx, cancel := context.WithCancel(t.Context())
		if comes {
			go comeBy(ctx, at)
		}
		code, r, errs := drilled(t, "", args...)
		cancel()
		told := len(r.Unknowns) > 0 && strings.Contains(r.Unknowns[0].Reason, "the system's connection to events was cut after a message on orders: the system does not connect through the proxy at "+at)
		if want := map[bool]int{true: exitPass, false: exitUnknown}[comes]; code != want || told == comes {
			t.Errorf("the system comes by, %v: exit code %d: %+v %+v\n%s", comes, code, r.Unknowns, r.Findings, errs)
		}
	}
}

// comeBy connects to the address until ctx ends.
func comeBy(ctx context.Context, at string) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if conn, err := new(net.Dialer).DialContext(ctx, "tcp", at); err == nil {
				conn.Close()
			}
		}
	}
}
