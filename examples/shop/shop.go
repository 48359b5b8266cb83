// Package shop is a small order system over three brokers, for flowcheck to be
// tried on.
//
//	orders (Kafka) → billing → payments (Kafka) → shipping → exchange "shipping" (RabbitMQ)
//	   → courier → SNS "customer-mail" → SQS → mailer → SNS "letters"
//	addresses (Kafka) → profiles → profiles (Kafka)
//
// Billing also posts each payment to the SNS FIFO topic "ledger.fifo", and
// dead-letters orders on the topic "orders.dlt". The courier tries a shipment
// three times, through a retry queue, and then parks it on the exchange
// "shipping.dlx". The mailer leaves what it cannot read on SNS "mail-failures".
//
// Each service takes a message, and in one transaction of its database notes the
// business id, changes its state, and writes what is to be published into an
// outbox. A relay publishes the outbox in its order. The message is acknowledged
// when that is done. The database is in memory, but it outlives a restart.
//
// Each of its bugs can be switched on by name; see Bugs.
package shop

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/flowcheck/flowcheck/internal/pause"
)

// Flows are the shop's flow files: order is the whole of it, the others are its
// parts.
//
//go:embed *.flow.yaml
var Flows embed.FS

// WholeFlow is the flow file of the whole shop.
const WholeFlow = "order.flow.yaml"

// Names of what the shop uses on the brokers.
const (
	topicOrders         = "orders"
	topicRefused        = "orders.dlt"
	topicPayments       = "payments"
	topicOtherDLT       = "payments.dlt"
	topicAddresses      = "addresses"
	topicAddressesRetry = "addresses.retry"
	topicProfiles       = "profiles"

	exchangeShipping = "shipping"
	exchangeRetry    = "shipping.retry"
	exchangeParked   = "shipping.dlx"
	exchangeOther    = "shipping.other"
	queueWork        = "shipping.work"
	queueRetry       = "shipping.retry"
	queueParked      = "shipping.parked"
	queueOther       = "shipping.other"

	groupBilling       = "billing"
	groupShipping      = "shipping"
	groupProfiles      = "profiles"
	groupProfilesRetry = "profiles-retry"

	topicMail         = "customer-mail"
	topicLetters      = "letters"
	topicMailFailures = "mail-failures"
	topicLedger       = "ledger.fifo"
	queueMail         = "customer-mail-out"
)

// Config says where the shop's brokers are, and what is wrong with it.
type Config struct {
	// Kafka are the bootstrap addresses.
	Kafka []string
	// Prefix is how its names on the brokers begin.
	Prefix string
	Tasks  Tasks
	Mails  Mails
	// Codings spell the bodies otherwise than in JSON.
	Codings Codings
	// Bug is the name of one of Bugs; "" is a correct shop.
	Bug string
	// Later opens the shop without its services: Restart starts them.
	Later bool
	// Stretch is by how much the shop's own waits are longer, on a machine under
	// load; 0 is 1.
	Stretch float64
	Log     *slog.Logger
}

// Task is a message on RabbitMQ.
type Task struct {
	// ID is the message-id.
	ID          string
	Key         string
	Headers     map[string]any
	Body        []byte
	Redelivered bool
}

// Verdict is what a consumer does with a task.
type Verdict int

// The verdicts on a task.
const (
	Done   Verdict = iota // acknowledge
	Refuse                // reject: the queue's dead-letter exchange gets it
	Again                 // reject and requeue
	Leave                 // neither, for the consumer is going: the broker gives it to the next one
)

// Tasks is RabbitMQ as the shop needs it.
type Tasks interface {
	// Declare makes the exchanges, queues and bindings.
	Declare(ctx context.Context) error
	// Publish returns when the broker has the task, or an error.
	Publish(ctx context.Context, exchange string, t Task) error
	// Consume handles one task after the other until ctx ends.
	Consume(ctx context.Context, c TaskConsumer) error
}

// TaskConsumer is a consumer of a queue.
type TaskConsumer struct {
	Queue  string
	Handle func(context.Context, Task) Verdict
	// AckFirst lets the broker forget a task as soon as it has sent it; Once gives
	// up when the connection is lost.
	AckFirst, Once bool
}

// Mail is a message on SNS or SQS.
type Mail struct {
	// ID is the attribute message-id of what is published, and SQS's id of what is
	// received.
	ID string
	// Group and DedupID are for FIFO topics alone.
	Group, DedupID string
	Attributes     map[string]string
	Body           []byte
}

// MailOptions is how the queue of the mails is made.
type MailOptions struct {
	// Visible is how long a mail that was received is hidden from other receivers.
	Visible time.Duration
	// Countries is a filter on the attribute country; empty: none.
	Countries []string
	// DeleteFirst deletes a mail before it is handled.
	DeleteFirst bool
}

// Mails is SNS and SQS as the shop needs them.
type Mails interface {
	// Declare makes the topics, the queue and its subscription.
	Declare(ctx context.Context, o MailOptions) error
	Publish(ctx context.Context, topic string, m Mail) error
	// Consume handles mails until ctx ends; one for which handle says false is not
	// deleted.
	Consume(ctx context.Context, handle func(context.Context, Mail) bool) error
}

