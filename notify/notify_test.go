package notify

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flowcheck/flowcheck/shadow"
)

var update = flag.Bool("update", false, "write the golden payloads anew")

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func finding(id, kind, chain string, after time.Duration) *shadow.Record {
	return &shadow.Record{Time: noon.Add(after), Event: shadow.EventFinding, Flow: "orders", ID: id, Kind: kind, Chain: chain, Step: "paid", Text: kind + " in " + chain}
}

func config() *Config {
	return &Config{GroupBy: []string{"flow"}, Wait: 10 * time.Second, Again: time.Hour, Quiet: 15 * time.Minute, Limit: 30, Page: "https://flowcheck.example"}
}

// TestOneOutageIsOneAlert: ten minutes of findings are told once; more of them an
// hour later; the end when it is quiet.
func TestOneOutageIsOneAlert(t *testing.T) {
	g := &grouper{cfg: config(), groups: map[string]*group{}}
	var told []string
	for s := range 3 * 3600 {
		now := noon.Add(time.Duration(s) * time.Second)
		if s < 600 || s >= 4000 && s < 4010 {
			g.add(finding(fmt.Sprint(s), "missing", fmt.Sprint("o-", s/2), time.Duration(s)*time.Second))
		}
		for _, a := range g.due(now) {
			told = append(told, fmt.Sprintf("%v %s: %s [%s]", a.At.Sub(noon), a.State, a.title(), a.kinds()))
		}
	}
	want := []string{
		"10s firing: orders: 11 findings in 6 chains [11 missing]",
		"24m59s resolved: orders: quiet again after 600 findings [589 missing]",
		"1h6m50s firing: orders: 10 findings in 5 chains [10 missing]",
		"1h21m49s resolved: orders: quiet again after 10 findings []",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
}

func TestMoreOfTheSame(t *testing.T) {
	g := &grouper{cfg: config(), groups: map[string]*group{}}
	var told []string
	for m := range 150 {
		at := time.Duration(m) * time.Minute
		g.add(finding(fmt.Sprint(m), "late", "o-1", at))
		for _, a := range g.due(noon.Add(at)) {
			told = append(told, fmt.Sprintf("%v %s", a.At.Sub(noon), a.title()))
		}
	}
	want := []string{"1m0s orders: 2 findings in 1 chain", "1h1m0s orders: still failing, 60 findings more", "2h1m0s orders: still failing, 60 findings more"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
}

// TestWhatIsTakenBack: a finding that was taken back in time is not told, one that
// was told is over.
func TestWhatIsTakenBack(t *testing.T) {
	g := &grouper{cfg: config(), groups: map[string]*group{}}
	back := func(id string) {
		r := finding(id, "missing", "o-1", time.Second)
		r.Event = shadow.EventWithdrawn
		g.add(r)
	}
	g.add(finding("1", "missing", "o-1", 0))
	back("1")
	if all := g.due(noon.Add(time.Minute)); len(all) != 0 {
		t.Errorf("%+v", all)
	}
	g.add(finding("2", "missing", "o-1", time.Minute))
	g.add(finding("3", "missing", "o-1", time.Minute))
	back("3")
	if all := g.due(noon.Add(2 * time.Minute)); len(all) != 1 || all[0].New != 1 || len(all[0].Examples) != 1 {
		t.Errorf("%+v", all)
	}
	back("2")
	back("2")
	if all := g.due(noon.Add(3 * time.Minute)); len(all) != 1 || all[0].title() != "orders: over, all of it was taken back" {
		t.Errorf("%+v", all)
	}
}

// target is a server that keeps what it is sent.
type target struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	heads  []http.Header
}

func newTarget(t *testing.T, code func(n int) int) *target {
	tg := &target{}
	var n atomic.Int64
	tg.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		tg.mu.Lock()
		defer tg.mu.Unlock()
		tg.bodies, tg.heads = append(tg.bodies, string(data)), append(tg.heads, r.Header)
		w.WriteHeader(code(int(n.Add(1))))
	}))
	t.Cleanup(tg.Close)
	return tg
}

