package brokertest_test

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/brokertest"
	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/brokers/memory/memorytest"
	"github.com/flowcheck/flowcheck/message"
)

// onClose is a fault of a tap's Close.
func onClose(fault func(ctx context.Context, b *brokenTap, next func(context.Context) error, w works) error) func(*brokertest.Subject, works) {
	return func(s *brokertest.Subject, w works) {
		breakIt(s, faults{close: func(ctx context.Context, b *brokenTap, next func(context.Context) error) error {
			return fault(ctx, b, next, w)
		}})
	}
}

// late sends an event after Close has returned.
func late(ctx context.Context, b *brokenTap, next func(context.Context) error, w works) error {
	err := next(ctx)
	go func() {
		select {
		case <-time.After(time.Millisecond):
		case <-w.release:
			return
		}
		select {
		case b.out <- message.Event{Observation: &message.Observation{}}:
		case <-w.release:
		}
	}()
	return err
}

// hangs never returns from Close.
func hangs(ctx context.Context, _ *brokenTap, next func(context.Context) error, w works) error {
	<-w.release
	return next(ctx)
}

// second fails every Close but the first.
func second(s *brokertest.Subject, _ works) {
	var calls atomic.Int64
	breakIt(s, faults{close: func(ctx context.Context, _ *brokenTap, next func(context.Context) error) error {
		err := next(ctx)
		if calls.Add(1) > 1 {
			return errors.New("closed already")
		}
		return err
	}})
}

// third fails every Close but the first two.
func third(s *brokertest.Subject, _ works) {
	var calls atomic.Int64
	breakIt(s, faults{close: func(ctx context.Context, _ *brokenTap, next func(context.Context) error) error {
		err := next(ctx)
		if calls.Add(1) > 2 {
			return errors.New("closed already")
		}
		return err
	}})
}

// litters leaves a queue of flowcheck's own with each tap.
var litters = onTap(func(_ brokers.TapConfig, w works) {
	_ = w.server.DeclareQueue("flowcheck-left", memory.QueueOptions{})
})

// neverCloses keeps the taps open when the tapper is closed.
func neverCloses(s *brokertest.Subject, w works) {
	breakIt(s, faults{closeTapper: func(func() error) error { return nil }})
	_ = w
}

// reopens taps with a connection of its own once the tapper is closed.
func reopens(s *brokertest.Subject, _ works) {
	whole := s.Adapter.OpenTapper
	breakIt(s, faults{tap: func(ctx context.Context, cfg brokers.TapConfig, next tapFunc) (brokers.Tap, error) {
		if tap, err := next(ctx, cfg); err == nil {
			return tap, nil
		}
		t, err := whole(ctx, brokers.Config{URL: "memory://suite", Username: "tester", Password: "correct-horse"})
		if err != nil {
			return nil, err
		}
		return t.Tap(ctx, cfg)
	}})
}

// leaks starts a goroutine that nobody ends.
func leaks(w works) {
	go func() { <-w.release }()
}

var closeFlaws = map[string][]flaw{
	"close-silent": {
		{"waits for its reader", nil, onClose(hangs), "Close did not return"},
		{"sends afterwards", nil, onClose(late), "after Close returned: the tap sent"},
		{"does nothing", nil, onClose(func(ctx context.Context, b *brokenTap, next func(context.Context) error, w works) error {
			go func() {
				<-w.release
				_ = next(ctx)
			}()
			return nil
		}), "after Close returned: the tap sent"},
		{"fails", nil, onClose(func(ctx context.Context, _ *brokenTap, next func(context.Context) error, _ works) error {
			return errors.Join(next(ctx), errors.New("no"))
		}), "Close: no"},
	},
	"close-twice": {
		{"the second fails", nil, second, "closed already"},
		{"the third fails", nil, third, "Close, again: closed already"},
		{"hangs", nil, onClose(hangs), "did not return"},
	},
	"close-context": {
		{"ignores it", nil, onClose(hangs), "Close with a cancelled context did not return"},
		{"sends afterwards", nil, onClose(late), "after Close with a cancelled context returned: the tap sent"},
		{"can never be finished", nil, onClose(func(ctx context.Context, _ *brokenTap, next func(context.Context) error, _ works) error {
			return errors.Join(next(ctx), errors.New("no"))
		}), "Close, again: no"},
	},
	"close-removes": {
		{"leaves a queue", nil, litters, "the system changed"},
		{"leaves its binding", memorytest.Exchange, func(s *brokertest.Subject, w works) {
			onClose(func(ctx context.Context, b *brokenTap, next func(context.Context) error, w works) error {
				go func() {
					<-w.release
					_ = next(ctx)
				}()
				return nil
			})(s, w)
		}, "the system changed"},
		{"no hook", nil, func(s *brokertest.Subject, _ works) { s.Observe = nil }, "Subject.Observe is not given"},
	},
	"close-tapper": {
		{"leaves the taps", memorytest.SNS, neverCloses, "the system changed"},
		{"leaves the taps of a topic", nil, neverCloses, "after Tapper.Close returned: the tap sent"},
		{"taps afterwards", nil, reopens, "a closed tapper taps"},
		{"fails", nil, with(faults{closeTapper: func(next func() error) error { return errors.Join(next(), errors.New("no")) }}), "Tapper.Close: no"},
		{"no hook", nil, func(s *brokertest.Subject, _ works) { s.Observe = nil }, "Subject.Observe is not given"},
	},
	"goroutines": {
		{"a tap leaks", nil, onTap(func(_ brokers.TapConfig, w works) { leaks(w) }), "goroutines end: not within"},
		{"a failed connection leaks", nil, func(s *brokertest.Subject, w works) {
			breakIt(s, faults{openTapper: func(ctx context.Context, cfg brokers.Config, next openTapper) (brokers.Tapper, error) {
				t, err := next(ctx, cfg)
				if err != nil {
					leaks(w)
				}
				return t, err
			}})
		}, "goroutines end: not within"},
		{"a publisher leaks", nil, func(s *brokertest.Subject, w works) {
			breakIt(s, faults{openPublisher: func(ctx context.Context, cfg brokers.Config, next openPublisher) (brokers.Publisher, error) {
				leaks(w)
				return next(ctx, cfg)
			}})
		}, "goroutines end: not within"},
	},
}
