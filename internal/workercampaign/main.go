// Workercampaign has several flowcheck workers share the work of a shadow, kills
// one, lets one leave and one join, and holds what they have found together against
// a shadow of one process that nobody disturbs:
//
//	load → Kafka ─┬→ flowcheck shadow                     → findings ─┐
//	              └→ flowcheck shadow --workers, n of them → findings ─┴→ the same?
//
// With -all the load is on RabbitMQ and SNS as well. It needs the brokers, whose
// addresses internal/withbrokers gives it, and a flowcheck.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/internal/pause"
	"github.com/flowcheck/flowcheck/internal/testbroker"
)

// options of a campaign.
type options struct {
	flowcheck string
	kafka     string
	rabbitmq  string
	cloud     string // SNS
	all       bool   // the load is on all of them
	workers   string // numbers of processes, one campaign after the other
	rate      int    // chains a second
	length    time.Duration
	session   time.Duration
	seed      uint64
	bench     int // messages of a backlog; 0: no bench
}

func main() {
	o := options{kafka: os.Getenv(testbroker.EnvKafka), rabbitmq: os.Getenv(testbroker.EnvRabbitMQ), cloud: os.Getenv(testbroker.EnvMinistack)}
	flag.StringVar(&o.flowcheck, "flowcheck", "bin/flowcheck", "the program")
	flag.StringVar(&o.workers, "workers", "1,2,4", "how many processes, one campaign after the other")
	flag.IntVar(&o.rate, "rate", 100, "chains that begin in a second")
	flag.DurationVar(&o.length, "length", time.Minute, "of the load")
	flag.DurationVar(&o.session, "session", 6*time.Second, "after which a worker that was killed is missed")
	flag.Uint64Var(&o.seed, "seed", 1, "of the load")
	flag.BoolVar(&o.all, "all", false, "the load is on Kafka, RabbitMQ and SNS")
	flag.IntVar(&o.bench, "bench", 0, "instead, measure how fast so many messages are judged")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	for n := range strings.SplitSeq(o.workers, ",") {
		workers, err := strconv.Atoi(n)
		if err == nil && o.bench > 0 {
			err = bench(ctx, o, workers)
		} else if err == nil {
			err = share(ctx, o, workers)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "worker campaign, %s processes: %v\n", n, err)
			stop()
			os.Exit(1) //nolint:gocritic // stop has been called
		}
	}
}

// share runs the load, the one shadow and the workers, and compares.
func share(ctx context.Context, o options, workers int) error {
	dir, err := os.MkdirTemp("", "workercampaign")
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
	calm := &process{o: o, flow: flow, state: filepath.Join(dir, "calm")}
	defer calm.kill()
	if err := calm.start(); err != nil {
		return err
	}
	t := &team{o: o, dir: dir, flow: flow, group: fmt.Sprintf("campaign-%d", l.run)}
	defer t.killAll()
	for range workers {
		if err := t.join(); err != nil {
			return err
		}
	}
	for _, p := range append(t.all[:len(t.all):len(t.all)], calm) {
		if err := p.armed(ctx); err != nil {
			return fmt.Errorf("%s was not armed: %w\n%s", p.state, err, p.lastWords())
		}
	}
	// A chain of the first seconds may have begun before the taps did.
	if err := pause.For(ctx, 3*time.Second); err != nil {
		return err
	}
	loading, end := context.WithCancel(ctx)
	sent := make(chan error, 1)
	go func() { sent <- l.send(loading) }()
	err = t.disturb(ctx, o.length)
	end()
	if sendErr := <-sent; err == nil {
		err = sendErr
	}
	if err != nil {
		return err
	}
	fmt.Printf("%d processes at first, %d in all, one killed, one left, one joined: %d chains, %d messages in %v; waiting until all is judged\n",
		workers, len(t.all), l.chains, l.messages, o.length)
	return compare(ctx, calm, t, l)
}
