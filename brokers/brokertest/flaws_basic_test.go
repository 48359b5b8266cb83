package brokertest_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/brokertest"
	"github.com/flowcheck/flowcheck/brokers/memory/memorytest"
	"github.com/flowcheck/flowcheck/message"
)

// with makes a flaw's spoil of faults that need nothing else.
func with(f faults) func(*brokertest.Subject, works) {
	return func(s *brokertest.Subject, _ works) { breakIt(s, f) }
}

// claim makes a flaw's spoil of a claim that is not true.
func claim(change func(*brokertest.Claims)) func(*brokertest.Subject, works) {
	return func(s *brokertest.Subject, _ works) { change(&s.Claims) }
}

// changed is an event fault that changes each observation.
func changed(change func(*message.Observation)) func(*brokertest.Subject, works) {
	return with(faults{event: func(e message.Event, send func(message.Event)) {
		if e.Observation != nil {
			o := *e.Observation
			change(&o)
			e.Observation = &o
		}
		send(e)
	}})
}

// nth is an event fault for the nth event of all; the others pass.
func nth(n int64, fault eventFault) func(*brokertest.Subject, works) {
	return those(func(i int64) bool { return i == n }, fault)
}

// every is an event fault for each nth event.
func every(n int64, fault eventFault) func(*brokertest.Subject, works) {
	return those(func(i int64) bool { return i%n == 0 }, fault)
}

// eventFault passes on an event in its own way.
type eventFault func(e message.Event, send func(message.Event))

// those is an event fault for some events, counted from 1 over all taps.
func those(which func(int64) bool, fault eventFault) func(*brokertest.Subject, works) {
	return func(s *brokertest.Subject, _ works) {
		var count atomic.Int64
		breakIt(s, faults{event: func(e message.Event, send func(message.Event)) {
			if which(count.Add(1)) {
				fault(e, send)
			} else {
				send(e)
			}
		}})
	}
}

// loses and doubles are what nth is mostly about.
func loses(message.Event, func(message.Event)) {}

func doubles(e message.Event, send func(message.Event)) {
	send(e)
	send(e)
}

// refuses is a publish fault: no message is taken that bad reports.
func refuses(bad func(brokers.Outgoing) bool) func(*brokertest.Subject, works) {
	return with(faults{publish: func(ctx context.Context, ch brokers.Channel, m brokers.Outgoing, next publishFunc) (brokers.Receipt, error) {
		if bad(m) {
			return brokers.Receipt{}, errors.New("not taken")
		}
		return next(ctx, ch, m)
	}})
}

var channelFlaws = map[string][]flaw{
	"check": {
		{"no kind", nil, func(s *brokertest.Subject, _ works) { s.Adapter.Kind = "" }, "the kind is empty"},
		{"other schemes", nil, func(s *brokertest.Subject, _ works) { s.Adapter.Schemes = []string{"x"} }, "not among the schemes"},
		{"accepts anything", nil, func(s *brokertest.Subject, _ works) {
			s.Adapter.Check = func(brokers.Channel) error { return nil }
		}, "without any address"},
		{"refuses everything", nil, func(s *brokertest.Subject, _ works) {
			s.Adapter.Check = func(brokers.Channel) error { return errors.New("no") }
		}, "refuses a channel that works"},
		{"names nothing", nil, func(s *brokertest.Subject, _ works) {
			s.Adapter.Check = func(ch brokers.Channel) error {
				if ch.Topic == "" {
					return errors.New("no address")
				}
				return nil
			}
		}, "does not name the channel"},
	},
}

var publishFlaws = map[string][]flaw{
	"publish": {
		{"returns before acceptance", nil, func(s *brokertest.Subject, _ works) { breakIt(s, forgetful()) }, "messages came within"},
		{"tap loses one", nil, nth(7, loses), "39 of 40 messages came"},
		{"tap doubles the last", nil, nth(40, doubles), "1 messages too many"},
		{"tap doubles one and loses one", nil, func(s *brokertest.Subject, w works) {
			nth(3, loses)(s, w)
			nth(5, doubles)(s, w)
		}, "lost: 1 of 40"},
		{"tap reports a gap", nil, nth(3, func(e message.Event, send func(message.Event)) {
			send(message.Event{Mark: &message.Mark{Kind: message.MarkGap}})
			send(e)
		}), "a mark where nothing was lost"},
		{"event is empty", nil, nth(3, func(_ message.Event, send func(message.Event)) { send(message.Event{}) }), "neither one observation nor one mark"},
		{"Close fails", nil, with(faults{closePub: func(next func() error) error { return errors.Join(next(), errors.New("close")) }}), "publishing: close"},
	},
	"receipt": {
		{"wrong position", nil, with(faults{publish: func(ctx context.Context, ch brokers.Channel, m brokers.Outgoing, next publishFunc) (brokers.Receipt, error) {
			r, err := next(ctx, ch, m)
			r.Position.Offset++
			return r, err
		}}), "the receipt says position"},
		{"claimed, but none", memorytest.Exchange, claim(func(c *brokertest.Claims) { c.Receipts = true }), "the receipt says position"},
		{"not claimed, but told", nil, claim(func(c *brokertest.Claims) { c.Receipts = false }), "receipts are not claimed"},
	},
	"unroutable": {
		{"claimed, but accepted", nil, claim(func(c *brokertest.Claims) { c.Unroutable = true }), "want ErrUnroutable"},
		{"not claimed, but refused", memorytest.Exchange, claim(func(c *brokertest.Claims) { c.Unroutable = false }), "unroutable is not claimed"},
		{"another error", memorytest.Exchange, hides(brokers.ErrUnroutable), "want ErrUnroutable"},
	},
	"absent-publish": {
		{"created by accident", nil, func(s *brokertest.Subject, w works) {
			breakIt(s, faults{publish: func(ctx context.Context, ch brokers.Channel, m brokers.Outgoing, next publishFunc) (brokers.Receipt, error) {
				r, err := next(ctx, ch, m)
				w.server.CreateTopic(ch.Topic, 1)
				return r, err
			}})
		}, "want ErrAbsent, got: <nil>"},
		{"another error", nil, hides(brokers.ErrAbsent), "want ErrAbsent"},
		{"names nothing", nil, with(faults{publish: func(ctx context.Context, ch brokers.Channel, m brokers.Outgoing, next publishFunc) (brokers.Receipt, error) {
			r, err := next(ctx, ch, m)
			if err != nil {
				err = brokers.ErrAbsent
			}
			return r, err
		}}), "the error does not name"},
		{"dies of it", nil, diesOfError, "after the error"},
	},
}

