package brokertest_test

import (
	"context"
	"sync"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/brokertest"
	"github.com/flowcheck/flowcheck/message"
)

// faults are the places where an adapter can be broken. Each func gets what the
// whole adapter would do as next; a nil one does just that.
type faults struct {
	openTapper    func(ctx context.Context, cfg brokers.Config, next openTapper) (brokers.Tapper, error)
	openPublisher func(ctx context.Context, cfg brokers.Config, next openPublisher) (brokers.Publisher, error)
	tap           func(ctx context.Context, cfg brokers.TapConfig, next tapFunc) (brokers.Tap, error)
	plan          func(ctx context.Context, cfg brokers.TapConfig, next planFunc) ([]brokers.Action, error)
	quiet         func(ctx context.Context, chs []brokers.Channel, next quietFunc) (brokers.Quiescence, error)
	identify      func(ctx context.Context, next identifyFunc) (message.BrokerIdentity, error)
	closeTapper   func(next func() error) error
	publish       func(ctx context.Context, ch brokers.Channel, m brokers.Outgoing, next publishFunc) (brokers.Receipt, error)
	closePub      func(next func() error) error
	// event passes on what the tap sends: as it is, changed, twice, not at all.
	event func(e message.Event, send func(message.Event))
	// forgetsHand makes CatchUp forget the event that is being sent.
	forgetsHand bool
	catchUp     func(ctx context.Context, next catchUpFunc) (brokers.Caught, error)
	close       func(ctx context.Context, w *brokenTap, next func(context.Context) error) error
}

type (
	openTapper    func(context.Context, brokers.Config) (brokers.Tapper, error)
	openPublisher func(context.Context, brokers.Config) (brokers.Publisher, error)
	tapFunc       func(context.Context, brokers.TapConfig) (brokers.Tap, error)
	planFunc      func(context.Context, brokers.TapConfig) ([]brokers.Action, error)
	quietFunc     func(context.Context, []brokers.Channel) (brokers.Quiescence, error)
	identifyFunc  func(context.Context) (message.BrokerIdentity, error)
	publishFunc   func(context.Context, brokers.Channel, brokers.Outgoing) (brokers.Receipt, error)
	catchUpFunc   func(context.Context) (brokers.Caught, error)
)

// breakIt puts the faults around the subject's adapter.
func breakIt(s *brokertest.Subject, f faults) {
	whole := s.Adapter
	openT := func(ctx context.Context, cfg brokers.Config) (brokers.Tapper, error) {
		t, err := whole.OpenTapper(ctx, cfg)
		if err != nil {
			return nil, err
		}
		return &brokenTapper{t, f}, nil
	}
	openP := func(ctx context.Context, cfg brokers.Config) (brokers.Publisher, error) {
		p, err := whole.OpenPublisher(ctx, cfg)
		if err != nil {
			return nil, err
		}
		return &brokenPublisher{p, f}, nil
	}
	s.Adapter.OpenTapper, s.Adapter.OpenPublisher = openT, openP
	if f.openTapper != nil {
		s.Adapter.OpenTapper = func(ctx context.Context, cfg brokers.Config) (brokers.Tapper, error) {
			return f.openTapper(ctx, cfg, openT)
		}
	}
	if f.openPublisher != nil {
		s.Adapter.OpenPublisher = func(ctx context.Context, cfg brokers.Config) (brokers.Publisher, error) {
			return f.openPublisher(ctx, cfg, openP)
		}
	}
}

// brokenPublisher publishes with faults.
type brokenPublisher struct {
	brokers.Publisher
	f faults
}

func (p *brokenPublisher) Publish(ctx context.Context, ch brokers.Channel, m brokers.Outgoing) (brokers.Receipt, error) {
	if p.f.publish == nil {
		return p.Publisher.Publish(ctx, ch, m)
	}
	return p.f.publish(ctx, ch, m, p.Publisher.Publish)
}

func (p *brokenPublisher) Close() error {
	if p.f.closePub == nil {
		return p.Publisher.Close()
	}
	return p.f.closePub(p.Publisher.Close)
}

