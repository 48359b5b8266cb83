package scenarios_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/flows"
)

// restartedInCases is a hook that counts, and the chain with it in three cases.
func restartedInCases(t *testing.T) (text string, restarted *atomic.Int64) {
	t.Helper()
	restarted = &atomic.Int64{}
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { restarted.Add(1) }))
	t.Cleanup(hook.Close)
	text = strings.Replace(restartable(hook.URL), "correlate:", "timeout: 1s\nsettle: 50ms\ncorrelate:", 1)
	return strings.Replace(text, "    probes:", "    cases: [ { n: 1 }, { n: 2 }, { n: 3 } ]\n    probes:", 1), restarted
}

// steadily is honest, and slow enough to be disturbed in mid-chain.
func steadily(_ string, b body) []out { return []out{{after: 150 * time.Millisecond, body: b}} }

// Tries that restart the system at the same moment share the restart, and each of
// them tells of it.
func TestTriesShareARestart(t *testing.T) {
	t.Parallel()
	text, restarted := restartedInCases(t)
	r := newRig(t, text, memory.Options{})
	result, _ := r.runWith(steadily)
	tell(t, result)
	if got := verdicts(result); got != "restart pass; restart pass; restart pass" {
		t.Error(got)
	}
	// One that came too late is made again; without sharing there are 12.
	if n := restarted.Load(); n < 4 || n > 8 {
		t.Errorf("restarted %d times for 3 cases, not 4", n)
	}
	for _, s := range result.Scenarios {
		for _, try := range s.Probes[0].Tries {
			if len(try.Did) != 1 || !strings.HasPrefix(try.Did[0].What, "the system was restarted") {
				t.Errorf("%s of %s did %v", try.Name, s.Name, try.Did)
			}
		}
	}
}

// With FailFast a scenario's probe ends with the first try that fails, and says so;
// the other scenarios' goes on.
func TestFailFast(t *testing.T) {
	t.Parallel()
	text, restarted := restartedInCases(t)
	r := newRig(t, text, memory.Options{})
	r.cfg.FailFast = true
	var lost atomic.Value // the id of the one that loses a message
	result, _ := r.runWith(func(from string, b body) []out {
		if from == "b" && r.tryIs(b["id"], "after the trigger") && lost.CompareAndSwap(nil, b["id"]) {
			return nil
		}
		return steadily(from, b)
	})
	tell(t, result)
	failed := 0
	for _, s := range result.Scenarios {
		if p := s.Probes[0]; p.State == flows.Fail {
			failed++
			if len(p.Tries) != 2 || p.Reason != "2 further tries were left out, since one had failed" {
				t.Errorf("%d tries, %q", len(p.Tries), p.Reason)
			}
		} else if p.State != flows.Pass || len(p.Tries) != 4 {
			t.Errorf("%s: %v with %d tries", s.Name, p.State, len(p.Tries))
		}
	}
	if n := restarted.Load(); failed != 1 || n < 4 || n > 8 {
		t.Errorf("%d failed, %d restarts", failed, restarted.Load())
	}
}
