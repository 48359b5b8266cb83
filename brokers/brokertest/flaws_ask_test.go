package brokertest_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/brokertest"
	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/brokers/memory/memorytest"
	"github.com/flowcheck/flowcheck/message"
)

// tapErrors is a fault of Tap's errors.
func tapErrors(change func(error) error) func(*brokertest.Subject, works) {
	return with(faults{tap: func(ctx context.Context, cfg brokers.TapConfig, next tapFunc) (brokers.Tap, error) {
		t, err := next(ctx, cfg)
		if err != nil {
			err = change(err)
		}
		return t, err
	}})
}

// opaque makes of an error one that cannot be told apart.
func opaque(err error) error { return errors.New(err.Error()) }

// openErrors is a fault of the errors of both openings.
func openErrors(change func(error, brokers.Config) error) func(*brokertest.Subject, works) {
	return with(faults{
		openTapper: func(ctx context.Context, cfg brokers.Config, next openTapper) (brokers.Tapper, error) {
			t, err := next(ctx, cfg)
			if err != nil {
				err = change(err, cfg)
			}
			return t, err
		},
		openPublisher: func(ctx context.Context, cfg brokers.Config, next openPublisher) (brokers.Publisher, error) {
			p, err := next(ctx, cfg)
			if err != nil {
				err = change(err, cfg)
			}
			return p, err
		},
	})
}

// tells puts the password into the error.
func tells(err error, cfg brokers.Config) error { return fmt.Errorf("%s: %w", cfg.Password, err) }

// opensLate is a publisher that connects with the first message only.
func opensLate(s *brokertest.Subject, _ works) {
	breakIt(s, faults{openPublisher: func(_ context.Context, cfg brokers.Config, next openPublisher) (brokers.Publisher, error) {
		p, err := next(context.Background(), cfg)
		if err != nil {
			p = idlePublisher{}
		}
		return p, nil
	}})
}

// idlePublisher is not connected.
type idlePublisher struct{ brokers.Publisher }

func (idlePublisher) Close() error { return nil }

// waits opens nothing until the case is over.
func waits(s *brokertest.Subject, w works) {
	breakIt(s, faults{openTapper: func(ctx context.Context, cfg brokers.Config, next openTapper) (brokers.Tapper, error) {
		<-w.release
		return next(ctx, cfg)
	}})
}

var errorFlaws = map[string][]flaw{
	"absent-tap": {
		{"created by accident", nil, func(s *brokertest.Subject, w works) {
			breakIt(s, faults{tap: func(ctx context.Context, cfg brokers.TapConfig, next tapFunc) (brokers.Tap, error) {
				t, err := next(ctx, cfg)
				w.server.CreateTopic(cfg.Channels[0].Topic, 1)
				return t, err
			}})
		}, "want ErrAbsent, got: <nil>"},
		{"another error", nil, tapErrors(opaque), "want ErrAbsent"},
		{"names nothing", nil, tapErrors(func(error) error { return brokers.ErrAbsent }), "does not name"},
		{"leaves what it had made", memorytest.SNS, onTap(func(cfg brokers.TapConfig, w works) {
			if len(cfg.Channels) == 2 {
				_ = w.server.CreateSQS("flowcheck-left", memory.SQSOptions{})
			}
		}), "the system changed"},
	},
	"untappable": {
		{"tapped all the same", memorytest.Exchange, with(faults{tap: func(ctx context.Context, cfg brokers.TapConfig, next tapFunc) (brokers.Tap, error) {
			cfg.Channels[0].RoutingKeys = []string{"#"}
			return next(ctx, cfg)
		}}), "want ErrNotTappable, got: <nil>"},
		{"another error", memorytest.Queue, tapErrors(opaque), "want ErrNotTappable"},
		{"names nothing", memorytest.SQS, tapErrors(func(error) error { return brokers.ErrNotTappable }), "does not name"},
		{"leaves something", memorytest.Queue, litters, "the system changed"},
		{"no hook", memorytest.Queue, func(s *brokertest.Subject, _ works) { s.Untappable = nil }, "Subject.Untappable is not given"},
	},
	"unreachable": {
		{"another error", nil, openErrors(func(err error, _ brokers.Config) error { return opaque(err) }), "want \"broker unreachable\""},
		{"tells the password", nil, openErrors(tells), "tells the password"},
		{"not noticed", nil, opensLate, "want \"broker unreachable\", got: <nil>"},
		{"waits", nil, func(s *brokertest.Subject, w works) {
			s.Patience = time.Hour
			waits(s, w)
		}, "OpenTapper did not return within 30s"},
		{"no hook", nil, func(s *brokertest.Subject, _ works) { s.Unreachable = brokers.Config{} }, "Subject.Unreachable is not given"},
	},
	"refused": {
		{"another error", nil, openErrors(func(err error, _ brokers.Config) error { return opaque(err) }), "want \"refused by the broker\""},
		{"tells the password", nil, openErrors(tells), "tells the password"},
		{"not noticed", nil, opensLate, "want \"refused by the broker\", got: <nil>"},
		{"no hook", nil, func(s *brokertest.Subject, _ works) { s.Refused = brokers.Config{} }, "Subject.Refused is not given"},
	},
	"cancelled-tap": {
		{"leaves something", nil, litters, "the system changed"},
		{"ignores the context", nil, with(faults{tap: func(ctx context.Context, cfg brokers.TapConfig, next tapFunc) (brokers.Tap, error) {
			return next(context.WithoutCancel(ctx), cfg)
		}}), "with a context that is over"},
		{"no hook", nil, func(s *brokertest.Subject, _ works) { s.Observe = nil }, "Subject.Observe is not given"},
	},
}

