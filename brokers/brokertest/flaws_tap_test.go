package brokertest_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/brokertest"
	"github.com/flowcheck/flowcheck/brokers/memory/memorytest"
	"github.com/flowcheck/flowcheck/message"
)

var timeFlaws = map[string][]flaw{
	"broker-time": {
		{"an hour ago", nil, changed(func(o *message.Observation) { o.Time = o.Time.Add(-time.Hour) }), "the broker's time is"},
		{"in an hour", memorytest.SNS, changed(func(o *message.Observation) { o.Time = o.Time.Add(time.Hour) }), "the broker's time is"},
		{"none", nil, changed(func(o *message.Observation) { o.Time = time.Time{} }), "the broker's time is"},
		{"not claimed, but there", nil, claim(func(c *brokertest.Claims) { c.BrokerTime = false }), "a broker time is not claimed"},
		{"claimed, but not there", memorytest.Exchange, claim(func(c *brokertest.Claims) { c.BrokerTime = true }), "the broker's time is"},
		{"the producer's, not claimed", nil, changed(func(o *message.Observation) { o.ProducerClock = true }), "the producer's clock is claimed: false"},
		{"not the producer's, but claimed", nil, claim(func(c *brokertest.Claims) { c.ProducerClock = true }), "the producer's clock is claimed: true"},
	},
	"seen": {
		{"none", nil, changed(func(o *message.Observation) { o.Seen = time.Time{} }), "Seen is"},
		{"later", nil, changed(func(o *message.Observation) { o.Seen = o.Seen.Add(time.Second) }), "Seen is"},
	},
}

// onTap is a fault that does something before each tap.
func onTap(also func(cfg brokers.TapConfig, w works)) func(*brokertest.Subject, works) {
	return func(s *brokertest.Subject, w works) {
		breakIt(s, faults{tap: func(ctx context.Context, cfg brokers.TapConfig, next tapFunc) (brokers.Tap, error) {
			also(cfg, w)
			return next(ctx, cfg)
		}})
	}
}

// stealing gives each message to the first tap that sees it.
func stealing(s *brokertest.Subject, _ works) {
	var mu sync.Mutex
	given := map[string]bool{}
	breakIt(s, faults{event: func(e message.Event, send func(message.Event)) {
		mu.Lock()
		gone := given[string(e.Observation.Payload)]
		given[string(e.Observation.Payload)] = true
		mu.Unlock()
		if !gone {
			send(e)
		}
	}})
}

// competes takes one message from the system's own queue.
func competes(s *brokertest.Subject, w works) {
	var once sync.Once
	breakIt(s, faults{publish: func(ctx context.Context, ch brokers.Channel, m brokers.Outgoing, next publishFunc) (brokers.Receipt, error) {
		r, err := next(ctx, ch, m)
		once.Do(func() {
			c, consumeErr := w.server.Consume(ch.Exchange + ".work")
			if consumeErr != nil {
				return
			}
			defer c.Close()
			if d, nextErr := c.Next(ctx); nextErr == nil {
				d.Ack()
			}
		})
		return r, err
	}})
}

// publishesTwice sends each message twice.
var publishesTwice = with(faults{publish: func(ctx context.Context, ch brokers.Channel, m brokers.Outgoing, next publishFunc) (brokers.Receipt, error) {
	if _, err := next(ctx, ch, m); err != nil {
		return brokers.Receipt{}, err
	}
	return next(ctx, ch, m)
}})

