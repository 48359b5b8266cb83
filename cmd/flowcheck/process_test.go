package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what must come.
const patience = 2 * time.Minute

// process is flowcheck as a process of its own.
type process struct {
	testing.TB
	cmd       *exec.Cmd
	out, errs output
	ended     chan struct{} // closed when it has
}

// output is what a process has printed so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// start starts flowcheck. It is killed if the test ends before it does.
func start(t testing.TB, args ...string) *process {
	t.Helper()
	return startCommand(t, "flowcheck", args...)
}

func startCommand(t testing.TB, name string, args ...string) *process {
	t.Helper()
	p := &process{TB: t, cmd: exec.CommandContext(t.Context(), name, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.errs
	p.cmd.Env = append(os.Environ(), "AWS_EC2_METADATA_DISABLED=true")
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // how it ended is in cmd.ProcessState
	}()
	return p
}

// await waits until what asks for is so.
func (p *process) await(what string, ask func() bool) {
	p.Helper()
	await(p, what, ask)
}

func await(t testing.TB, what string, ask func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ask() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// code waits for the end and returns the exit code, -1 for a signal. A stack
// trace in what it printed is an error.
func (p *process) code() int {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), patience)
	defer cancel()
	select {
	case <-p.ended:
	case <-ctx.Done():
		p.Fatalf("flowcheck does not end; it said:\n%s%s", &p.out, &p.errs)
	}
	for _, text := range []string{p.out.String(), p.errs.String()} {
		if strings.Contains(text, "goroutine ") || strings.Contains(text, "panic:") {
			p.Errorf("a stack trace:\n%s", text)
		}
	}
	return p.cmd.ProcessState.ExitCode()
}

// end sends the signal and checks the exit code.
func (p *process) end(sig os.Signal, want int) {
	p.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.Fatal(err)
	}
	if got := p.code(); got != want {
		p.Errorf("exit code %d instead of %d; it said:\n%s%s", got, want, &p.out, &p.errs)
	}
}

// says checks what was printed to standard error.
func (p *process) says(pattern string) {
	p.Helper()
	if !regexp.MustCompile(pattern).MatchString(p.errs.String()) {
		p.Errorf("it does not say %q but:\n%s", pattern, &p.errs)
	}
}

// fileHas reports whether the file has a line that begins so.
func fileHas(name, line string) bool {
	data, err := os.ReadFile(name)
	return err == nil && (bytes.HasPrefix(data, []byte(line)) || bytes.Contains(data, []byte("\n"+line)))
}

// write puts a file into a folder of the test's own.
func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
