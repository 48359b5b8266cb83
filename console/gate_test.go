package console_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/console"
)

func (r *rig) gate(query string) console.GateAnswer {
	r.t.Helper()
	var a console.GateAnswer
	if err := json.Unmarshal([]byte(r.get("/api/gate?"+query)), &a); err != nil {
		r.t.Fatal(err)
	}
	return a
}

// TestGate: the verdicts of the contracts, and the same after a restart.
func TestGate(t *testing.T) {
	r := newRig(t, "")
	r.order("o-1", 5, 5)
	r.order("o-2", 5, 5)
	until(t, "a pass", func() bool { return r.gate("flow=orders&min-chains=2").Verdict == "pass" })
	if a := r.gate("flow=orders&min-chains=3"); a.Verdict != "unknown" || a.Why != "2 chains closed, 3 must" {
		t.Errorf("%+v", a)
	}
	r.order("o-3", 5, 6)
	until(t, "a fail", func() bool { return r.gate("flow=orders&since=15m").Verdict == "fail" })
	for range 2 {
		// A chain that closed just before a restart may be counted again.
		if a := r.gate("flow=orders"); a.Failed != 1 || a.Chains < 3 || a.Chains > 6 || a.Since != 900 {
			t.Errorf("%+v", a)
		}
		until(t, "ready", func() bool { return r.gate("flow=orders&max-fail=1&min-chains=3").Verdict == "pass" })
		if code, body := r.ask(http.MethodPost, "/api/gate?flow=orders&max-fail=1", nil); code != http.StatusOK {
			t.Errorf("%d %s", code, body)
		}
		if code, _ := r.ask(http.MethodPost, "/api/gate?flow=orders", nil); code != http.StatusConflict {
			t.Errorf("%d", code)
		}
		if code, _ := r.ask(http.MethodPost, "/api/gate?flow=orders&max-fail=1&min-chains=99", nil); code != http.StatusServiceUnavailable {
			t.Errorf("%d", code)
		}
		r.stop()
		r.start()
	}
	r.status.Armed.Store(false)
	if a := r.gate("flow=orders&max-fail=1&min-chains=3"); a.Verdict != "unknown" || a.Ready {
		t.Errorf("%+v", a)
	}
	for query, want := range map[string]int{
		"": 400, "flow=nobody": 404, "flow=orders&since=25h": 400, "flow=orders&since=-1s": 400, "flow=orders&since=x": 400, "flow=orders&max-fail=-1": 400, "flow=orders&min-chains=x": 400,
	} {
		if code, body := r.ask(http.MethodGet, "/api/gate?"+query, nil); code != want {
			t.Errorf("%s: %d %s", query, code, body)
		}
	}
}

// TestALateMessageOpensTheGate: a finding that was taken back is none.
func TestALateMessageOpensTheGate(t *testing.T) {
	r := newRig(t, "")
	r.produce("orders", map[string]any{"order": "o-1", "amount": 5})
	until(t, "missing", func() bool { return strings.Contains(r.get("/api/findings"), `"missing"`) })
	r.produce("payments", map[string]any{"order": "o-1", "amount": 5})
	until(t, "late, and missing no more", func() bool {
		all := r.get("/api/findings")
		return strings.Contains(all, `"late"`) && !strings.Contains(all, `"missing"`)
	})
	if a := r.gate("flow=orders"); a.Failed != 1 {
		t.Errorf("%+v", a)
	}
}
