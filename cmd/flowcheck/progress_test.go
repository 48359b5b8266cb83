package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/scenarios"
)

// TestProgressIsForTerminals: one line that is written over, nowhere else.
func TestProgressIsForTerminals(t *testing.T) {
	for _, c := range []struct {
		name     string
		terminal bool
		env      map[string]string
		want     bool
	}{
		{"a terminal", true, nil, true},
		{"a file", false, nil, false},
		{"CI", true, map[string]string{"CI": "true"}, false},
		{"a dumb terminal", true, map[string]string{"TERM": "dumb"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			now := time.Unix(0, 0)
			a := &app{err: &out, env: c.env, isTerminal: c.terminal, now: func() time.Time { return now }}
			p := a.newProgress()
			for i := range 10 { // half of them come too soon after another
				p.show(scenarios.Progress{Stage: "running", Scenarios: 4, Done: i, Messages: 7, Waiting: strings.Repeat("paid may still come ", 10)})
				now = now.Add(progressInterval / 2)
			}
			p.clear()
			shown := strings.Split(out.String(), "\r\x1b[K")
			if got := out.Len() > 0; got != c.want {
				t.Fatalf("it shows %q", out.String())
			}
			if !c.want {
				return
			}
			if len(shown) != 7 || shown[len(shown)-1] != "" || strings.Contains(out.String(), "\n") {
				t.Errorf("it shows %q", shown)
			}
			if first := shown[1]; !strings.HasPrefix(first, "running: 0 of 4 scenarios, 7 messages, 0s, waiting: paid may") || len([]rune(first)) > 110 {
				t.Errorf("it shows %q", first)
			}
		})
	}
}