var neighbourFlaws = map[string][]flaw{
	"two-taps": {
		{"one takes from the other", nil, stealing, "of 20 messages came"},
		{"one takes from the other's queue", memorytest.SNS, stealing, "of 20 messages came"},
	},
	"competing-consumer": {
		{"one is taken", memorytest.Exchange, competes, "the system's consumer got 19 of 20"},
		{"everything is sent twice", memorytest.Queue, publishesTwice, "lost: 10 of 20"},
		{"no hook", nil, func(s *brokertest.Subject, _ works) { s.NewConsumer = nil }, "Subject.NewConsumer is not given"},
	},
	"undisturbed": {
		{"the tap joins a group", nil, onTap(func(cfg brokers.TapConfig, w works) {
			if m, err := w.server.Join("mine", cfg.Channels[0].Topic); err == nil {
				m.Leave()
			}
		}), "the system changed"},
		{"the tap receives and gives back", memorytest.SNS, onTap(func(cfg brokers.TapConfig, w works) {
			queue := cfg.Channels[0].SNS + "-work"
			if r, err := w.server.Receive(context.Background(), queue); err == nil {
				_ = w.server.ChangeVisibility(queue, r.Handle, 0)
			}
		}), "the system changed"},
		{"the tap takes and requeues", memorytest.Exchange, onTap(func(cfg brokers.TapConfig, w works) {
			if c, err := w.server.Consume(cfg.Channels[0].Exchange + ".work"); err == nil {
				if d, err := c.Next(context.Background()); err == nil {
					d.Reject(true)
				}
				c.Close()
			}
		}), "the system changed"},
		{"asking creates", nil, func(s *brokertest.Subject, w works) {
			breakIt(s, faults{quiet: func(ctx context.Context, chs []brokers.Channel, next quietFunc) (brokers.Quiescence, error) {
				w.server.CreateTopic("asked", 1)
				return next(ctx, chs)
			}})
		}, "the system changed"},
		{"no hook", nil, func(s *brokertest.Subject, _ works) { s.Observe = nil }, "Subject.Observe is not given"},
	},
}

// starts makes every tap start elsewhere.
func starts(change func(*brokers.Start)) func(*brokertest.Subject, works) {
	return with(faults{tap: func(ctx context.Context, cfg brokers.TapConfig, next tapFunc) (brokers.Tap, error) {
		change(&cfg.Start)
		return next(ctx, cfg)
	}})
}

// atEnd starts at the end whatever is asked.
var atEnd = starts(func(s *brokers.Start) { *s = brokers.Start{} })

// atBeginning starts at the beginning whatever is asked.
var atBeginning = starts(func(s *brokers.Start) { *s = brokers.Start{At: brokers.StartBeginning} })

var startFlaws = map[string][]flaw{
	"start-beginning": {
		{"ignored", nil, atEnd, "0 of 5 messages came"},
		{"not claimed, but served", nil, claim(func(c *brokertest.Claims) { c.StartBeginning = false }), "a start at the beginning is not claimed"},
		{"claimed, but refused", memorytest.Exchange, claim(func(c *brokertest.Claims) { c.StartBeginning = true }), "Tap from the beginning"},
	},
	"start-offset": {
		{"ignored", nil, atEnd, "0 of 3 messages came"},
		{"from the beginning", nil, atBeginning, "messages too many"},
		{"one too far", nil, starts(func(s *brokers.Start) { s.Offset++ }), "2 of 3 messages came"},
		{"not claimed, but served", nil, claim(func(c *brokertest.Claims) { c.StartOffset = false }), "a start at the offset is not claimed"},
		{"claimed, but refused", memorytest.Queue, claim(func(c *brokertest.Claims) { c.StartOffset = true }), "Tap from the offset"},
	},
	"start-time": {
		{"ignored", nil, atEnd, "0 of 2 messages came"},
		{"from the beginning", nil, atBeginning, "messages too many"},
		{"not claimed, but served", nil, claim(func(c *brokertest.Claims) { c.StartTime = false }), "a start at the time is not claimed"},
		{"claimed, but refused", memorytest.SNS, claim(func(c *brokertest.Claims) { c.StartTime = true }), "Tap from the time"},
	},
}

// early returns before anything has been sent.
var early = with(faults{catchUp: func(context.Context, catchUpFunc) (brokers.Caught, error) {
	return brokers.Caught{Exact: true}, nil
}})

