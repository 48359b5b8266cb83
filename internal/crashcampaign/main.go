// Crashcampaign kills a shadow again and again, and cuts its connections, under
// load, and holds what it has found against one that nobody disturbs:
//
//	load → Kafka, RabbitMQ, SNS ─┬────────→ flowcheck shadow, left alone → findings ─┐
//	                             └→ proxy → flowcheck shadow, kill -9, …  → findings ─┴→ the same?
//
// It needs the brokers, whose addresses internal/withbrokers gives it, and a flowcheck.
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

	"github.com/flowcheck/flowcheck/internal/campaign"
	"github.com/flowcheck/flowcheck/internal/pause"
	"github.com/flowcheck/flowcheck/internal/testbroker"
	"github.com/flowcheck/flowcheck/scenarios/proxy"
)

// options of a campaign.
type options struct {
	flowcheck              string
	kafka, rabbitmq, cloud string
	behind, proxy          string // Kafka's listener behind a proxy, and where that has to listen
	kills, cuts            int
	rate                   int // chains a second
	seed                   uint64
}

func main() {
	var o options
	flag.StringVar(&o.flowcheck, "flowcheck", "bin/flowcheck", "the program")
	o.brokers()
	flag.IntVar(&o.cuts, "cuts", 60, "how often a connection is cut")
	flag.IntVar(&o.kills, "kills", 200, "how often it is killed")
	flag.IntVar(&o.rate, "rate", 60, "chains that begin in a second")
	flag.Uint64Var(&o.seed, "seed", 1, "of the load and the moments")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := hold(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "crash campaign:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

// hold runs the load, the one shadow and the other, and compares.
func hold(ctx context.Context, o options) error {
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
	disturbed := filepath.Join(dir, "disturbed.flow.yaml")
	ways, err := newProxies(o)
	if err != nil {
		return err
	}
	defer ways.close() //nolint:errcheck // it has none
	for name, at := range map[string]addresses{flow: o.direct(), disturbed: ways.at} {
		if err := os.WriteFile(name, []byte(l.flow(at)), 0o600); err != nil {
			return err
		}
	}
	calm := &shadow{o: o, flow: flow, state: filepath.Join(dir, "calm")}
	victim := &shadow{o: o, flow: disturbed, state: filepath.Join(dir, "victim")}
	defer calm.kill()
	defer victim.kill()
	for _, s := range []*shadow{calm, victim} {
		if err := s.start(ctx); err != nil {
			return err
		}
	}
	// A chain of the first seconds may have begun before the taps did, which did not
	// begin at the same moment.
	if err := pause.For(ctx, 8*time.Second); err != nil {
		return err
	}
	began := time.Now()
	loading, end := context.WithCancel(ctx)
	sent := make(chan error, 1)
	go func() { sent <- l.run(loading) }()
	err = disturb(ctx, victim, ways)
	end()
	if sendErr := <-sent; err == nil {
		err = sendErr
	}
	if err != nil {
		return err
	}
	fmt.Printf("%d kills and %d cuts in %v, %d chains, %d messages sent; waiting until all is judged\n", o.kills, o.cuts, time.Since(began).Round(time.Second), l.chains, l.messages)
	return compare(ctx, calm, victim, l)
}

// brokers takes the addresses from the environment.
func (o *options) brokers() {
	o.kafka, o.rabbitmq, o.cloud = os.Getenv(testbroker.EnvKafka), os.Getenv(testbroker.EnvRabbitMQ), os.Getenv(testbroker.EnvMinistack)
	o.behind, o.proxy = os.Getenv(testbroker.EnvBehind), os.Getenv(testbroker.EnvProxy)
}

// disturb kills the victim at random moments, and starts it again, and between
// that cuts its connections to one of the brokers.
func disturb(ctx context.Context, victim *shadow, ways *proxies) error {
	o := victim.o
	rng := rand.New(rand.NewPCG(o.seed, 2)) //nolint:gosec // moments, no secrets
	cuts := 0
	for n := range o.kills {
		if err := pause.For(ctx, time.Duration(rng.IntN(1500))*time.Millisecond); err != nil {
			return err
		}
		for ; cuts < (n+1)*o.cuts/o.kills; cuts++ {
			if err := cut(ctx, ways.all[rng.IntN(len(ways.all))], time.Duration(rng.IntN(1000))*time.Millisecond); err != nil {
				return err
			}
			if err := pause.For(ctx, time.Duration(rng.IntN(1500))*time.Millisecond); err != nil {
				return err
			}
		}
		victim.kill()
		if err := victim.start(ctx); err != nil {
			return fmt.Errorf("after kill %d: %w", n+1, err)
		}
	}
	return nil
}

// cut closes the connections of a proxy, and lets none through for a while.
func cut(ctx context.Context, way *proxy.Proxy, away time.Duration) error {
	if err := way.Disturb(proxy.Cut); err != nil {
		return err
	}
	if err := pause.For(ctx, away); err != nil {
		return err
	}
	return way.Restore(ctx, proxy.Cut)
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
	s.cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true")
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	if !first {
		return nil
	}
	return campaign.Wait(ctx, func() (bool, error) {
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
