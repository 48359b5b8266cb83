package main

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"
)

// TestReplayOfADay: a recording of what else happens on a day, doubles and messages
// that are sent again in mid-chain, shows bugs that the scenarios alone do not, and
// nothing on the correct shop. The drill of examples/shop has the rest.
func TestReplayOfADay(t *testing.T) {
	t.Parallel()
	const flow = "../../examples/shop/order.flow.yaml"
	day := filepath.Join(t.TempDir(), "day.jsonl")
	inShop := func(t *testing.T, bug string, args ...string) (int, string) {
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
	if code, out := inShop(t, "", "run", flow, "--probe", "duplicate,redeliver", "--record", day); code != exitPass {
		t.Fatalf("exit code %d: %s", code, out)
	}
	for bug, want := range map[string]int{
		"": exitPass, "no-dedup": exitFail, "shipping-no-dedup": exitFail,
	} {
		t.Run(bug, func(t *testing.T) {
			t.Parallel()
			if code, out := inShop(t, bug, "replay", flow, day, "--same-target", "--ids", "fresh"); code != want {
				t.Errorf("exit code %d: %s", code, out)
			}
		})
	}
}
