// Package shop is a small order system over three brokers, for flowcheck to be
// tried on. It is no model of how to build one: it keeps its state in memory.
//
//	orders (Kafka) → billing → payments (Kafka) → shipping → exchange "shipping" (RabbitMQ)
//	   → courier → SNS "customer-mail" → SQS → mailer
//
// The courier tries a shipment three times, through a retry queue, and then
// parks it on the exchange "shipping.dlx".
//
// Each of its bugs can be switched on by name; see Bugs.
package shop

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
)

// Flow is the shop's flow file.
//
//go:embed order.flow.yaml
var Flow []byte

// Names of what the shop uses on the brokers.
const (
	topicOrders   = "orders"
	topicPayments = "payments"

	exchangeShipping = "shipping"
	exchangeRetry    = "shipping.retry"
	exchangeParked   = "shipping.dlx"
	exchangeOther    = "shipping.other"
	queueWork        = "shipping.work"
	queueRetry       = "shipping.retry"
	queueParked      = "shipping.parked"
	queueOther       = "shipping.other"

	topicMail = "customer-mail"
	queueMail = "customer-mail-out"
)

// Config says where the shop's brokers are, and what is wrong with it.
type Config struct {
	// Kafka are the bootstrap addresses.
	Kafka []string
	Tasks Tasks
	Mails Mails
	// Bug is the name of one of Bugs; "" is a correct shop.
	Bug string
	Log *slog.Logger
}

// Task is a message on RabbitMQ.
type Task struct {
	Key     string
	Headers map[string]any
	Body    []byte
}

// Verdict is what a consumer does with a task.
type Verdict int

// The verdicts on a task.
const (
	Done   Verdict = iota // acknowledge
	Refuse                // reject: the queue's dead-letter exchange gets it
	Again                 // reject and requeue
)

// Tasks is RabbitMQ as the shop needs it.
type Tasks interface {
	// Declare makes the exchanges, queues and bindings.
	Declare(ctx context.Context) error
	Publish(ctx context.Context, exchange string, t Task) error
	// Consume handles one task after the other until ctx ends.
	Consume(ctx context.Context, queue string, handle func(context.Context, Task) Verdict) error
}

// Mails is SNS and SQS as the shop needs them.
type Mails interface {
	Declare(ctx context.Context) error
	Publish(ctx context.Context, body []byte) error
	// Consume handles one mail after the other until ctx ends.
	Consume(ctx context.Context, handle func(body []byte)) error
}

// Shop is a running shop.
type Shop struct {
	cfg    Config
	events *events
	cancel context.CancelFunc
	wait   sync.WaitGroup

	billing billing
	courier courier
}

// Start declares what the shop needs and starts its services. It returns when
// every consumer is ready.
func Start(ctx context.Context, cfg Config) (*Shop, error) {
	if cfg.Bug != "" && !slices.ContainsFunc(Bugs, func(b Bug) bool { return b.Name == cfg.Bug }) {
		return nil, fmt.Errorf("the shop has no bug %q", cfg.Bug)
	}
	events, err := openEvents(cfg.Kafka)
	if err != nil {
		return nil, err
	}
	s := &Shop{cfg: cfg, events: events}
	s.billing.init()
	s.courier.init()
	if err := errors.Join(cfg.Tasks.Declare(ctx), cfg.Mails.Declare(ctx)); err != nil {
		return nil, errors.Join(err, events.close())
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	ready := make(chan struct{}, 2)
	s.service("billing", func() error { return events.consume(run, "billing", topicOrders, ready, s.bill) })
	s.service("shipping", func() error { return events.consume(run, "shipping", topicPayments, ready, s.ship) })
	s.service("courier", func() error { return cfg.Tasks.Consume(run, queueWork, s.deliver) })
	s.service("mailer", func() error { return cfg.Mails.Consume(run, func([]byte) {}) })
	for range 2 {
		select {
		case <-ready:
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), s.Close())
		}
	}
	return s, nil
}

func (s *Shop) service(name string, run func() error) {
	s.wait.Go(func() {
		if err := run(); err != nil && !errors.Is(err, context.Canceled) {
			s.cfg.Log.Error("a service of the shop ended", "service", name, "error", err)
		}
	})
}

// Close stops the services and waits for them.
func (s *Shop) Close() error {
	s.cancel()
	s.wait.Wait()
	return s.events.close()
}

func (s *Shop) has(bug string) bool { return s.cfg.Bug == bug }
