package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// speed is how fast a backlog was read, in messages a second, and how much time
// of the processor this process took for each.
type speed struct {
	rate float64
	cpu  time.Duration // 0: not known
}

// stopwatch begins to measure.
type stopwatch struct {
	began time.Time
	cpu   time.Duration
}

func startWatch() stopwatch { return stopwatch{time.Now(), processorTime()} }

func (w stopwatch) speed(messages int) speed {
	return speed{float64(messages) / time.Since(w.began).Seconds(), (processorTime() - w.cpu) / time.Duration(messages)}
}

// figures are what a measurement found, round by round: of the plain consumer, of
// a shadow that keeps nothing, and of one with its journal.
type figures struct{ raw, judge, shadow []speed }

// tell prints the medians of the rounds' ratios.
func (f *figures) tell(to io.Writer) {
	for _, of := range []struct {
		name   string
		speeds []speed
	}{{"tap and judge", f.judge}, {"tap, judge and journal", f.shadow}} {
		var rates, costs []float64
		for i, s := range of.speeds {
			rates = append(rates, s.rate/f.raw[i].rate)
			costs = append(costs, float64(s.cpu)/float64(max(1, f.raw[i].cpu)))
		}
		slices.Sort(rates)
		slices.Sort(costs)
		n := len(rates)
		fmt.Fprintf(to, "%s: in %d rounds %.0f to %.0f %% of the plain consumer's rate, the median %.0f %%; %.1f times its processor time\n",
			of.name, n, 100*rates[0], 100*rates[n-1], 100*rates[n/2], costs[n/2])
	}
}

// backlogOf measures all on the same messages, with states in that folder.
func (o *options) backlogOf(ctx context.Context, state string) (*figures, error) {
	l, err := newLoad(o)
	if err != nil {
		return nil, err
	}
	defer l.close()
	states, err := o.begun(ctx, l, state)
	if err != nil {
		return nil, err
	}
	if err := l.fill(o.messages / 4); err != nil {
		return nil, err
	}
	f := &figures{}
	return f, o.profiled(func() error {
		for _, s := range states {
			if err := o.round(ctx, l, s, f); err != nil {
				return err
			}
		}
		return nil
	})
}

// begun are states, one for each round, of a shadow that has begun on topics
// without messages.
func (o *options) begun(ctx context.Context, l *load, dir string) (states []string, err error) {
	first := filepath.Join(dir, "0")
	if err := os.Mkdir(first, 0o700); err != nil {
		return nil, err
	}
	w, err := o.watch(ctx, l, first)
	if err != nil {
		return nil, err
	}
	if err := w.until(ctx, w.status.Armed.Load); err != nil {
		return nil, err
	}
	if _, err := w.end(); err != nil {
		return nil, err
	}
	states = append(states, first)
	for i := 1; i < max(1, o.rounds); i++ {
		next := filepath.Join(dir, strconv.Itoa(i))
		if err := os.CopyFS(next, os.DirFS(first)); err != nil {
			return nil, err
		}
		states = append(states, next)
	}
	return states, nil
}

// round has each read the backlog once; new messages come while the shadow with a
// journal does.
func (o *options) round(ctx context.Context, l *load, state string, f *figures) error {
	raw, err := l.readPlain(o.messages)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.log, "plain consumer: %.0f messages a second; %.2f µs of the processor for each\n", raw.rate, raw.cpu.Seconds()*1e6)
	judge, err := o.catchUp(ctx, l, "")
	if err != nil {
		return err
	}
	loading, stop := context.WithCancel(ctx)
	defer stop()
	sent := make(chan error, 1)
	go func() { sent <- l.trickle(loading, o.rate) }()
	shadow, err := o.catchUp(ctx, l, state)
	if err != nil {
		return err
	}
	stop()
	f.raw, f.judge, f.shadow = append(f.raw, raw), append(f.judge, judge), append(f.shadow, shadow)
	return <-sent
}

// catchUp begins the shadow again and waits until it has read the backlog.
func (o *options) catchUp(ctx context.Context, l *load, state string) (speed, error) {
	began := startWatch()
	w, err := o.watch(ctx, l, state)
	if err != nil {
		return speed{}, err
	}
	if err := w.until(ctx, func() bool { return len(w.status.Flows()) > 0 }); err != nil {
		return speed{}, err
	}
	status := w.status.Flows()[0]
	if err := w.until(ctx, func() bool { return status.Messages.Load() >= int64(o.messages) }); err != nil {
		return speed{}, err
	}
	took := began.speed(o.messages)
	// What came meanwhile is read as well, and all that is due is told.
	if err := w.until(ctx, w.current); err != nil {
		return speed{}, err
	}
	fmt.Fprintf(o.log, "%s: the backlog read at %.0f messages a second, %.2f µs of the processor for each; caught up after %.1f s with %d; memory %d MiB\n",
		map[bool]string{true: "tap and judge", false: "tap, judge and journal"}[state == ""], took.rate, took.cpu.Seconds()*1e6,
		time.Since(began.began).Seconds(), status.Messages.Load(), resident()>>20)
	return took, o.ended(w)
}

// ended ends a watch, which must not have found anything.
func (o *options) ended(w *watch) error {
	status := w.status.Flows()[0]
	s, err := w.end()
	if err != nil {
		return err
	}
	f := &s.Flows[0]
	fmt.Fprintf(o.log, "%d chains closed: %d passed, %d failed, %d unknown; %d open; %d let go of for want of memory\n",
		f.Chains.Total, f.Chains.Pass, f.Chains.Fail, f.Chains.Unknown, f.Open, status.Shed.Load())
	if f.Unknowns > 0 {
		fmt.Fprintf(o.log, "%d unknowns, such as %+v\n", f.Unknowns, f.Reasons[0])
	}
	if f.Findings > 0 {
		return fmt.Errorf("%d findings where there is no fault, such as %+v", f.Findings, f.Standing[0])
	}
	return nil
}
