package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/flowcheck/flowcheck/internal/campaign"
	"github.com/flowcheck/flowcheck/internal/pause"
)

// process is a flowcheck.
type process struct {
	o           options
	flow, state string
	group       string // "": a shadow of its own
	cmd         *exec.Cmd
}

// start starts the process.
func (p *process) start() error {
	log, err := os.Create(p.state + ".log")
	if err != nil {
		return err
	}
	defer log.Close()
	args := []string{"shadow", p.flow, "--state", p.state}
	if p.group != "" {
		args = append(args, "--workers", fmt.Sprintf("group=%s,partitions=8,session=%v", p.group, p.o.session))
	}
	p.cmd = exec.Command(p.o.flowcheck, args...) //nolint:gosec,noctx // killed by kill
	p.cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true")
	p.cmd.Stdout, p.cmd.Stderr = log, log
	return p.cmd.Start()
}

// armed waits until it watches.
func (p *process) armed(ctx context.Context) error {
	return campaign.Wait(ctx, func() (bool, error) {
		data, err := os.ReadFile(p.state + ".log")
		if bytes.Contains(data, []byte("flowcheck: ")) {
			err = errors.New("it has ended")
		}
		return bytes.Contains(data, []byte("every tap is armed")), err
	})
}

// lastWords are the end of its log.
func (p *process) lastWords() string {
	data, _ := os.ReadFile(p.state + ".log")
	return string(data[max(0, len(data)-2000):])
}

// kill ends the process without a word.
func (p *process) kill() {
	if p.cmd != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		p.cmd = nil
	}
}

// leave asks it to end, and waits until it has.
func (p *process) leave() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	err := p.cmd.Wait()
	p.cmd = nil
	var exit *exec.ExitError
	if errors.As(err, &exit) && (exit.ExitCode() == 1 || exit.ExitCode() == 3) {
		return nil // its verdict
	}
	return err
}

// team is the workers of a group.
type team struct {
	o                options
	dir, flow, group string
	all              []*process // those that have ended, too
}

func (t *team) join() error {
	p := &process{o: t.o, flow: t.flow, group: t.group, state: filepath.Join(t.dir, fmt.Sprintf("worker-%d", len(t.all)+1))}
	t.all = append(t.all, p)
	return p.start()
}

func (t *team) killAll() {
	for _, p := range t.all {
		p.kill()
	}
}

// alive is the nth worker that runs.
func (t *team) alive(n int) *process {
	for _, p := range t.all {
		if p.cmd == nil {
			continue
		}
		if n--; n < 0 {
			return p
		}
	}
	return nil
}

// disturb kills a worker, has one join and one leave while the load runs.
func (t *team) disturb(ctx context.Context, length time.Duration) error {
	for step := range 4 {
		if err := pause.For(ctx, length/4); err != nil {
			return err
		}
		var err error
		switch step {
		case 0:
			t.alive(0).kill()
			fmt.Println("one worker was killed")
			if t.alive(0) == nil {
				err = t.join()
			}
		case 1:
			err = t.join()
			fmt.Println("one worker joins")
		case 2:
			err = t.alive(0).leave()
			fmt.Println("one worker has left")
		}
		if err != nil {
			return err
		}
	}
	return nil
}
