// Package brokertest is the conformance suite that every adapter passes.
//
// An adapter's test describes itself as a Subject (how to reach the broker, how
// to make a fresh channel, what it claims) and calls Run:
//
//	Subject → Run → one case at a time → publish, tap, compare
//
// Every claim is tested both ways: what is claimed must hold, and what is not
// claimed must not happen behind the claim's back. A case that the broker or
// the emulator cannot serve is listed by name in Subject.Unserved; it is shown
// as skipped and never counted as passed.
package brokertest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// Subject is an adapter under test and what it claims.
type Subject struct {
	Adapter brokers.Adapter
	// Config reaches a broker that works. Run fills in Name, RunID and Log where
	// they are empty.
	Config brokers.Config
	// Unreachable and Refused reach nobody, and a broker that refuses the login.
	// Give them a Password: it must not appear in an error. A zero Config counts
	// as a missing hook.
	Unreachable brokers.Config
	Refused     brokers.Config

	// NewChannel makes a fresh address, to be removed by t.Cleanup. The suite
	// gives it its Name. On a Live one Publish works without any tap: on an
	// exchange a queue is bound.
	NewChannel func(t testing.TB, o ChannelOptions) brokers.Channel
	// Untappable makes addresses that exist and that Tap must refuse.
	Untappable func(t testing.TB) []brokers.Channel
	// NewConsumer makes a consumer of the system under test on a Live channel: a
	// group with a live member, a reader of the queue. It is removed by t.Cleanup.
	NewConsumer func(t testing.TB, ch brokers.Channel) Consumer
	// Observe takes a snapshot of the system under test: the names of its
	// objects, groups, offsets, queue counts, receive counts. The returned func
	// fails t if anything of it changed, or if anything named flowcheck-… is
	// there. Nothing is published between the two. It may wait a moment for
	// what the broker does behind its answer.
	Observe func(t testing.TB) func()

	Claims Claims
	// Unserved says for the name of a case why this broker cannot serve it. A
	// case whose hook is missing and that is not here fails.
	Unserved map[string]string

	// Patience is how long the suite waits for what must come; 0 is a minute.
	Patience time.Duration
	// Pause is how long it watches that something does not come; 0 is 200 ms.
	Pause time.Duration
	// Leaks tells goleak which goroutines are the broker's own (a fake in this
	// process), not the adapter's.
	Leaks []goleak.Option
}

// ChannelState is what NewChannel is to make.
type ChannelState string

// The states of an address.
const (
	// Live: it exists, and a message published to it is accepted.
	Live ChannelState = ""
	// Unread: it exists, but no queue takes what is published to it (an exchange
	// without bindings, an SNS topic without subscriptions, a topic without
	// groups).
	Unread ChannelState = "unread"
	// Absent: an address of which nothing exists; its name is fresh.
	Absent ChannelState = "absent"
)

// ChannelOptions tells what channel a case needs.
type ChannelOptions struct {
	State ChannelState
	// Partitions is how many it must have where the broker has them; 0 is one.
	Partitions int
}

// Consumer is a consumer of the system under test.
type Consumer interface {
	// Take receives the next n messages, acknowledges (commits) each, and returns
	// their payloads. It fails t if they do not come. It is called from the
	// test's goroutine only; what was published before the first call is work
	// left.
	Take(t testing.TB, n int) [][]byte
}

// Claims is what an adapter says that its broker carries.
type Claims struct {
	// BrokerTime: Observation.Time is set. ProducerClock: and it is the producer's.
	BrokerTime    bool
	ProducerClock bool
	// Ordered: the messages of a partition or queue come in their order. Without
	// it Positions must not order.
	Ordered bool
	// Positions is the kind that every observation has.
	Positions message.PositionKind
	// Receipts: Publish returns the position that the tap will see.
	Receipts bool
	// Keys arrive as published, else as nil. NilKey: nil and empty differ.
	Keys   bool
	NilKey bool
	// RepeatedHeaders: the order and the repeats of headers are kept.
	RepeatedHeaders bool
	// BinaryHeaders: a header's value may be any bytes.
	BinaryHeaders bool
	// TypedHeaders: all types of message.Header are kept.
	TypedHeaders bool
	// Properties: message-id, correlation-id, content-type, type and app-id are
	// carried.
	Properties bool
	// Tombstones: a nil payload arrives as nil. Without it, it is refused or
	// arrives as an empty body.
	Tombstones bool
	// EmptyBody: an empty payload is accepted, and arrives as empty, not nil.
	EmptyBody bool
	// BinaryBody: a payload may be any bytes. Without it, Publish refuses.
	BinaryBody bool
	// Partitions: Outgoing.Partition is obeyed.
	Partitions bool
	// Where a tap may start; without it Tap refuses.
	StartBeginning bool
	StartOffset    bool
	StartTime      bool
	// ExactCatchUp: Caught.Exact is true; without it false, with a reason.
	ExactCatchUp bool
	// Unroutable: publishing to an Unread channel is ErrUnroutable; without it,
	// it is accepted.
	Unroutable bool
	// Quiet: the Tapper is a Watcher that knows.
	Quiet bool
	// Identity: the Tapper is an Identifier.
	Identity bool
	// MaxMessage is the largest body, in bytes, that surely passes; twice as much
	// must be ErrTooLarge. 0: 8 MiB pass, and the case too-large is not served.
	MaxMessage int
}

// Run runs every case, each as a subtest of its own name.
func Run(t *testing.T, s Subject) {
	if err := s.check(); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if why := s.unserved(c.name); why != "" {
				t.Skipf("not served by %s: %s", s.Adapter.Kind, why)
			}
			c.on(t, s)
		})
	}
}

// unserved says why a case cannot be served, or "".
func (s *Subject) unserved(name string) string {
	if name == "too-large" && s.Claims.MaxMessage == 0 {
		return "no limit is claimed: the case large shows that 8 MiB pass"
	}
	return s.Unserved[name]
}

// check reports what is wrong with the subject itself.
func (s *Subject) check() error {
	switch {
	case s.Adapter.OpenTapper == nil || s.Adapter.OpenPublisher == nil || s.Adapter.Check == nil:
		return fmt.Errorf("brokertest: the adapter lacks Check, OpenTapper or OpenPublisher")
	case s.NewChannel == nil:
		return fmt.Errorf("brokertest: Subject.NewChannel is nil")
	}
	for name, why := range s.Unserved {
		if !slices.ContainsFunc(cases, func(c testCase) bool { return c.name == name }) {
			return fmt.Errorf("brokertest: Subject.Unserved names %q, which is no case", name)
		}
		if why == "" {
			return fmt.Errorf("brokertest: Subject.Unserved gives no reason for %q", name)
		}
	}
	return nil
}
