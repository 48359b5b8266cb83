// Shadowbench measures a shadow on a real Kafka, in one process:
//
//	go run ./internal/shadowbench -messages 5000000       # catch up from a backlog while new messages come
//	go run ./internal/shadowbench -soak 60m -rate 300     # the memory of a long watch
//
// The first begins a shadow of a flow of four steps, so that its state has where it
// is, and stops it; fills four topics; reads them by sarama's plain consumer; and
// begins the shadow again, which taps, journals and judges them. It needs a Kafka,
// whose address internal/withbrokers gives it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"runtime/pprof"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/kafka"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/testbroker"
	"github.com/flowcheck/flowcheck/shadow"
)

// options of a measurement.
type options struct {
	kafka      string
	messages   int // of the backlog
	rate       int // chains a second that begin meanwhile
	partitions int
	memory     int64
	soak       time.Duration
	every      time.Duration // between two lines of a soak
	remember   string        // of the flow
	profile    string
	log        io.Writer
}

func main() {
	o := options{log: os.Stdout}
	flag.StringVar(&o.kafka, "kafka", os.Getenv(testbroker.EnvKafka), "the address of a Kafka")
	flag.IntVar(&o.messages, "messages", 400_000, "messages of the backlog")
	flag.IntVar(&o.rate, "rate", 100, "chains a second that begin meanwhile")
	flag.IntVar(&o.partitions, "partitions", 2, "of each topic")
	flag.Int64Var(&o.memory, "memory", 512<<20, "what the process aims to stay below, in bytes")
	flag.DurationVar(&o.soak, "soak", 0, "watch for this long instead, and tell the memory")
	flag.DurationVar(&o.every, "every", 30*time.Second, "between two lines of a soak")
	flag.StringVar(&o.remember, "remember", "1h", "how long the flow remembers chains that have closed")
	flag.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of the shadow to this file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := o.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "shadowbench:", err)
		os.Exit(1)
	}
}

