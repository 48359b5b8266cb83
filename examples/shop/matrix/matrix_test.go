package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/examples/shop"
)

// TestShardsAreTheMatrix: each cell is in one shard, and none that is done.
func TestShardsAreTheMatrix(t *testing.T) {
	seen := map[cell]int{}
	done := map[cell]bool{{Mode: plain, Bug: "no-dedup", Flow: "billing", Round: 1}: true, {Mode: plain, Flow: "mail", Round: 7}: true}
	for shard := 1; shard <= 3; shard++ {
		for _, c := range plan(config{shard: shard, shards: 3, rounds: 12, copies: 1, part: 1}, done) {
			seen[c]++
		}
	}
	flows := len(shop.FlowNames())
	if want := (len(shop.Bugs)+12)*flows - len(done); len(seen) != want {
		t.Errorf("%d cells, not %d", len(seen), want)
	}
	for c, n := range seen {
		if n != 1 || done[c] {
			t.Errorf("%v %d times", c, n)
		}
	}
	slice := plan(config{shard: 1, shards: 1, slice: true, copies: 1, part: 1}, nil)
	for _, b := range shop.Bugs {
		if !slices.Contains(slice, cell{plain, b.Name, flowOf(b), 1, probeOf(b)}) || len(slice) != len(shop.Bugs) {
			t.Errorf("%s is not in the slice of %d cells", b.Name, len(slice))
		}
	}
	all := plan(config{shard: 1, shards: 1, rounds: 12, copies: 1, part: 1}, nil)
	part := plan(config{shard: 1, shards: 1, rounds: 12, copies: 1, part: 8, seed: 3}, nil)
	other := plan(config{shard: 1, shards: 1, rounds: 12, copies: 1, part: 8, seed: 4}, nil)
	if len(part) != (len(all)+7)/8 || slices.Equal(part, other) {
		t.Errorf("a part of %d cells has %d: %v and %v", len(all), len(part), part, other)
	}
}

const report = `{"scenarios":[{"name":"s","verdict":"pass","probes":[{"name":"duplicate","verdict":"fail"},{"name":"late","verdict":"","off":true}]}],
	"findings":[{"kind":"not-idempotent","probe":"duplicate, at once"},{"kind":"duplicate","probe":"duplicate, in flight"},{"kind":"duplicate","probe":"duplicate"}]}`

func TestTable(t *testing.T) {
	of := func(bug, flow, report string, exit int) result {
		r := result{cell: cell{Mode: plain, Bug: bug, Flow: flow, Round: 1}, Exit: exit}
		if err := r.read([]byte(report)); err != nil {
			t.Fatal(err)
		}
		return r
	}
	sound := strings.NewReplacer("fail", "pass").Replace(report[:strings.Index(report, `"findings"`)] + `"findings":[]}`)
	for _, c := range []struct {
		about   string
		results []result
		wrong   int
		want    string
	}{
		{"found", []result{of("no-dedup", "billing", report, 1)}, 0, "| not-idempotent | duplicate (duplicate, not-idempotent) |"},
		{"missed", []result{of("no-dedup", "billing", sound, 0)}, 1, "**missed**"},
		{"found by another probe", []result{of("lost-update", "profiles", report, 1)}, 1, "**missed**"},
		{"unknown", []result{of("no-dedup", "billing", report, 3)}, 1, "**missed**"},
		{"the flow has the bug", []result{of("no-dedup", "order", report, 1)}, 0, "0 false alarms"},
		{"the flow has it not", []result{of("no-dedup", "mail", report, 1)}, 1, "mail, bug no-dedup, round 1, found by duplicate (duplicate, not-idempotent): s / duplicate: fail"},
		{"the shop has none", []result{of("", "mail", report, 1)}, 1, "1 false alarms"},
		{"sound", []result{of("", "mail", sound, 0)}, 0, "1 runs with 2 verdicts, 0 false alarms"},
	} {
		var out strings.Builder
		if wrong := writeTable(&out, c.results); wrong != c.wrong || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s: %d wrong, and no %q in\n%s", c.about, wrong, c.want, out.String())
		}
	}
}

// Of a verdict that is not as before it is told whether it may differ.
func TestChanges(t *testing.T) {
	of := func(mode, bug, flow, verdict string) result {
		r := result{cell: cell{Mode: mode, Bug: bug, Flow: flow, Round: 1}, Verdicts: map[string]string{"s": "pass", "s / duplicate": verdict}}
		if verdict == "fail" {
			r.Exit, r.Kinds = 1, map[string][]string{"duplicate": {"not-idempotent"}}
		}
		return r
	}
	for _, c := range []struct {
		bug, flow, was, is string
		wrong              int
		want               string
	}{
		{"", "mail", "pass", "fail", 1, "1 of 2 verdicts changed where nothing may be found.\n\n- mail, bug none: s / duplicate: fail instead of pass"},
		{"", "mail", "pass", "pass", 0, "0 of 2 verdicts changed where nothing may be found."},
		{"no-dedup", "mail", "pass", "unknown", 1, "1 of 2 verdicts changed where nothing may be found."},
		{"no-dedup", "billing", "fail", "pass", 1, "1 of 1 bugs changed in the flow that must find them.\n\n- billing, bug no-dedup: missed instead of found"},
		{"no-dedup", "order", "pass", "fail", 0, "1 of 2 verdicts changed in flows that a bug touches.\n\n- order, bug no-dedup: s / duplicate: fail instead of pass"},
	} {
		var out strings.Builder
		wrong := writeChanges(&out, "loaded", []result{of(plain, c.bug, c.flow, c.was)}, []result{of("loaded", c.bug, c.flow, c.is)})
		if wrong != c.wrong || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s on %q, %s then %s: %d wrong in\n%s", c.flow, c.bug, c.was, c.is, wrong, out.String())
		}
	}
}

