package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/examples/shop"
)

// testApp is an app whose output is kept.
func testApp(env map[string]string) (a *app, out, errs *bytes.Buffer) {
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	return &app{in: &bytes.Buffer{}, out: out, err: errs, env: env, now: time.Now, adapters: adapters()}, out, errs
}

// judged is what must be the same, live and offline.
type judged struct {
	Findings, Unknowns json.RawMessage
	Scenarios          json.RawMessage
	Verdict            string
}

// judgedIn reads a JSON report.
func judgedIn(t *testing.T, file string) (j judged) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &j); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return j
}

// kinds of the findings.
func (j *judged) kinds(t *testing.T) (kinds []string) {
	t.Helper()
	var all []struct{ Kind string }
	if err := json.Unmarshal(j.Findings, &all); err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		kinds = append(kinds, f.Kind)
	}
	return kinds
}

// TestARunAndItsRecordingSayTheSame runs the shop, sound and with each of its
// bugs, and judges the recording of the run.
func TestARunAndItsRecordingSayTheSame(t *testing.T) {
	t.Parallel()
	for _, bug := range append([]shop.Bug{{}}, shop.Bugs...) {
		if bug.Probe != "" || bug.Flow != "" {
			continue
		}
		t.Run("bug="+bug.Name, func(t *testing.T) {
			t.Parallel()
			testParity(t, bug, "run.jsonl")
		})
	}
	t.Run("packed", func(t *testing.T) {
		t.Parallel()
		testParity(t, shop.Bug{Name: "double-mail", Kind: "duplicate"}, "run.jsonl.zst")
	})
}

func testParity(t *testing.T, bug shop.Bug, name string) {
	dir := t.TempDir()
	flow, recording := filepath.Join(dir, "order.flow.yaml"), filepath.Join(dir, name)
	text, err := shop.Flows.ReadFile(shop.WholeFlow)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(flow, text, 0o600); err != nil {
		t.Fatal(err)
	}
	live, offline := filepath.Join(dir, "live.json"), filepath.Join(dir, "offline.json")
	a, out, errs := testApp(map[string]string{})
	args := []string{"run", flow, "--record", recording, "--report", "text=-", "--report", "json=" + live}
	code, err := runInShop(t.Context(), bug.Name, a, args)
	if err != nil {
		t.Fatal(err)
	}
	run := judgedIn(t, live)
	switch {
	case bug.Name == "" && code != exitPass, bug.Name != "" && code != exitFail:
		t.Errorf("exit code %d: %s%s", code, out, errs)
	case bug.Name != "" && !slices.Contains(run.kinds(t), bug.Kind):
		t.Errorf("no finding of the kind %s:\n%s", bug.Kind, out)
	}
	b, out, errs := testApp(map[string]string{})
	if again := execute(t.Context(), []string{"verify", flow, recording, "--report", "json=" + offline}, b); again != code {
		t.Errorf("verify ends with %d, the run with %d: %s%s", again, code, out, errs)
	}
	verified := judgedIn(t, offline)
	same(t, "findings", run.Findings, verified.Findings)
	same(t, "unknowns", run.Unknowns, verified.Unknowns)
	same(t, "scenarios", run.Scenarios, verified.Scenarios)
}

func same(t *testing.T, what string, live, offline []byte) {
	t.Helper()
	if !bytes.Equal(live, offline) {
		t.Errorf("other %s offline:\nlive    %s\noffline %s", what, live, offline)
	}
}