// brokenTapper taps and answers with faults.
type brokenTapper struct {
	brokers.Tapper
	f faults
}

func (t *brokenTapper) Tap(ctx context.Context, cfg brokers.TapConfig) (brokers.Tap, error) {
	if t.f.tap == nil {
		return t.whole(ctx, cfg)
	}
	return t.f.tap(ctx, cfg, t.whole)
}

// whole taps, with the faults of the tap itself.
func (t *brokenTapper) whole(ctx context.Context, cfg brokers.TapConfig) (brokers.Tap, error) {
	b := &brokenTap{f: t.f, in: make(chan message.Event), out: cfg.Events, flush: make(chan struct{}), stop: make(chan struct{})}
	if t.f.event == nil {
		b.f.event = func(e message.Event, send func(message.Event)) { send(e) }
	}
	cfg.Events = b.in
	tap, err := t.Tapper.Tap(ctx, cfg)
	if err != nil {
		return nil, err
	}
	b.Tap = tap
	b.pumping.Go(b.pump)
	return b, nil
}

func (t *brokenTapper) Plan(ctx context.Context, cfg brokers.TapConfig) ([]brokers.Action, error) {
	if t.f.plan == nil {
		return t.Tapper.Plan(ctx, cfg)
	}
	return t.f.plan(ctx, cfg, t.Tapper.Plan)
}

func (t *brokenTapper) Quiet(ctx context.Context, chs []brokers.Channel) (brokers.Quiescence, error) {
	next := t.Tapper.(brokers.Watcher).Quiet
	if t.f.quiet == nil {
		return next(ctx, chs)
	}
	return t.f.quiet(ctx, chs, next)
}

func (t *brokenTapper) Identify(ctx context.Context) (message.BrokerIdentity, error) {
	next := t.Tapper.(brokers.Identifier).Identify
	if t.f.identify == nil {
		return next(ctx)
	}
	return t.f.identify(ctx, next)
}

func (t *brokenTapper) Close() error {
	if t.f.closeTapper == nil {
		return t.Tapper.Close()
	}
	return t.f.closeTapper(t.Tapper.Close)
}

// brokenTap stands between a tap and its reader. Where no fault says otherwise
// it keeps the contract: what CatchUp promises has passed it, too.
type brokenTap struct {
	brokers.Tap
	f       faults
	in      chan message.Event
	out     chan<- message.Event
	flush   chan struct{}
	stop    chan struct{}
	once    sync.Once
	pumping sync.WaitGroup
}

// pump passes events on, one at a time.
func (b *brokenTap) pump() {
	for {
		select {
		case e := <-b.in:
			b.f.event(e, b.send)
		case <-b.flush:
		case <-b.stop:
			return
		}
	}
}

// send hands an event to the reader.
func (b *brokenTap) send(e message.Event) {
	select {
	case b.out <- e:
	case <-b.stop:
	}
}

func (b *brokenTap) CatchUp(ctx context.Context) (brokers.Caught, error) {
	if b.f.catchUp == nil {
		return b.wholeCatchUp(ctx)
	}
	return b.f.catchUp(ctx, b.wholeCatchUp)
}

// wholeCatchUp waits until the pump has passed everything on.
func (b *brokenTap) wholeCatchUp(ctx context.Context) (brokers.Caught, error) {
	caught, err := b.Tap.CatchUp(ctx)
	if err != nil || b.f.forgetsHand {
		return caught, err
	}
	select {
	case b.flush <- struct{}{}:
		return caught, nil
	case <-b.stop:
		return caught, nil
	case <-ctx.Done():
		return caught, ctx.Err()
	}
}

func (b *brokenTap) Close(ctx context.Context) error {
	if b.f.close == nil {
		return b.wholeClose(ctx)
	}
	return b.f.close(ctx, b, b.wholeClose)
}

// wholeClose ends the pump, too.
func (b *brokenTap) wholeClose(ctx context.Context) error {
	b.once.Do(func() { close(b.stop) })
	err := b.Tap.Close(ctx)
	b.pumping.Wait()
	return err
}
