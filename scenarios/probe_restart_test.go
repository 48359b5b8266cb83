package scenarios_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/flows"
)

// restartable is the chain with a hook.
func restartable(url string) string {
	return probed("[ restart ]") + "hooks: { restart: { post: \"" + url + "\", headers: { authorization: secret } } }\n"
}

// A restart is asked for while the trigger is sent, after it, and after each step
// but the last; what the system loses or doubles by it is found. The clock is the
// real one: the hook is a call.
func TestRestart(t *testing.T) {
	for _, c := range []struct {
		name string
		// forgets: what is under way is lost; doubles: it is done again.
		forgets, doubles bool
		status           int
		want             string
	}{
		{"sound", false, false, 204, "restart pass"},
		{"loses what is under way", true, false, 204, "restart fail (after paid fail)"},
		{"does it again", false, true, 204, "restart fail (after paid fail)"},
		{"cannot be restarted", false, false, 500, "restart unknown (while the trigger was sent unknown, after the trigger unknown, after paid unknown, after packed unknown)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			holds := c.forgets || c.doubles
			underWay := make(chan struct{}) // the system works on paid until it is restarted after it, which is the third time
			restarted := atomic.Int64{}
			hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				if q.Header.Get("authorization") != "secret" || q.Method != http.MethodPost {
					t.Errorf("%s %v", q.Method, q.Header)
				}
				if restarted.Add(1) == 3 && holds {
					select {
					case underWay <- struct{}{}:
					case <-ctx.Done():
					}
				}
				w.WriteHeader(c.status)
			}))
			defer hook.Close()
			r := newRig(t, strings.Replace(restartable(hook.URL), "correlate:", "timeout: 1s\nsettle: 50ms\ncorrelate:", 1), memory.Options{})
			// Of the try that restarts after paid, the work on paid waits for the restart.
			result, _ := r.runWith(func(from string, b body) []out {
				if from != "b" || !holds || !r.tryIs(b["id"], "after paid") {
					return []out{{after: 100 * time.Millisecond, body: b}} // so that it can be disturbed
				}
				select {
				case <-underWay:
				case <-ctx.Done():
				}
				if c.forgets {
					return nil
				}
				return []out{{body: b}, {body: b}}
			})
			tell(t, result)
			if got := verdicts(result); got != c.want {
				t.Errorf("probes %q, want %q", got, c.want)
			}
			if restarted.Load() != 4 {
				t.Errorf("restarted %d times", restarted.Load())
			}
			kind := map[bool]string{true: "missing packed", false: "duplicate packed"}[c.forgets]
			if holds && !strings.Contains(kinds(result), kind) {
				t.Errorf("findings %s", kinds(result))
			}
			if strings.Contains(strings.Join(result.Warnings, "")+unknowns(result), "secret") {
				t.Error("a secret is told")
			}
		})
	}
}

// What a restart has the system do again of a chain that is long over is told with the
// restart that it came by. The clock is the real one: the hook is a call.
func TestRestartThatTouchesAnother(t *testing.T) {
	t.Parallel()
	var r *rig
	first := make(chan body, 100) // on a, the scenario's own before all
	var restarted atomic.Int64
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if restarted.Add(1) == 1 {
			r.emit("b", <-first)
		}
	}))
	defer hook.Close()
	r = newRig(t, strings.Replace(restartable(hook.URL), "correlate:", "timeout: 1s\nsettle: 50ms\ncorrelate:", 1), memory.Options{})
	result, _ := r.runWith(func(from string, b body) []out {
		if from == "a" {
			first <- b
		}
		return []out{{after: 100 * time.Millisecond, body: b}}
	})
	tell(t, result)
	at := slices.IndexFunc(result.Findings, func(f flows.Finding) bool { return f.Kind == flows.Duplicate && f.Step == "paid" })
	if at < 0 {
		t.Fatalf("findings %s", kinds(result))
	}
	told := regexp.MustCompile(`; it came \d\S+s after what was tried here was over, during the probe restart of "through" \(while the trigger was sent\)$`)
	if got := result.Findings[at].Actual; !told.MatchString(got) {
		t.Errorf("%q", got)
	}
}

// A chain that is over when it could be disturbed says nothing of the probe: another
// is tried, and in the end it is not known. The clock is the real one.
func TestRestartThatComesTooLate(t *testing.T) {
	for _, c := range []struct {
		name   string
		slowly int // the first try whose chain goes on after paid
		quick  int // the first try whose chain is over at once
		want   string
		hooks  int64
		told   string
	}{
		{"at first", 3, 100, "restart pass", 3, ""},
		{"whenever paid is awaited", 100, 100, "restart pass", 3, "the system was restarted when paid was due, by the clock, "},
		{"always", 100, 6, "restart unknown (after paid unknown)", 2 + 5, "each time the chain was over before it could be disturbed, by the clock as well"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var restarted atomic.Int64
			hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { restarted.Add(1) }))
			defer hook.Close()
			text := forked("[ restart ]") + "hooks: { restart: { post: \"" + hook.URL + "\" } }\n"
			r := newRig(t, strings.Replace(text, "correlate:", "timeout: 1s\nsettle: 50ms\ncorrelate:", 1), memory.Options{})
			tries := 0
			result, _ := r.runWith(func(from string, b body) []out {
				if from != "a" {
					return nil
				}
				first, then, after := "c", "b", 100*time.Millisecond
				if r.tryIs(b["id"], "after paid") {
					if tries++; tries >= c.slowly {
						first, then = then, first
					}
					if tries >= c.quick {
						after = 0
					}
				}
				return []out{{body: b, to: first}, {after: after, body: b, to: then}}
			})
			tell(t, result)
			if got := verdicts(result); got != c.want || restarted.Load() != c.hooks {
				t.Errorf("probes %q, want %q; restarted %d times, want %d", got, c.want, restarted.Load(), c.hooks)
			}
			if all := unknowns(result) + fmt.Sprint(result.Scenarios); !strings.Contains(all, c.told) {
				t.Error(all)
			}
		})
	}
}

// tryIs reports whether the id is that of a try.
func (r *rig) tryIs(id any, name string) bool {
	r.tape.mu.Lock()
	defer r.tape.mu.Unlock()
	for _, e := range r.tape.events {
		if m := e.Mark; m != nil && m.ID == id && m.Probe != nil && m.Probe.Try == name {
			return true
		}
	}
	return false
}

func unknowns(result *flows.Result) string {
	var all []string
	for _, u := range result.Unknowns {
		all = append(all, u.Reason)
	}
	return strings.Join(all, "\n")
}

// Without a hook the probe cannot be tried, and a hook that nobody answers is told.
func TestRestartThatCannotBe(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + listener.Addr().String()
	if err := errors.Join(listener.Close()); err != nil {
		t.Fatal(err)
	}
	for flow, want := range map[string]string{
		probed("[ restart ]"): "the flow has no hook that restarts the system",
		restartable(url):      "hooks.restart: POST",
	} {
		r := newRig(t, flow, memory.Options{})
		result, _ := r.runWith(honest)
		if result.State != flows.NotKnown || !strings.Contains(unknowns(result), want) {
			t.Errorf("%s: %s, want %q", result.State, unknowns(result), want)
		}
	}
}
