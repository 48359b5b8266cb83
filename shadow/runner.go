package shadow

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/metrics"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/flowcheck/flowcheck/brokers"
)

// runner is one shadow: its hubs, its watches, its ledger.
type runner struct {
	cfg     Config
	ledger  *ledger
	watches []*watch
	hubs    []*hub
	arming  [][]brokers.Channel // by hub

	judging sync.WaitGroup
	cycle   uint64 // of the collections of garbage, when chains were last let go of
}

// open reads the state and arms nothing yet.
func (r *runner) open() error {
	name := r.cfg.Findings
	if name == "" && r.cfg.State != "" {
		name = filepath.Join(r.cfg.State, "findings.jsonl")
	}
	var err error
	if r.ledger, err = openLedger(name); err != nil {
		return err
	}
	for i := range r.cfg.Flows {
		w := newWatch(&r.cfg, i, r.ledger)
		r.watches = append(r.watches, w)
		if err := w.open(); err != nil {
			return fmt.Errorf("flow %s: %w", w.flow.Name, err)
		}
	}
	limit := newThrottle(r.cfg.Limits.Bytes)
	var flows []*FlowStatus
	var tappers []*TapperStatus
	for i := range r.cfg.Tappers {
		h, channels := newHub(&r.cfg, i, r.watches, limit)
		r.hubs, r.arming = append(r.hubs, h), append(r.arming, channels)
		tappers = append(tappers, h.status)
	}
	for _, w := range r.watches {
		flows = append(flows, w.status)
	}
	if r.cfg.Status != nil {
		r.cfg.Status.set(flows, tappers)
	}
	return nil
}

// closeTimeout bounds the end: the taps' last word, and removing what they made.
const closeTimeout = 15 * time.Second

// run arms the taps and watches until ctx ends or the time is up.
func (r *runner) run(ctx context.Context) error {
	for i, h := range r.hubs {
		if err := h.arm(ctx, r.arming[i]); err != nil {
			return err
		}
	}
	for _, w := range r.watches {
		w.resume()
		r.judging.Go(w.run)
	}
	if r.cfg.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.cfg.For)
		defer cancel()
	}
	broken := r.follow(ctx)
	if broken != nil {
		return broken
	}
	r.lastWord()
	return nil
}

// follow hands events on until ctx ends or a watch fails.
func (r *runner) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	for i, h := range r.hubs {
		if h.tap == nil {
			continue
		}
		work.Go(func() { h.run(ctx) })
		work.Go(func() { h.beat(ctx, max(r.cfg.Tappers[i].Beat, time.Second)) })
	}
	work.Go(func() { r.tellArmed(ctx) })
	err := r.look(ctx)
	cancel()
	work.Wait()
	return err
}

// tellArmed tells that from now on nothing is lost, whatever happens: it is in the
// journals where every tap began.
func (r *runner) tellArmed(ctx context.Context) {
	for _, w := range r.watches {
		select {
		case <-w.ready:
		case <-ctx.Done():
			return
		}
	}
	if r.cfg.Status != nil {
		r.cfg.Status.Armed.Store(true)
	}
	if r.cfg.Armed != nil {
		r.cfg.Armed()
	}
}

// look looks after memory and the watches, until ctx ends or one of those fails.
func (r *runner) look(ctx context.Context) error {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.judging.Wait()
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ended:
			return r.failed()
		case <-tick.C:
			r.shed()
			if err := r.failed(); err != nil {
				return err
			}
		}
	}
}

// failed is the first error of a watch that has ended.
func (r *runner) failed() error {
	for _, w := range r.watches {
		if err := w.broken.Load(); err != nil {
			return fmt.Errorf("flow %s: %w", w.flow.Name, *err)
		}
	}
	return nil
}

// shed has the largest flow forget chains while what the last collection of
// garbage left of the heap is beyond its limit.
func (r *runner) shed() {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(sample)
	cycle := sample[1].Value.Uint64()
	if cycle == r.cycle || int64(sample[0].Value.Uint64()) < r.cfg.Limits.Memory {
		return
	}
	r.cycle = cycle // what goes now shows after the next
	var largest *watch
	for _, w := range r.watches {
		if largest == nil || w.status.Kept.Load() > largest.status.Kept.Load() {
			largest = w
		}
	}
	if largest != nil {
		largest.shed.Store(largest.status.Kept.Load()/10 + 1)
	}
}

// lastWord has the taps say once more how far they have read.
func (r *runner) lastWord() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	var asked sync.WaitGroup
	for _, h := range r.hubs {
		if h.tap == nil {
			continue
		}
		reading, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			h.run(reading)
			h.drain(ctx)
		}()
		asked.Go(func() {
			defer func() { stop(); <-done }()
			if err := h.ask(ctx); err != nil {
				r.cfg.Log.Warn("a broker does not say how far its taps had read at the end", "broker", h.status.Name, "error", err)
			}
		})
	}
	asked.Wait()
}

// close ends the watches, then the taps: what was handed on is in the journal.
func (r *runner) close(ctx context.Context) error {
	var errs []error
	for _, w := range r.watches {
		close(w.stop)
	}
	r.judging.Wait()
	for _, w := range r.watches {
		w.close()
		if w.err != nil {
			errs = append(errs, fmt.Errorf("flow %s: %w", w.flow.Name, w.err))
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	for _, h := range r.hubs {
		errs = append(errs, h.close(ctx))
	}
	if r.ledger != nil {
		errs = append(errs, r.ledger.close())
	}
	return errors.Join(errs...)
}

func (r *runner) summary() *Summary {
	s := &Summary{}
	for _, w := range r.watches {
		f := FlowSummary{Flow: w.flow.Name, LiveStats: w.final}
		r.ledger.summary(w.flow.Name, &f)
		s.Flows = append(s.Flows, f)
	}
	return s
}

// throttle bounds the bytes a second that are read.
type throttle struct{ limiter *rate.Limiter }

func newThrottle(bytes int64) *throttle {
	if bytes <= 0 {
		return &throttle{}
	}
	return &throttle{rate.NewLimiter(rate.Limit(bytes), int(min(bytes, 1<<30)))}
}

// wait waits until so many bytes may have been read, and returns how long that
// took.
func (t *throttle) wait(ctx context.Context, bytes int) time.Duration {
	if t.limiter == nil || bytes == 0 {
		return 0
	}
	began := time.Now()
	for bytes > 0 {
		n := min(bytes, t.limiter.Burst())
		if t.limiter.WaitN(ctx, n) != nil {
			break
		}
		bytes -= n
	}
	return time.Since(began)
}