// planned is a fault of the plan.
func planned(change func([]brokers.Action)) func(*brokertest.Subject, works) {
	return with(faults{plan: func(ctx context.Context, cfg brokers.TapConfig, next planFunc) ([]brokers.Action, error) {
		plan, err := next(ctx, cfg)
		change(plan)
		return plan, err
	}})
}

// quiets is a fault of the tapper's word.
func quiets(change func(*brokers.Quiescence)) func(*brokertest.Subject, works) {
	return with(faults{quiet: func(ctx context.Context, chs []brokers.Channel, next quietFunc) (brokers.Quiescence, error) {
		q, err := next(ctx, chs)
		change(&q)
		return q, err
	}})
}

// identities is a fault of the tapper's identity.
func identities(change func(*message.BrokerIdentity)) func(*brokertest.Subject, works) {
	return with(faults{identify: func(ctx context.Context, next identifyFunc) (message.BrokerIdentity, error) {
		id, err := next(ctx)
		change(&id)
		return id, err
	}})
}

// plain hides what a tapper can do beside tapping.
func plain(s *brokertest.Subject, _ works) {
	whole := s.Adapter.OpenTapper
	s.Adapter.OpenTapper = func(ctx context.Context, cfg brokers.Config) (brokers.Tapper, error) {
		t, err := whole(ctx, cfg)
		return struct{ brokers.Tapper }{t}, err
	}
}

// changing gives each tapper another id.
func changing(s *brokertest.Subject, w works) {
	var n atomic.Int64
	identities(func(id *message.BrokerIdentity) { id.ID = fmt.Sprint(n.Add(1)) })(s, w)
}

var askFlaws = map[string][]flaw{
	"plan": {
		{"names nothing", nil, planned(func(all []brokers.Action) { all[1].Object = "a topic" }), "the plan does not name"},
		{"no permission", nil, planned(func(all []brokers.Action) { all[0].Permission = "" }), "lacks its verb, object or permission"},
		{"no verb", nil, planned(func(all []brokers.Action) { all[0].Verb = "" }), "lacks its verb, object or permission"},
		{"does it", memorytest.Queue, func(s *brokertest.Subject, w works) {
			breakIt(s, faults{plan: func(ctx context.Context, cfg brokers.TapConfig, next planFunc) ([]brokers.Action, error) {
				_ = w.server.DeclareQueue("flowcheck-planned", memory.QueueOptions{})
				return next(ctx, cfg)
			}})
		}, "the system changed"},
		{"fails", nil, with(faults{plan: func(context.Context, brokers.TapConfig, planFunc) ([]brokers.Action, error) {
			return nil, errors.New("no")
		}}), "Plan: no"},
	},
	"quiet": {
		{"always quiet", nil, quiets(func(q *brokers.Quiescence) { *q = brokers.Quiescence{Known: true, Quiet: true} }), "quiet becomes false: not within"},
		{"never quiet", memorytest.Exchange, quiets(func(q *brokers.Quiescence) {
			*q = brokers.Quiescence{Known: true, Reason: "work"}
		}), "quiet becomes true: not within"},
		{"not known", memorytest.SNS, quiets(func(q *brokers.Quiescence) { q.Known = false }), "quiet becomes false: not within"},
		{"quiet before the last", nil, quiets(func(q *brokers.Quiescence) {
			if q.Reason == "group group-2 has 1 messages of topic-1 to go" {
				*q = brokers.Quiescence{Known: true, Quiet: true}
			}
		}), "quiet becomes false: not within"},
		{"no reason", nil, quiets(func(q *brokers.Quiescence) { q.Reason = "" }), "without a reason"},
		{"fails", nil, with(faults{quiet: func(context.Context, []brokers.Channel, quietFunc) (brokers.Quiescence, error) {
			return brokers.Quiescence{}, errors.New("no")
		}}), "Quiet: no"},
		{"claimed, but cannot", nil, plain, "the tapper is no Watcher"},
		{"not claimed, but can", nil, claim(func(c *brokertest.Claims) { c.Quiet = false }), "it is not claimed that quiet can be known"},
		{"no hook", nil, func(s *brokertest.Subject, _ works) { s.NewConsumer = nil }, "Subject.NewConsumer is not given"},
	},
	"identify": {
		{"changes", nil, changing, "they differ"},
		{"no id", nil, identities(func(id *message.BrokerIdentity) { id.ID = "" }), "lack the id"},
		{"another kind", nil, identities(func(id *message.BrokerIdentity) { id.Kind = "kafka" }), "the kind is not"},
		{"claimed, but cannot", nil, plain, "the tapper is no Identifier"},
		{"not claimed, but can", nil, claim(func(c *brokertest.Claims) { c.Identity = false }), "an identity is not claimed"},
	},
}
