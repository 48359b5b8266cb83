package testbroker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"strings"
	"syscall"
	"time"
)

// process is a child process that can be started, ended and started again.
type process struct {
	path string
	args []string
	env  []string // added to the environment of this process
	dir  string
	log  string     // file that collects what it prints
	user *user.User // whom it runs as; nil: this user

	ready func(context.Context) error // nil error once it answers

	cmd  *exec.Cmd
	gone chan struct{} // closed when the process has ended and was waited for
}

// start starts the process in a process group of its own, so that a Ctrl-C in the terminal does not end it before
// its owner decides to, and returns once it is ready.
func (p *process) start(ctx context.Context) error {
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	// The process lives until it is ended, not until the context of its start is.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), p.path, p.args...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Dir = p.dir
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = asUser(p.user)
	if err := cmd.Start(); err != nil {
		return err
	}
	gone := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is in cmd.ProcessState
		close(gone)
	}()
	p.cmd, p.gone = cmd, gone
	return p.await(ctx)
}

// running tells whether the process was started and has not ended.
func (p *process) running() bool {
	if p.gone == nil {
		return false
	}
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

func (p *process) pid() int {
	if !p.running() {
		return 0
	}
	return p.cmd.Process.Pid
}

// stop ends the process with SIGTERM, or with SIGKILL when it takes longer than grace.
func (p *process) stop(grace time.Duration) error {
	if err := p.end(syscall.SIGTERM, grace); err == nil {
		return nil
	}
	return p.end(syscall.SIGKILL, 10*time.Second)
}

// end sends the signal to the process and its children and waits until the process is gone.
func (p *process) end(sig syscall.Signal, wait time.Duration) error {
	if !p.running() {
		return nil
	}
	pid := p.cmd.Process.Pid
	if err := syscall.Kill(-pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("%s to process %d: %w", sig, pid, err)
	}
	select {
	case <-p.gone:
		return nil
	case <-time.After(wait):
		return fmt.Errorf("process %d is still there %s after %s", pid, wait, sig)
	}
}

// await returns once the process is ready. It fails when the process ends before, or the context does.
func (p *process) await(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := p.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.gone:
			return fmt.Errorf("it ended at once (%s); its last words:\n%s", p.cmd.ProcessState, tail(p.log))
		case <-ctx.Done():
			return fmt.Errorf("%w while waiting for an answer (%w); its last words:\n%s", ctx.Err(), err, tail(p.log))
		case <-tick.C:
		}
	}
}

// tail is the last few lines of a file, indented.
func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(string(bytes.TrimSpace(text)), "\n")
	return "    " + strings.Join(lines[max(0, len(lines)-15):], "\n    ")
}

// connects tells whether something accepts connections at the address.
func connects(ctx context.Context, addr string) error {
	d := net.Dialer{Timeout: 5 * time.Second}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return conn.Close()
}

// answers tells whether a GET of the URL is answered with 200. A login in the URL is sent along.
func answers(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", req.URL.Redacted(), res.Status)
	}
	return nil
}
