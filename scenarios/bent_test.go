package scenarios_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// bent is a tapper whose taps hand on something else than they saw, or fail.
type bent struct {
	brokers.Tapper
	edit  func(message.Event) []message.Event // nil: as it is
	armed func(brokers.TapConfig) error       // nil: well
	catch func(context.Context) error         // asked before each CatchUp; nil: well
	close func() error                        // asked after each Close; nil: well

	mu   sync.Mutex
	open int // taps armed and not closed
}

// Quiet is the word of the tapper inside.
func (b *bent) Quiet(ctx context.Context, channels []brokers.Channel) (brokers.Quiescence, error) {
	w, ok := b.Tapper.(brokers.Watcher)
	if !ok {
		return brokers.Quiescence{}, nil
	}
	return w.Quiet(ctx, channels)
}

// Identify is the word of the tapper inside.
func (b *bent) Identify(ctx context.Context) (message.BrokerIdentity, error) {
	if who, ok := b.Tapper.(brokers.Identifier); ok {
		return who.Identify(ctx)
	}
	return message.BrokerIdentity{}, errors.New("it does not say")
}

// Tap arms a tap that passes its events through edit.
func (b *bent) Tap(ctx context.Context, cfg brokers.TapConfig) (brokers.Tap, error) {
	if b.armed != nil {
		if err := b.armed(cfg); err != nil {
			return nil, err
		}
	}
	t := &bentTap{b: b, to: cfg.Events, from: make(chan message.Event), flush: make(chan struct{}), stop: make(chan struct{})}
	cfg.Events = t.from
	tap, err := b.Tapper.Tap(ctx, cfg)
	if err != nil {
		return nil, err
	}
	t.tap = tap
	b.count(1)
	t.wait.Go(t.pass)
	return t, nil
}

func (b *bent) count(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open += n
}

// left is how many taps are armed and not closed.
func (b *bent) left() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open
}

type bentTap struct {
	b       *bent
	tap     brokers.Tap
	to      chan<- message.Event
	from    chan message.Event
	flush   chan struct{}
	stop    chan struct{}
	stopped sync.Once
	wait    sync.WaitGroup
}

// pass hands events on, and answers a flush between them.
func (t *bentTap) pass() {
	for {
		select {
		case e := <-t.from:
			out := []message.Event{e}
			if t.b.edit != nil {
				out = t.b.edit(e)
			}
			for _, e := range out {
				select {
				case t.to <- e:
				case <-t.stop:
					return
				}
			}
		case <-t.flush:
		case <-t.stop:
			return
		}
	}
}

// CatchUp waits for the tap inside, and for what it has handed over.
func (t *bentTap) CatchUp(ctx context.Context) (brokers.Caught, error) {
	if t.b.catch != nil {
		if err := t.b.catch(ctx); err != nil {
			return brokers.Caught{}, err
		}
	}
	c, err := t.tap.CatchUp(ctx)
	if err != nil {
		return c, err
	}
	select {
	case t.flush <- struct{}{}:
		return c, nil
	case <-t.stop:
		return c, errors.New("the tap is closed")
	case <-ctx.Done():
		return c, ctx.Err()
	}
}

// Close closes the tap inside first.
func (t *bentTap) Close(ctx context.Context) error {
	err := t.tap.Close(ctx)
	t.stopped.Do(func() {
		close(t.stop)
		t.b.count(-1)
	})
	t.wait.Wait()
	if t.b.close != nil {
		err = errors.Join(err, t.b.close())
	}
	return err
}

// bend puts a bent tapper before a broker's.
func (r *rig) bend(broker int) *bent {
	b := &bent{Tapper: r.cfg.Tappers[broker]}
	r.cfg.Tappers[broker] = b
	return b
}

// shift sets the clock of brokers, events and tasks if none is named.
func (r *rig) shift(by time.Duration, of ...int) {
	if len(of) == 0 {
		of = []int{0, 1}
	}
	for _, broker := range of {
		r.bend(broker).edit = func(e message.Event) []message.Event {
			if e.Observation != nil && !e.Observation.Time.IsZero() {
				o := *e.Observation
				o.Time = o.Time.Add(by)
				e.Observation = &o
			}
			return []message.Event{e}
		}
	}
}
