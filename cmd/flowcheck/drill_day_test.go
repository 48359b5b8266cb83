package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
)

// TestReplayOfADay: a recording of what else happens on a day, doubles and messages
// that are sent again in mid-chain, shows bugs that the scenarios alone do not, and
// nothing on the correct shop. The drill of examples/shop has the rest.
func TestReplayOfADay(t *testing.T) {
	t.Parallel()
	const flow = "../../examples/shop/order.flow.yaml"
	day := filepath.Join(t.TempDir(), "day.jsonl")
	if code, out := inEmbeddedShop(t, "", "run", flow, "--probe", "duplicate,redeliver", "--record", day); code != exitPass {
		t.Fatalf("exit code %d: %s", code, out)
	}
	for bug, want := range map[string]int{
		"": exitPass, "no-dedup": exitFail, "shipping-no-dedup": exitFail,
	} {
		t.Run(bug, func(t *testing.T) {
			t.Parallel()
			if code, out := inEmbeddedShop(t, bug, "replay", flow, day, "--same-target", "--ids", "fresh"); code != want {
				t.Errorf("exit code %d: %s", code, out)
			}
		})
	}
}

// A fault that the recording has as well is no change, and is not hushed up; that
// it is gone is one.
func TestReplayOfAFault(t *testing.T) {
	t.Parallel()
	const flow, bug, told = "../../examples/shop/order.flow.yaml", "wrong-amount", "are no change"
	day := filepath.Join(t.TempDir(), "day.jsonl")
	if code, out := inEmbeddedShop(t, bug, "run", flow, "--record", day); code != exitFail {
		t.Fatalf("exit code %d: %s", code, out)
	}
	replay := []string{"replay", flow, day, "--same-target", "--ids", "fresh"}
	if code, out := inEmbeddedShop(t, bug, replay...); code != exitPass || !strings.Contains(out, told) {
		t.Errorf("onto itself: exit code %d: %s", code, out)
	}
	if code, out := inEmbeddedShop(t, "", replay...); code != exitFail || strings.Contains(out, told) {
		t.Errorf("onto the sound shop: exit code %d: %s", code, out)
	}
}

// inEmbeddedShop runs flowcheck beside the shop on embedded brokers, with a bug.
func inEmbeddedShop(t *testing.T, bug string, args ...string) (code int, output string) {
	t.Helper()
	a := processApp()
	var out bytes.Buffer
	a.out, a.err, a.isTerminal = &out, &out, false
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	code, err := runInShop(ctx, bug, a, args)
	if err != nil {
		t.Fatal(err)
	}
	return code, out.String()
}