// catches is a fault of CatchUp's answer.
func catches(change func(*brokers.Caught)) func(*brokertest.Subject, works) {
	return with(faults{catchUp: func(ctx context.Context, next catchUpFunc) (brokers.Caught, error) {
		caught, err := next(ctx)
		change(&caught)
		return caught, err
	}})
}

var catchUpFlaws = map[string][]flaw{
	"catch-up": {
		{"returns early", nil, early, "lost:"},
		{"never returns", nil, func(s *brokertest.Subject, w works) {
			breakIt(s, faults{catchUp: func(context.Context, catchUpFunc) (brokers.Caught, error) {
				<-w.release
				return brokers.Caught{}, nil
			}})
		}, "neither with its work done nor with its context"},
		{"waits for a message on a silent channel", nil, with(faults{catchUp: func(ctx context.Context, _ catchUpFunc) (brokers.Caught, error) {
			<-ctx.Done()
			return brokers.Caught{}, ctx.Err()
		}}), "CatchUp: context deadline exceeded"},
		{"not sure, but claimed", nil, catches(func(c *brokers.Caught) { *c = brokers.Caught{Reason: "perhaps"} }), "CatchUp says exact: false"},
		{"sure, but not claimed", nil, claim(func(c *brokertest.Claims) { c.ExactCatchUp = false }), "CatchUp says exact: true"},
		{"not sure, and no reason", nil, func(s *brokertest.Subject, w works) {
			s.Claims.ExactCatchUp = false
			catches(func(c *brokers.Caught) { c.Exact = false })(s, w)
		}, "CatchUp says exact: false"},
		{"sure, with a reason not to be", nil, catches(func(c *brokers.Caught) { c.Reason = "perhaps" }), "CatchUp says exact: true"},
		{"sends what nobody published", nil, func(s *brokertest.Subject, _ works) {
			breakIt(s, faults{tap: func(ctx context.Context, cfg brokers.TapConfig, next tapFunc) (brokers.Tap, error) {
				t, err := next(ctx, cfg)
				return sayingTap{t, cfg.Events}, err
			}})
		}, "nothing was published, but seen"},
		{"sends one again", nil, nth(100, func(e message.Event, send func(message.Event)) {
			doubles(e, send)
		}), "seen 1 times more"},
	},
	"catch-up-load": {
		{"returns early", nil, early, "lost:"},
		{"loses", nil, nth(30, loses), "lost:"},
		{"doubles", nil, nth(30, doubles), "seen twice"},
	},
	"catch-up-blocked": {
		{"returns early", nil, early, "before anything had been sent"},
		{"forgets the one in hand", nil, with(faults{forgetsHand: true}), "before the last had been sent"},
		{"loses", nil, nth(3, loses), "before the last had been sent"},
	},
	"catch-up-context": {
		{"ignores it", nil, func(s *brokertest.Subject, w works) {
			breakIt(s, faults{catchUp: func(ctx context.Context, next catchUpFunc) (brokers.Caught, error) {
				ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
				defer cancel()
				go func() {
					select {
					case <-w.release:
						cancel()
					case <-ctx.Done():
					}
				}()
				return next(ctx)
			}})
		}, "does not return when its context is cancelled"},
		{"takes it for a success", nil, with(faults{catchUp: func(ctx context.Context, next catchUpFunc) (brokers.Caught, error) {
			caught, _ := next(ctx)
			return caught, nil
		}}), "want context.Canceled"},
		{"returns early", nil, early, "want context.Canceled"},
		{"another error", nil, with(faults{catchUp: func(ctx context.Context, next catchUpFunc) (brokers.Caught, error) {
			caught, _ := next(ctx)
			return caught, errors.New("no")
		}}), "want context.Canceled"},
	},
}

// sayingTap sends an event of its own before each CatchUp.
type sayingTap struct {
	brokers.Tap
	events chan<- message.Event
}

func (t sayingTap) CatchUp(ctx context.Context) (brokers.Caught, error) {
	select {
	case t.events <- message.Event{Observation: &message.Observation{}}:
	case <-ctx.Done():
	}
	return t.Tap.CatchUp(ctx)
}