func (o *options) run(ctx context.Context) error {
	debug.SetMemoryLimit(o.memory - o.memory/16) // as the command does
	state, err := os.MkdirTemp("", "shadowbench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(state)
	if o.soak > 0 {
		return o.watchLong(ctx, state)
	}
	_, err = o.backlogOf(ctx, state)
	return err
}

// figures are what a measurement found, in messages a second: of the plain
// consumer, of a shadow that keeps nothing, and of one with its journal.
type figures struct{ raw, judge, shadow float64 }

// backlogOf measures both on the same messages, with the state in that folder.
func (o *options) backlogOf(ctx context.Context, state string) (*figures, error) {
	l, err := newLoad(o)
	if err != nil {
		return nil, err
	}
	defer l.close()
	w, err := o.watch(ctx, l, state)
	if err != nil {
		return nil, err
	}
	if err := wait(ctx, func() bool { return w.status.Armed.Load() || w.over() }); err != nil {
		return nil, err
	}
	if _, err := w.end(); err != nil {
		return nil, err
	}
	if err := l.fill(o.messages / 4); err != nil {
		return nil, err
	}
	f := &figures{}
	if f.raw, err = l.readPlain(o.messages); err != nil {
		return nil, err
	}
	fmt.Fprintf(o.log, "plain consumer: %d messages, %.0f a second\n", o.messages, f.raw)
	if f.judge, err = o.catchUp(ctx, l, ""); err != nil {
		return nil, err
	}
	fmt.Fprintf(o.log, "%.0f %% of the plain consumer's rate\n", 100*f.judge/f.raw)
	loading, stop := context.WithCancel(ctx)
	defer stop()
	sent := make(chan error, 1)
	go func() { sent <- l.trickle(loading, o.rate) }()
	if err := o.profiled(func() error { f.shadow, err = o.catchUp(ctx, l, state); return err }); err != nil {
		return nil, err
	}
	stop()
	fmt.Fprintf(o.log, "%.0f %% of the plain consumer's rate\n", 100*f.shadow/f.raw)
	return f, <-sent
}

func (o *options) profiled(f func() error) error {
	if o.profile == "" {
		return f()
	}
	to, err := os.Create(o.profile)
	if err != nil {
		return err
	}
	defer to.Close()
	if err := pprof.StartCPUProfile(to); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return f()
}

// catchUp begins the shadow again and waits until it has read the backlog.
func (o *options) catchUp(ctx context.Context, l *load, state string) (float64, error) {
	began := time.Now()
	w, err := o.watch(ctx, l, state)
	if err != nil {
		return 0, err
	}
	if err := wait(ctx, func() bool { return len(w.status.Flows()) > 0 || w.over() }); err != nil {
		return 0, err
	}
	status := w.status.Flows()[0]
	if err := wait(ctx, func() bool { return status.Messages.Load() >= int64(o.messages) || w.over() }); err != nil {
		return 0, err
	}
	rate := float64(o.messages) / time.Since(began).Seconds()
	// What came meanwhile is read as well, and all that is due is told.
	if err := wait(ctx, func() bool { return w.current() || w.over() }); err != nil {
		return 0, err
	}
	fmt.Fprintf(o.log, "%s: the backlog read at %.0f messages a second; caught up after %.1f s with %d; memory %d MiB\n",
		map[bool]string{true: "tap and judge", false: "tap, judge and journal"}[state == ""], rate, time.Since(began).Seconds(), status.Messages.Load(), resident()>>20)
	s, err := w.end()
	if err != nil {
		return 0, err
	}
	f := &s.Flows[0]
	fmt.Fprintf(o.log, "%d chains closed: %d passed, %d failed, %d unknown; %d open; %d let go of for want of memory\n",
		f.Chains.Total, f.Chains.Pass, f.Chains.Fail, f.Chains.Unknown, f.Open, status.Shed.Load())
	if f.Unknowns > 0 {
		fmt.Fprintf(o.log, "%d unknowns, such as %+v\n", f.Unknowns, f.Reasons[0])
	}
	if f.Findings > 0 {
		return 0, fmt.Errorf("%d findings where there is no fault, such as %+v", f.Findings, f.Standing[0])
	}
	return rate, nil
}

// watch begins a shadow.
func (o *options) watch(ctx context.Context, l *load, state string) (*watch, error) {
	flow, errs := flows.Load("bench.flow.yaml", []byte(l.flow()), flows.Options{MaskSalt: "bench"})
	if len(errs) > 0 {
		return nil, errors.New(errs[0].Error())
	}
	silent := slog.New(slog.DiscardHandler)
	tapper, err := kafka.Adapter().OpenTapper(ctx, brokers.Config{Name: "k", URL: "kafka://" + o.kafka, RunID: "bench", Log: silent})
	if err != nil {
		return nil, err
	}
	of := shadow.Watched{Flow: flow, Brokers: []int{0}}
	for _, ch := range flow.Channels {
		of.Channels = append(of.Channels, brokers.Channel{Name: ch.Name, Topic: ch.Topic})
	}
	w := &watch{status: &shadow.Status{}, tapper: tapper, done: make(chan struct{})}
	cfg := shadow.Config{
		Flows: []shadow.Watched{of}, Tappers: []shadow.Tapper{{Name: "k", Beat: time.Second, Tapper: tapper}}, State: state,
		Limits: shadow.Limits{Memory: o.memory / 5 * 3}, Status: w.status, Now: time.Now, Log: silent,
	}
	if state == "" {
		cfg.Start = brokers.Start{At: brokers.StartBeginning}
	}
	ctx, w.stop = context.WithCancel(ctx)
	go func() {
		defer close(w.done)
		w.summary, w.err = shadow.Run(ctx, cfg)
	}()
	return w, nil
}

// watch is a shadow under way.
type watch struct {
	status  *shadow.Status
	tapper  brokers.Tapper
	stop    context.CancelFunc
	done    chan struct{}
	summary *shadow.Summary
	err     error
}

func (w *watch) over() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

// current tells whether the taps have read all that there was three seconds ago.
func (w *watch) current() bool {
	behind := w.status.Tappers()[0].Behind(time.Now())
	return behind >= 0 && behind < 3*time.Second
}

func (w *watch) end() (*shadow.Summary, error) {
	w.stop()
	<-w.done
	return w.summary, errors.Join(w.err, w.tapper.Close())
}

// wait looks until it is so.
func wait(ctx context.Context, is func() bool) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