// forgetful is a publisher that says yes at once, publishes a moment later, and
// forgets what is under way when it is closed.
func forgetful() faults {
	var mu sync.Mutex
	closed := false
	var late sync.WaitGroup
	return faults{
		publish: func(_ context.Context, ch brokers.Channel, m brokers.Outgoing, next publishFunc) (brokers.Receipt, error) {
			late.Go(func() {
				<-time.After(time.Millisecond)
				mu.Lock()
				defer mu.Unlock()
				if !closed {
					_, _ = next(context.Background(), ch, m)
				}
			})
			return brokers.Receipt{}, nil
		},
		closePub: func(next func() error) error {
			mu.Lock()
			closed = true
			mu.Unlock()
			late.Wait()
			return next()
		},
	}
}

// hides is a publisher whose errors cannot be told apart.
func hides(kind error) func(*brokertest.Subject, works) {
	return with(faults{publish: func(ctx context.Context, ch brokers.Channel, m brokers.Outgoing, next publishFunc) (brokers.Receipt, error) {
		r, err := next(ctx, ch, m)
		if errors.Is(err, kind) {
			err = errors.New(err.Error())
		}
		return r, err
	}})
}

// diesOfError is a publisher that does nothing any more after its first error.
func diesOfError(s *brokertest.Subject, _ works) {
	var dead error
	breakIt(s, faults{publish: func(ctx context.Context, ch brokers.Channel, m brokers.Outgoing, next publishFunc) (brokers.Receipt, error) {
		r, err := next(ctx, ch, m)
		if err != nil {
			dead = errors.New("after the error")
		} else if dead != nil {
			return brokers.Receipt{}, dead
		}
		return r, err
	}})
}

var armingFlaws = map[string][]flaw{
	"armed": {
		{"arms late", nil, with(faults{tap: armsLate}), "lost:"},
		{"doubles", nil, nth(4, doubles), "seen twice"},
		{"loses some", nil, every(5, loses), "lost:"},
	},
	"starts-at-end": {
		{"starts at the beginning", nil, with(faults{tap: func(ctx context.Context, cfg brokers.TapConfig, next tapFunc) (brokers.Tap, error) {
			cfg.Start.At = brokers.StartBeginning
			return next(ctx, cfg)
		}}), "messages too many"},
	},
	"call-context": {
		{"the tap ends with it", nil, with(faults{tap: func(ctx context.Context, cfg brokers.TapConfig, next tapFunc) (brokers.Tap, error) {
			t, err := next(ctx, cfg)
			if err == nil {
				context.AfterFunc(ctx, func() { t.Close(context.Background()) })
			}
			return t, err
		}}), "0 of 3 messages came"},
		{"the publisher ends with it", nil, with(faults{openPublisher: func(opened context.Context, cfg brokers.Config, next openPublisher) (brokers.Publisher, error) {
			p, err := next(opened, cfg)
			return publisherFunc{p, func(ctx context.Context, ch brokers.Channel, m brokers.Outgoing) (brokers.Receipt, error) {
				if err := opened.Err(); err != nil {
					return brokers.Receipt{}, err
				}
				return p.Publish(ctx, ch, m)
			}}, err
		}}), "context canceled"},
	},
}

// publisherFunc is a publisher with a Publish of its own.
type publisherFunc struct {
	brokers.Publisher
	f publishFunc
}

func (p publisherFunc) Publish(ctx context.Context, ch brokers.Channel, m brokers.Outgoing) (brokers.Receipt, error) {
	return p.f(ctx, ch, m)
}

// armsLate returns at once and arms a moment later.
func armsLate(ctx context.Context, cfg brokers.TapConfig, next tapFunc) (brokers.Tap, error) {
	l := &lateTap{armed: make(chan struct{})}
	ctx = context.WithoutCancel(ctx)
	go func() {
		defer close(l.armed)
		<-time.After(time.Millisecond)
		l.tap, l.err = next(ctx, cfg)
	}()
	return l, nil
}

// lateTap waits for its arming in all that it does.
type lateTap struct {
	armed chan struct{}
	tap   brokers.Tap
	err   error
}

func (l *lateTap) CatchUp(ctx context.Context) (brokers.Caught, error) {
	<-l.armed
	if l.err != nil {
		return brokers.Caught{}, l.err
	}
	return l.tap.CatchUp(ctx)
}

func (l *lateTap) Close(ctx context.Context) error {
	<-l.armed
	if l.err != nil {
		return l.err
	}
	return l.tap.Close(ctx)
}