// TestPayloads: what each kind of target is sent, to the byte; what messages hold
// can mention nobody, and link to nothing.
func TestPayloads(t *testing.T) {
	ok := newTarget(t, func(int) int { return http.StatusAccepted })
	g := &grouper{cfg: config(), groups: map[string]*group{}}
	g.add(finding("1", "missing", "o-1", 0))
	g.add(finding("2", "mismatch", "o-2", time.Second))
	g.add(finding("3", "mismatch", "<!channel> <https://evil.example|x> [y](https://evil.example) *b*", 2*time.Second))
	g.add(&shadow.Record{Time: noon, Event: shadow.EventUnknown, Flow: "orders", ID: "4", Reason: "the tap of payments lost messages"})
	alerts := g.due(noon.Add(time.Minute))
	alerts = append(alerts, g.due(noon.Add(time.Hour))...)
	if len(alerts) != 2 {
		t.Fatalf("%+v", alerts)
	}
	alerts[0].Held = 2
	for _, kind := range []string{"webhook", "slack", "teams", "pagerduty"} {
		q := &queue{Target: Target{Name: kind, Kind: kind, URL: ok.URL, Key: "routing-key", Headers: map[string]string{"X-Key": "k"}}}
		q.to = postTo(&q.Target)
		var sent bytes.Buffer
		for i := range alerts {
			if err := q.send(t.Context(), &alerts[i]); err != nil {
				t.Fatal(err)
			}
			if err := json.Indent(&sent, []byte(ok.bodies[len(ok.bodies)-1]), "", "  "); err != nil {
				t.Fatal(err)
			}
			sent.WriteByte('\n')
		}
		if h := ok.heads[len(ok.heads)-1]; h.Get("Content-Type") != "application/json" || h.Get("X-Key") != "k" {
			t.Errorf("%s: %v", kind, h)
		}
		golden := filepath.Join("testdata", kind+".json")
		if *update {
			if err := os.WriteFile(golden, sent.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), sent.String()); diff != "" {
			t.Errorf("%s: %s", kind, diff)
		}
	}
}

// TestTries: what may help is tried again, what cannot is not; and no error has the
// address.
func TestTries(t *testing.T) {
	for _, c := range []struct {
		about string
		code  func(n int) int
		tries int
		ok    bool
	}{
		{"it works at the third", func(n int) int { return map[bool]int{true: 200, false: 503}[n >= 3] }, 3, true},
		{"it never works", func(int) int { return 500 }, tries, false},
		{"too many", func(n int) int { return map[bool]int{true: 200, false: 429}[n >= 2] }, 2, true},
		{"refused", func(int) int { return 403 }, 1, false},
	} {
		tg := newTarget(t, c.code)
		q := &queue{Target: Target{Kind: "webhook", URL: tg.URL + "/a-secret"}}
		q.to = postTo(&q.Target)
		q.to.Pause = time.Millisecond
		err := q.send(t.Context(), &Alert{})
		if (err == nil) != c.ok || len(tg.bodies) != c.tries || err != nil && strings.Contains(err.Error(), "a-secret") {
			t.Errorf("%s: %d tries, %v", c.about, len(tg.bodies), err)
		}
	}
}

// TestNotifier: from records to the lines of a file, with filters, the limit, and
// the counts.
func TestNotifier(t *testing.T) {
	all, late := filepath.Join(t.TempDir(), "all.jsonl"), filepath.Join(t.TempDir(), "late.jsonl")
	var logs bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		cfg := config()
		cfg.GroupBy, cfg.Limit = []string{"flow", "kind"}, 3
		cfg.Targets = []Target{
			{Name: "all", Kind: "file", Path: all, Unknowns: true},
			{Name: "late", Kind: "file", Path: late, Kinds: []string{"late"}, Flows: []string{"orders"}},
			{Name: "other", Kind: "file", Path: "/nowhere/at/all", Flows: []string{"others"}},
		}
		counts := map[string]int{}
		var mu sync.Mutex
		n := Start(cfg, slog.New(slog.NewTextHandler(&logs, nil)), func(target, result string, k int) {
			mu.Lock()
			defer mu.Unlock()
			counts[target+" "+result] += k
		})
		for i, kind := range []string{"missing", "late", "mismatch", "duplicate"} {
			r := finding(fmt.Sprint(i), kind, "o-1", 0)
			r.Time = time.Now()
			n.Told(r)
		}
		n.Told(&shadow.Record{Time: time.Now(), Event: shadow.EventChains, Flow: "orders"})
		<-time.After(20 * time.Second)
		other := finding("9", "late", "o-9", 0)
		other.Flow, other.Time = "others", time.Now()
		n.Told(other)
		synctest.Wait()
		n.Close()
		want := map[string]int{
			"all sent": 3, "all failed": 0, "all dropped": 2, "late sent": 1, "late failed": 0, "late dropped": 0,
			"other sent": 0, "other failed": 1, "other dropped": 0,
		}
		if diff := cmp.Diff(want, counts); diff != "" {
			t.Error(diff)
		}
	})
	for name, want := range map[string]int{all: 3, late: 1} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(data)), "\n")
		if len(lines) != want || !strings.HasPrefix(lines[0], `{"all":1,`) {
			t.Errorf("%s: %s", name, data)
		}
	}
	if !strings.Contains(logs.String(), "limit for an hour") || !strings.Contains(logs.String(), "could not be sent") {
		t.Error(logs.String())
	}
}

