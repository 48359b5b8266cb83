package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/flowcheck/flowcheck/scenarios"
)

// progress is one line on a terminal, rewritten as a run goes on; nothing
// elsewhere, nor in CI.
type progress struct {
	w     io.Writer
	on    bool
	shown bool
	last  time.Time
	mu    sync.Mutex
	now   func() time.Time
}

func (a *app) newProgress() *progress {
	return &progress{w: a.err, on: a.isTerminal && a.env["CI"] == "" && a.env["TERM"] != "dumb", now: a.now}
}

// progressInterval is how often the line changes at most.
const progressInterval = 100 * time.Millisecond

func (p *progress) show(s scenarios.Progress) {
	line := fmt.Sprintf("%s: %d of %d scenarios, %d messages, %v", s.Stage, s.Done, s.Scenarios, s.Messages, s.Since.Round(time.Second))
	switch {
	case s.Waiting != "":
		line += ", waiting: " + s.Waiting
	case s.WatchingForDoubles > 0:
		line += ", watching for doubles"
	}
	p.line(line)
}

// line shows a line, at most ten a second. It may be called from any goroutine.
func (p *progress) line(line string) {
	if !p.on {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown && p.now().Sub(p.last) < progressInterval {
		return
	}
	p.last, p.shown = p.now(), true
	const width = 110
	if r := []rune(line); len(r) > width {
		line = string(r[:width-1]) + "…"
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s", line)
}

// clear takes the line away.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