// Shop is a running shop.
type Shop struct {
	cfg Config
	db  *database

	turn   sync.Mutex // held to start and to stop
	events *events
	cancel context.CancelFunc
	wait   sync.WaitGroup
	memo   memo
}

// Start declares what the shop needs and starts its services. It returns when
// every consumer is ready.
func Start(ctx context.Context, cfg Config) (*Shop, error) {
	if cfg.Bug != "" && !slices.ContainsFunc(Bugs, func(b Bug) bool { return b.Name == cfg.Bug }) {
		return nil, fmt.Errorf("the shop has no bug %q", cfg.Bug)
	}
	if cfg.Stretch == 0 {
		cfg.Stretch = 1
	}
	if c := cfg.Codings.Shipments; c != nil {
		cfg.Tasks = codedTasks{cfg.Tasks, c}
	}
	s := &Shop{cfg: cfg, db: newDatabase()}
	if cfg.Later {
		return s, nil
	}
	return s, s.Restart(ctx)
}

// graceOfRestart is how long the services still work once a restart is asked for,
// as a process does between SIGTERM and SIGKILL.
const graceOfRestart = 200 * time.Millisecond

// Restart stops the services where they are, after a moment of grace, forgets what
// was in their memory alone, and starts them anew. What was not acknowledged comes
// again. A shop that is closed is opened.
func (s *Shop) Restart(ctx context.Context) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	if s.events != nil {
		if err := s.pause(ctx, graceOfRestart); err != nil {
			return err
		}
		if err := s.stop(); err != nil {
			s.cfg.Log.Warn("stopping", "error", err)
		}
		if s.has(bugOutboxAgain) {
			s.db.unsend()
		}
	}
	return s.start(ctx)
}

// Heal repairs what keeps the orders whose ids begin with id from being dealt
// with, as the people of the shop would: it opens their closed account and
// supplies their missing address.
func (s *Shop) Heal(id string) { s.db.heal(id) }

// Close stops the services and waits for them. Restart opens the shop again.
func (s *Shop) Close() error {
	s.turn.Lock()
	defer s.turn.Unlock()
	return s.stop()
}

func (s *Shop) start(ctx context.Context) error {
	events, err := openEvents(s.cfg.Kafka, s.cfg.Prefix, s.cfg.Log)
	if err != nil {
		return err
	}
	events.codings = s.cfg.Codings.Events
	if err := errors.Join(s.cfg.Tasks.Declare(ctx), s.cfg.Mails.Declare(ctx, s.mailOptions())); err != nil {
		return errors.Join(err, events.close())
	}
	s.events, s.memo = events, newMemo()
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	ready := make(chan struct{}, 4)
	shipping := member{group: groupShipping, topic: topicPayments, ready: ready, handle: s.ship, ackFirst: s.has(bugAckFirst), parallel: s.has(bugAckFirst) || s.has(bugLatest)}
	if s.has(bugLatest) {
		shipping.group, shipping.forgets = fmt.Sprintf("shipping-%d", time.Now().UnixNano()), true
	}
	for lane, n := range strands {
		for strand := range n {
			s.service("relay", func() error { return s.relay(run, lane, strand) })
		}
	}
	s.service("billing", func() error {
		return events.consume(run, member{group: groupBilling, topic: topicOrders, ready: ready, handle: s.bill, parallel: s.has(bugRacyDedup) || s.has(bugWriteBehind)})
	})
	s.service("shipping", func() error { return events.consume(run, shipping) })
	s.service("profiles", func() error {
		return events.consume(run, member{group: groupProfiles, topic: topicAddresses, ready: ready, handle: s.profile})
	})
	s.service("profiles again", func() error {
		return events.consume(run, member{group: groupProfilesRetry, topic: topicAddressesRetry, ready: ready, handle: s.retryProfile})
	})
	s.service("courier", func() error {
		return s.cfg.Tasks.Consume(run, TaskConsumer{
			Queue: queueWork, Handle: s.courier, AckFirst: s.has(bugCourierAcksFirst), Once: s.has(bugNoReconnect),
		})
	})
	s.service("mailer", func() error { return s.cfg.Mails.Consume(run, s.mailer) })
	for range cap(ready) {
		select {
		case <-ready:
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), s.stop())
		}
	}
	return nil
}

func (s *Shop) stop() error {
	if s.events == nil {
		return nil
	}
	s.cancel()
	s.wait.Wait()
	err := s.events.close()
	s.events = nil
	return err
}

func (s *Shop) service(name string, run func() error) {
	s.wait.Go(func() {
		if err := run(); err != nil && !errors.Is(err, context.Canceled) {
			s.cfg.Log.Error("a service of the shop ended", "service", name, "error", err)
		}
	})
}

func (s *Shop) has(bug string) bool { return s.cfg.Bug == bug }

// pause waits for d, stretched, unless ctx ends first.
func (s *Shop) pause(ctx context.Context, d time.Duration) error {
	return pause.For(ctx, s.stretch(d))
}

func (s *Shop) stretch(d time.Duration) time.Duration {
	return time.Duration(float64(d) * s.cfg.Stretch)
}
