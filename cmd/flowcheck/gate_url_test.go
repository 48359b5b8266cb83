package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/console"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/shadow"
)

// TestGateOfARunningShadow: the exit codes of the contracts, over HTTP.
func TestGateOfARunningShadow(t *testing.T) {
	const token = "a-token-of-some-length"
	status := &shadow.Status{}
	c := console.New(console.Config{
		Flows: []*flows.Flow{{Name: "orders"}}, Status: status, Token: token, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	address, err := c.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	elsewhere := httptest.NewServer(http.RedirectHandler("http://"+address.String()+"/api/gate", http.StatusFound))
	defer elsewhere.Close()
	ask := func(env map[string]string, args ...string) (code int, out string) {
		var b bytes.Buffer
		a := &app{out: &b, err: &b, in: strings.NewReader(""), env: env, now: time.Now}
		code = execute(t.Context(), append([]string{"gate", "--url", "http://" + address.String(), "--flow", "orders"}, args...), a)
		return code, b.String()
	}
	expect := func(about string, want int, text string, args ...string) {
		t.Helper()
		code, out := ask(nil, append([]string{"--token-file", file}, args...)...)
		if code != want || !strings.Contains(out, text) || strings.Contains(out, token) {
			t.Errorf("%s: exit code %d, %s", about, code, out)
		}
	}
	expect("not armed", exitUnknown, "unknown: the taps are not armed yet")
	status.Armed.Store(true)
	expect("too few", exitUnknown, "unknown: 0 chains closed, 1 must")
	c.Closed("orders", &flows.Judgement{Closed: true, State: flows.Pass})
	expect("well", exitPass, "orders: in the last 15m0s 1 chain closed, 0 failed, 0 reasons of unknowns")
	c.Told(&shadow.Record{Time: time.Now(), Event: shadow.EventFinding, Flow: "orders", ID: "1", Chain: "o-1", Kind: "missing"})
	expect("failed", exitFail, "1 failed")
	expect("may fail", exitPass, "1 failed", "--max-fail", "1")
	c.Told(&shadow.Record{Time: time.Now(), Event: shadow.EventFinding, Flow: "orders", ID: "2", Chain: "o-2", Kind: "missing"})
	expect("another", exitFail, "2 failed", "--max-fail", "1")
	c.Told(&shadow.Record{Time: time.Now(), Event: shadow.EventWithdrawn, Flow: "orders", ID: "2", Chain: "o-2", Kind: "missing"})
	expect("taken back", exitPass, "1 failed", "--max-fail", "1")
	expect("no such flow", exitInput, "is not watched here: there are orders", "--flow", "nobody")
	expect("too long ago", exitInput, "ask the findings file", "--since", "48h")
	expect("a redirect", exitUnknown, "answers 302", "--url", elsewhere.URL)
	if code, out := ask(map[string]string{"FLOWCHECK_TOKEN": "wrong-wrong-wrong-wrong"}); code != exitUnknown || !strings.Contains(out, "refuses") {
		t.Errorf("%d %s", code, out)
	}
	if code, out := ask(map[string]string{"FLOWCHECK_TOKEN": token}, "--max-fail", "1"); code != exitPass {
		t.Errorf("%d %s", code, out)
	}
}

// TestWhatAShadowLogs: findings as JSON, without what was in the messages, and not
// more than can be read.
func TestWhatAShadowLogs(t *testing.T) {
	var b bytes.Buffer
	l := newFindingsLog(slog.New(slog.NewJSONHandler(&b, nil)))
	l.limit.SetBurst(3)
	l.limit.SetLimit(0)
	for range 9 {
		l.Told(&shadow.Record{Event: shadow.EventFinding, Flow: "orders", ID: "1", Kind: "mismatch", Chain: "o-1", Text: "does not hold", Actual: "body.amount = 7"})
	}
	l.limit.SetBurst(4)
	l.limit.SetLimit(1e9)
	l.Told(&shadow.Record{Event: shadow.EventChains, Flow: "orders"})
	l.Told(&shadow.Record{Event: shadow.EventWithdrawn, Flow: "orders", ID: "1"})
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 5 || !strings.Contains(lines[3], `"skipped":6`) || !strings.Contains(lines[4], `"INFO","msg":"withdrawn"`) {
		t.Errorf("%d lines: %s", len(lines), &b)
	}
	if !strings.Contains(lines[0], `"level":"WARN","msg":"finding","flow":"orders","id":"1","chain":"o-1","kind":"mismatch","text":"does not hold"`) || strings.Contains(b.String(), "amount") {
		t.Error(lines[0])
	}
}