func TestLoad(t *testing.T) {
	from := Sources{Env: map[string]string{"SLACK": "https://hooks.slack.example/a-secret"}, ReadFile: func(name string) ([]byte, error) {
		if name == "/run/key" {
			return []byte("a-secret\n"), nil
		}
		return nil, errors.New("no such file: " + name)
	}}
	c, err := Load([]byte(`notify: 1
page: https://flowcheck.example/
group-by: [ flow, kind ]
wait: 30s
targets:
  - slack: ${env.SLACK}
  - { name: oncall, pagerduty: '${file("/run/key")}', kinds: [ missing ] }
  - { webhook: "https://hooks.example/x", headers: { Authorization: 'Bearer ${file("/run/key")}' }, unknowns: true }
`), from)
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Page: "https://flowcheck.example", GroupBy: []string{"flow", "kind"}, Wait: 30 * time.Second, Again: DefaultAgain, Quiet: DefaultQuiet, Limit: DefaultLimit,
		Targets: []Target{
			{Name: "slack-1", Kind: "slack", URL: "https://hooks.slack.example/a-secret", Headers: map[string]string{}},
			{Name: "oncall", Kind: "pagerduty", URL: pagerDuty, Key: "a-secret", Headers: map[string]string{}, Kinds: []string{"missing"}},
			{Name: "webhook-3", Kind: "webhook", URL: "https://hooks.example/x", Headers: map[string]string{"Authorization": "Bearer a-secret"}, Unknowns: true},
		},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
	for text, part := range map[string]string{
		"targets: [ { file: x } ]":            "notify: 1",
		"notify: 1":                           "name one at least",
		"notify: 1\nno: x":                    "no",
		"notify: 1\ntargets: [ { name: x } ]": "none of webhook",
		"notify: 1\ntargets: [ { file: x, slack: https://a } ]":                    "not both",
		"notify: 1\ntargets: [ { slack: '${env.NONE}' } ]":                         "NONE is not set",
		"notify: 1\ntargets: [ { slack: '${env.SLACK' } ]":                         "",
		"notify: 1\ntargets: [ { slack: '${now()}' } ]":                            "${env.NAME}",
		"notify: 1\ntargets: [ { slack: '${file(\"/x\")}' } ]":                     "no such file",
		"notify: 1\ntargets: [ { slack: xyz } ]":                                   "no address",
		"notify: 1\ntargets: [ { file: x, name: a }, { file: y, name: a } ]":       "another is named a",
		"notify: 1\nwait: 5\ntargets: [ { file: x } ]":                             "no duration",
		"notify: 1\ngroup-by: [ kind ]\ntargets: [ { file: x } ]":                  "group-by",
		"notify: 1\npage: x\ntargets: [ { file: x } ]":                             "page",
		"notify: 1\nlimit: -1\ntargets: [ { file: x } ]":                           "limit",
		"notify: 1\ntargets: [ { file: x, headers: { a: b } } ]":                   "for webhook alone",
		"notify: 1\ntargets: [ { slack: 'https://a', url: 'https://b' } ]":         "for pagerduty alone",
		"notify: 1\ntargets: [ { webhook: 'https://a', headers: { a: '${x}' } } ]": "headers: a",
	} {
		if _, err := Load([]byte(text), from); part != "" && (err == nil || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "a-secret")) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
