package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const shopTraffic = "../../examples/shop/recordings/traffic.jsonl"

// drilled replays a recording onto a shop with a bug, on embedded brokers.
func drilled(t *testing.T, bug string, args ...string) (code int, report replayReport, errs string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.json")
	a := processApp()
	var out, err bytes.Buffer
	a.out, a.err, a.isTerminal = &out, &err, false
	args = append([]string{"replay", "../../examples/shop/order.flow.yaml", shopTraffic, "--same-target", "--report", "json=" + path}, args...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	code, runErr := runInShop(ctx, bug, a, args)
	if runErr != nil {
		t.Fatal(runErr)
	}
	if text := fileText(path); text != "" {
		if err := json.Unmarshal([]byte(text), &report); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
	return code, report, err.String() + out.String()
}

// replayReport is what a report says of a replay.
type replayReport struct {
	Verdict  string
	Chains   struct{ Total, Pass, Fail, Unknown int }
	Findings []struct{ Kind, Chain, Step, Text, Actual string }
	Unknowns []struct{ Chain, Reason string }
	Compared struct {
		Pairs int
		Noise []string
	}
}

// TestReplayOntoTheCorrectShop: nothing is different.
func TestReplayOntoTheCorrectShop(t *testing.T) {
	t.Parallel()
	code, r, errs := drilled(t, "", "--ids", "fresh", "--rate", "unlimited")
	if code != exitPass || r.Compared.Pairs != 33 || r.Chains.Pass != 33 {
		t.Errorf("exit code %d: %+v\n%s", code, r, errs)
	}
	if !strings.Contains(errs, "sending 33 messages") {
		t.Errorf("what is sent is not said: %s", errs)
	}
}

// fileText is what a file has; "" where there is none.
func fileText(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(text)
}
