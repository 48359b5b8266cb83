// Crashcampaign kills a shadow again and again, under load, and holds what it has
// found against one that nobody disturbs:
//
//	load → Kafka ─┬→ flowcheck shadow, left alone   → findings ─┐
//	              └→ flowcheck shadow, kill -9, … → findings ─┴→ the same?
//
// It needs a Kafka, whose address internal/withbrokers gives it, and a flowcheck.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"
)

// options of a campaign.
type options struct {
	flowcheck, kafka string
	kills            int
	rate             int // chains a second
	seed             uint64
}

func main() {
	var o options
	flag.StringVar(&o.flowcheck, "flowcheck", "bin/flowcheck", "the program")
	flag.StringVar(&o.kafka, "kafka", os.Getenv("FLOWCHECK_TEST_KAFKA"), "the address of a Kafka")
	flag.IntVar(&o.kills, "kills", 200, "how often it is killed")
	flag.IntVar(&o.rate, "rate", 200, "chains that begin in a second")
	flag.Uint64Var(&o.seed, "seed", 1, "of the load and the moments")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := campaign(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "crash campaign:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

// campaign runs the load, the one shadow and the other, and compares.
func campaign(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "crashcampaign")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l, err := newLoad(o)
	if err != nil {
		return err
	}
	defer l.close()
	flow := filepath.Join(dir, "campaign.flow.yaml")
	if err := os.WriteFile(flow, []byte(l.flow()), 0o600); err != nil {
		return err
	}
	calm := &shadow{o: o, flow: flow, state: filepath.Join(dir, "calm")}
	victim := &shadow{o: o, flow: flow, state: filepath.Join(dir, "victim")}
	defer calm.kill()
	defer victim.kill()
	for _, s := range []*shadow{calm, victim} {
		if err := s.start(ctx); err != nil {
			return err
		}
	}
	// A chain of the first seconds may have begun before the taps did, which did not
	// begin at the same moment.
	if err := rest(ctx, 8*time.Second); err != nil {
		return err
	}
	began := time.Now()
	loading, end := context.WithCancel(ctx)
	sent := make(chan error, 1)
	go func() { sent <- l.run(loading) }()
	err = killing(ctx, victim, o)
	end()
	if sendErr := <-sent; err == nil {
		err = sendErr
	}
	if err != nil {
		return err
	}
	fmt.Printf("%d kills in %v, %d chains, %d messages sent; waiting until all is judged\n", o.kills, time.Since(began).Round(time.Second), l.chains, l.messages)
	return compare(ctx, calm, victim, l)
}

// killing kills the victim at random moments, and starts it again.
func killing(ctx context.Context, victim *shadow, o options) error {
	rng := rand.New(rand.NewPCG(o.seed, 2)) //nolint:gosec // moments, no secrets
	for n := range o.kills {
		if err := rest(ctx, time.Duration(rng.IntN(1500))*time.Millisecond); err != nil {
			return err
		}
		victim.kill()
		if err := victim.start(ctx); err != nil {
			return fmt.Errorf("after kill %d: %w", n+1, err)
		}
	}
	return nil
}

// rest waits.
func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// shadow is a flowcheck process.
type shadow struct {
	o           options
	flow, state string
	cmd         *exec.Cmd
	log         *os.File
}

// start starts the process. The first time it waits until its taps are armed;
// after that it may be killed before they are.
func (s *shadow) start(ctx context.Context) error {
	first := s.log == nil
	if first {
		log, err := os.Create(s.state + ".log")
		if err != nil {
			return err
		}
		s.log = log
	}
	s.cmd = exec.Command(s.o.flowcheck, "shadow", s.flow, "--state", s.state) //nolint:gosec,noctx // killed by kill
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	if !first {
		return nil
	}
	return wait(ctx, func() (bool, error) {
		data, err := os.ReadFile(s.log.Name())
		return contains(data, "every tap is armed"), err
	})
}

// kill ends the process without a word.
func (s *shadow) kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// wait looks until it is so, for five minutes.
func wait(ctx context.Context, is func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := is()
		if ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