func TestCopied(t *testing.T) {
	const flow = "timeout: 5s\nscenarios:\n  - name: a\n    send: { to: x }\n  - name: b\n    send: { to: y }\n    cases: [ { n: 1 }, { n: 2 } ]\n    probes: all\nsetup: []\n"
	const want = "timeout: 5s\nscenarios:\n  - name: a\n    cases: [ { copy: 1 }, { copy: 2 } ]\n    send: { to: x }\n" +
		"  - name: b\n    cases: [ { copy: 1, n: 1 }, { copy: 2, n: 1 }, { copy: 1, n: 2 }, { copy: 2, n: 2 } ]\n    send: { to: y }\n    probes: all\nsetup: []\n"
	if got := copied(flow, 2); got != want {
		t.Error(got)
	}
}

// A document keeps what stands before the mark.
func TestDocument(t *testing.T) {
	dir := t.TempDir()
	doc, results := filepath.Join(dir, "m.md"), filepath.Join(dir, "m.jsonl")
	line := `{"mode":"plain","bug":"","flow":"mail","round":1,"began":"2026-11-22T10:00:00Z","took":60,"rounds":5,"verdicts":{"s":"pass"}}`
	for name, text := range map[string]string{doc: "# Title\n" + documentMark + "old", results: line} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := command(t.Context(), []string{"table", "-markdown", doc, results}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(doc)
	if err != nil || !strings.HasPrefix(string(text), "# Title\n"+documentMark+"\n## Plain\n\n22 November 2026, 10:00 UTC: 1 runs of flowcheck, 1 minutes") || strings.Contains(string(text), "old") {
		t.Errorf("%v\n%s", err, text)
	}
	if err := command(t.Context(), []string{"table", "-markdown", results, results}); err == nil || !strings.Contains(err.Error(), "has no line") {
		t.Error(err)
	}
}

// Two runs of one mode are compared, by file.
func TestCompare(t *testing.T) {
	dir := t.TempDir()
	line := `{"mode":"%s","bug":"","flow":"mail","round":1,"began":"2026-11-22T10:00:00Z","took":60,"rounds":5,"verdicts":{"s":"%s"}}` + "\n"
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	pass, fail := write("pass", fmt.Sprintf(line, plain, "pass")), write("fail", fmt.Sprintf(line, plain, "fail"))
	two, none := write("two", fmt.Sprintf(line+line, plain, "pass", "loaded", "fail")), write("none", "")
	for _, c := range []struct{ before, after, want string }{
		{pass, pass, "<nil>"},
		{pass, fail, "1 verdicts changed that must not"},
		{pass, two, "several modes"},
		{none, pass, "no results"},
	} {
		if err := fmt.Sprint(command(t.Context(), []string{"compare", c.before, c.after})); !strings.Contains(err, c.want) {
			t.Errorf("%s and %s: %s, want %s", c.before, c.after, err, c.want)
		}
	}
}

func TestPrefixed(t *testing.T) {
	const flow = "channels:\n  a: { broker: events, topic: orders.dlt, message-id: 'x' }\n  b: { sns: ledger.fifo }\n  c: { exchange: shipping }\ncheck: topic == 1"
	const want = "channels:\n  a: { broker: events, topic: p-orders.dlt, message-id: 'x' }\n  b: { sns: p-ledger.fifo }\n  c: { exchange: p-shipping }\ncheck: topic == 1"
	if got := prefixed(flow, "p-"); got != want {
		t.Error(got)
	}
}

func TestResultsAreResumed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "m.jsonl")
	if all, err := readResults(file); err != nil || all != nil {
		t.Errorf("no file: %v %v", all, err)
	}
	text := `{"mode":"plain","bug":"","flow":"mail","round":1,"error":"broken off"}` + "\n\n" +
		`{"mode":"plain","bug":"","flow":"mail","round":1,"exit":3}` + "\n" + `{"mode":"plain","bug":"x","flow":"mail","round":1}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := readResults(file)
	if err != nil || len(all) != 2 || all[0].Error != "" || all[0].Exit != 3 {
		t.Errorf("%+v %v", all, err)
	}
	if err := os.WriteFile(file, []byte("{\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readResults(file); err == nil || !strings.Contains(err.Error(), "m.jsonl:1:") {
		t.Error(err)
	}
}

func TestParse(t *testing.T) {
	results := "-results=" + filepath.Join(t.TempDir(), "a", "m.jsonl")
	if c, err := parse([]string{results, "-shard=2/3", "-delay=200ms", "-stretch=2"}); err != nil || c.shard != 2 || c.shards != 3 || c.mode() != "delayed by 200ms, deadlines ×2" {
		t.Errorf("%+v %v", c, err)
	}
	for _, args := range [][]string{{"-shard=0/3"}, {"-shard=4/3"}, {"-shard=x"}, {"-rounds=-1"}, {"-stretch=0.5"}, {"-part=0"}} {
		if _, err := parse(append(args, results)); err == nil {
			t.Errorf("%v was taken", args)
		}
	}
	if err := command(t.Context(), []string{"else"}); err == nil || !strings.Contains(err.Error(), "usage") {
		t.Error(err)
	}
	if names := shop.FlowNames(); !slices.Contains(names, "order") {
		t.Error(names)
	}
}
