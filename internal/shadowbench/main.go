// Shadowbench measures a shadow on a real Kafka, in one process:
//
//	go run ./internal/shadowbench -messages 5000000       # catch up from a backlog while new messages come
//	go run ./internal/shadowbench -rounds 5               # several times, with the median
//	go run ./internal/shadowbench -soak 60m -rate 300     # the memory of a long watch
//
// The first begins a shadow of a flow of four steps, so that its state has where it
// is, and stops it; fills four topics; reads them by sarama's plain consumer, by a
// shadow without a state, and by the first again, which taps, journals and judges
// them. All three take turns, so that what else the machine does meets them alike.
// It needs a Kafka, whose address internal/withbrokers gives it.
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
	"github.com/flowcheck/flowcheck/internal/await"
	"github.com/flowcheck/flowcheck/internal/testbroker"
	"github.com/flowcheck/flowcheck/shadow"
)

// options of a measurement.
type options struct {
	kafka      string
	messages   int // of the backlog
	rounds     int // in which all take turns
	rate       int // chains a second that begin meanwhile
	partitions int
	memory     int64
	chains     int // in memory; 0 is the default
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
	flag.IntVar(&o.rounds, "rounds", 1, "how often the backlog is read by each")
	flag.IntVar(&o.rate, "rate", 100, "chains a second that begin meanwhile")
	flag.IntVar(&o.partitions, "partitions", 2, "of each topic")
	flag.Int64Var(&o.memory, "memory", 512<<20, "what the process aims to stay below, in bytes")
	flag.IntVar(&o.chains, "max-chains", 0, "chains in memory; 0 is the default")
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
	f, err := o.backlogOf(ctx, state)
	if err == nil {
		f.tell(o.log)
	}
	return err
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
		Limits: shadow.Limits{Memory: o.memory / 5 * 3, Chains: o.chains}, Status: w.status, Now: time.Now, Log: silent,
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

// until waits until it is so, or the watch is over.
func (w *watch) until(ctx context.Context, is func() bool) error {
	return wait(ctx, func() bool { return is() || w.over() })
}

func wait(ctx context.Context, is func() bool) error {
	return await.Until(ctx, await.Often, func() (bool, error) { return is(), nil })
}
