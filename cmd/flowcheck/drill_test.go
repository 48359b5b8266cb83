package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
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

// TestReplayShowsABug: what is different is told, and what a limit stops is not
// taken for a pass.
func TestReplayShowsABug(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		bug, kind, text string
		args            []string
	}{
		{"wrong-amount", "changed", "paid has other content", nil},
		{"declines-everything", "changed", "the chain has another outcome", nil},
		{"double-mail", "changed", "mailed came more often", nil},
		{"no-dedup", "not-idempotent", "sent once more, it had an effect: paid came more often", []string{"--twice"}},
	} {
		t.Run(c.bug, func(t *testing.T) {
			t.Parallel()
			code, r, errs := drilled(t, c.bug, append(c.args, "--ids", "fresh", "--rate", "unlimited")...)
			found := false
			for _, f := range r.Findings {
				found = found || f.Kind == c.kind && f.Text == c.text
			}
			if code != exitFail || !found {
				t.Errorf("exit code %d: %+v\n%s", code, r.Findings, errs)
			}
		})
	}
}

// TestReplayTwice: the correct shop knows each order again.
func TestReplayTwice(t *testing.T) {
	t.Parallel()
	if code, r, errs := drilled(t, "", "--ids", "fresh", "--rate", "unlimited", "--twice"); code != exitPass {
		t.Errorf("exit code %d: %+v\n%s", code, r, errs)
	}
}

// TestReplayLearnsNoise: the second replay onto a shop finds that the sequences of
// its accounts have gone on, which is a change; what differs between two replays
// of its own is noise, and listed.
func TestReplayLearnsNoise(t *testing.T) {
	t.Parallel()
	e, err := startEmbedded(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.close(); err != nil {
			t.Error(err)
		}
	}()
	for i, c := range []struct {
		args []string
		code int
	}{{nil, exitPass}, {nil, exitFail}, {[]string{"--learn-noise"}, exitPass}} {
		var out, errs bytes.Buffer
		a := processApp()
		a.out, a.err, a.isTerminal, a.adapters = &out, &errs, false, e.adapters()
		args := append([]string{"replay", "../../examples/shop/order.flow.yaml", shopTraffic, "--same-target", "--ids", "fresh", "--rate", "unlimited"}, c.args...)
		for name, url := range e.urls {
			args = append(args, "--broker", name+"="+url)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		code := execute(ctx, args, a)
		cancel()
		noise := strings.Contains(out.String(), "noise     paid body.seq: learnt, ")
		if code != c.code || noise != (c.args != nil) {
			t.Errorf("replay %d: exit code %d, noise %v: %s%s", i+1, code, noise, &out, &errs)
		}
	}
}

// TestReplayStopsAtALimit: it is told how far it came, and it is no pass.
func TestReplayStopsAtALimit(t *testing.T) {
	t.Parallel()
	code, r, errs := drilled(t, "declines-everything", "--ids", "fresh", "--rate", "20/s", "--max-lag", "0", "--max-dead", "0", "--max-findings", "0")
	if code != exitFail || len(r.Unknowns) > 0 {
		t.Errorf("no limit: exit code %d: %+v\n%s", code, r.Unknowns, errs)
	}
	code, r, errs = drilled(t, "wrong-amount", "--ids", "fresh", "--rate", "20/s", "--max-findings", "2")
	if code != exitFail || len(r.Unknowns) == 0 || !strings.Contains(r.Unknowns[len(r.Unknowns)-1].Reason+r.Unknowns[0].Reason, "of 33 messages were sent: a limit was passed") {
		t.Errorf("--max-findings 2: exit code %d: %+v\n%s", code, r.Unknowns, errs)
	}
	code, r, errs = drilled(t, "parks-sound-shipments", "--ids", "fresh", "--rate", "20/s", "--max-dead", "1")
	if code != exitFail || len(r.Unknowns) == 0 {
		t.Errorf("--max-dead 1: exit code %d: %+v\n%s", code, r.Unknowns, errs)
	}
}

// TestLearnLive taps the channels of a file that says nothing else, while the shop
// works, and learns a flow from what goes by.
func TestLearnLive(t *testing.T) {
	t.Parallel()
	e, err := startEmbedded(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.close(); err != nil {
			t.Error(err)
		}
	}()
	file := write(t, "channels.flow.yaml", `flowcheck: 1
flow: live
brokers: { events: "`+e.urls["events"]+`" }
channels:
  # what is tapped
  orders:  { broker: events, topic: orders }
  billing: { broker: events, topic: payments }
`)
	var out, errs output
	a := processApp()
	a.out, a.err, a.isTerminal, a.adapters = &out, &errs, false, e.adapters()
	kept := filepath.Join(t.TempDir(), "kept.jsonl")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	learning, stop := context.WithCancel(ctx)
	defer stop()
	code := make(chan int, 1)
	go func() {
		code <- execute(learning, []string{"learn", "--live", "1m", file, "--keep", kept}, a)
	}()
	await(t, "it records", func() bool { return strings.Contains(errs.String(), "recording to") })
	b := processApp()
	b.out, b.err, b.isTerminal, b.adapters = io.Discard, io.Discard, false, e.adapters()
	args := []string{"replay", "../../examples/shop/order.flow.yaml", shopTraffic, "--same-target", "--ids", "fresh", "--rate", "unlimited"}
	for name, url := range e.urls {
		args = append(args, "--broker", name+"="+url)
	}
	if got := execute(ctx, args, b); got != exitPass && got != exitFail { // on a busy machine the shop may be late
		t.Errorf("the replay ends with %d", got)
	}
	stop() // as Ctrl-C does
	if got := <-code; got != exitPass || !strings.Contains(out.String(), "order: body.orderId") || !strings.Contains(errs.String(), "33 chains, 33 pass") {
		t.Errorf("exit code %d: %s%s", got, &out, &errs)
	}
	if !strings.Contains(fileText(kept), `"channel":"billing"`) {
		t.Error("the recording is not kept")
	}
	if want := "billing: { broker: events, topic: payments"; !strings.Contains(out.String(), want) {
		t.Errorf("the address of the channels file is not taken: no %q in %s", want, &out)
	}
}
