package replay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// Sender sends a plan. Messages of one lane are sent one after the other, each
// when the one before it has been acknowledged; lanes side by side.
type Sender struct {
	Plan *Plan
	// Publishers by the index of the broker in the flow, Channels as the brokers see
	// them.
	Publishers map[int]brokers.Publisher
	Channels   []brokers.Channel
	Pace       Pace
	// Run marks what is sent; "" leaves messages as they are.
	Run string
	// State, if not nil, keeps what has been sent.
	State *State
	Now   func() time.Time
	// Call, if not nil, makes the calls of the plan. Before it, and before a message
	// in the middle of a chain, Await and AwaitHeal, if not nil, wait until the chain
	// has come so far.
	Call      func(context.Context, *flows.Call) error
	Await     func(context.Context, *Shipment)
	AwaitHeal func(context.Context, *Heal)

	sent     atomic.Int64
	fallback atomic.Int64

	absent map[place]bool // partitions that were asked for, and whether they are not there
	flying sync.WaitGroup
	room   chan struct{}
}

// place is a partition of a channel.
type place struct {
	channel   int
	partition int32
}

// How many lanes are sent side by side, how many messages wait for each, and how
// long a broker may take to accept one.
const (
	workers     = 1024
	waiting     = 16
	sendTimeout = 30 * time.Second
)

// inFlight bounds the messages that a broker which keeps their order by itself has
// not acknowledged yet.
const inFlight = 16384

// Sent is how many messages have been acknowledged. It may be asked at any time.
func (s *Sender) Sent() int { return int(s.sent.Load()) }

// Fallback is how many messages went to another partition, since theirs is not
// there.
func (s *Sender) Fallback() int { return int(s.fallback.Load()) }

// Send sends all that the state does not have, in the order of the plan, and
// returns when all of it is acknowledged. The first error ends it: what was under
// way then may have been sent or not, and is never sent again by the same state.
func (s *Sender) Send(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	lanes := make([]chan *Shipment, min(workers, max(1, len(s.Plan.Shipments))))
	s.absent, s.room = map[place]bool{}, make(chan struct{}, inFlight)
	var work sync.WaitGroup
	for i := range lanes {
		lanes[i] = make(chan *Shipment, waiting)
		work.Go(func() { s.work(ctx, lanes[i], stop) })
	}
	s.deal(ctx, lanes, stop)
	for _, lane := range lanes {
		close(lane)
	}
	work.Wait()
	s.flying.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return s.State.finish()
}

// deal gives each message to its lane when it is due.
func (s *Sender) deal(ctx context.Context, lanes []chan *Shipment, stop context.CancelCauseFunc) {
	clock := newClock(s.Now)
	n := 0
	var first time.Time
	heals := s.Plan.Heals
	for i := range s.Plan.Shipments {
		one := &s.Plan.Shipments[i]
		if s.State.Has(one.Number) {
			continue
		}
		if n == 0 {
			first = one.At
		}
		if clock.until(ctx, s.Pace.due(n, one.At.Sub(first))) != nil {
			return
		}
		n++
		for len(heals) > 0 && heals[0].At.Before(one.At) {
			if err := s.heal(ctx, &heals[0]); err != nil {
				stop(err)
				return
			}
			heals = heals[1:]
		}
		if !one.Mid && s.enqueue(ctx, one, stop) {
			continue
		}
		select {
		case lanes[one.Lane%uint64(len(lanes))] <- one:
		case <-ctx.Done():
			return
		}
	}
}

// heal makes a call of the plan.
func (s *Sender) heal(ctx context.Context, h *Heal) error {
	if s.Call == nil {
		return nil
	}
	if s.AwaitHeal != nil {
		s.AwaitHeal(ctx, h)
	}
	c, err := h.Scenario.Heal(h.ID, h.Case)
	if err == nil && c != nil {
		err = s.Call(ctx, c)
	}
	if err != nil {
		return fmt.Errorf("heal, which the recorded run called: %w", err)
	}
	return nil
}

// enqueue hands a message to a broker that keeps the order by itself; false where
// that is not so. The first message for a partition is waited for, to see whether
// the partition is there.
func (s *Sender) enqueue(ctx context.Context, one *Shipment, stop context.CancelCauseFunc) bool {
	queue, ok := s.Publishers[s.Plan.Flow.Channels[one.Channel].Broker].(brokers.Enqueuer)
	if !ok {
		return false
	}
	fail := func(err error) {
		stop(fmt.Errorf("%s to %s: %w", one.place(), s.Channels[one.Channel].Name, err))
	}
	alone := func() bool {
		s.flying.Wait()
		before := s.Fallback()
		if err := s.send(ctx, one); err != nil {
			fail(err)
		}
		if one.Partition != nil {
			s.absent[place{one.Channel, *one.Partition}] = s.Fallback() > before
		}
		return true
	}
	out := brokers.Outgoing{Message: one.Message, Partition: one.Partition}
	if one.Partition != nil {
		absent, known := s.absent[place{one.Channel, *one.Partition}]
		if !known {
			return alone()
		}
		if absent {
			out.Partition = nil
		}
	}
	out.Headers = s.marked(one)
	select {
	case s.room <- struct{}{}:
	case <-ctx.Done():
		return true
	}
	if err := s.State.begin(one.Number); err != nil {
		<-s.room
		fail(err)
		return true
	}
	s.flying.Add(1)
	fell := one.Partition != nil && out.Partition == nil
	handed := queue.Enqueue(context.WithoutCancel(ctx), s.Channels[one.Channel], out, func(err error) {
		defer func() { <-s.room; s.flying.Done() }()
		if err == nil {
			err = s.State.done(one.Number)
		}
		if err != nil {
			fail(err)
			return
		}
		s.sent.Add(1)
		if fell {
			s.fallback.Add(1)
		}
	})
	if !handed {
		<-s.room
		s.flying.Done()
		return alone()
	}
	return true
}

// work sends what comes to a lane, until an error.
func (s *Sender) work(ctx context.Context, lane <-chan *Shipment, stop context.CancelCauseFunc) {
	for one := range lane {
		if one.Mid && s.Await != nil {
			s.Await(ctx, one)
		}
		if ctx.Err() != nil {
			continue
		}
		if err := s.send(ctx, one); err != nil {
			stop(fmt.Errorf("%s to %s: %w", one.place(), s.Channels[one.Channel].Name, err))
		}
	}
}

func (s *Sender) send(ctx context.Context, one *Shipment) error {
	if err := s.State.begin(one.Number); err != nil {
		return err
	}
	// What has begun is brought to its end: an interruption leaves nothing in doubt.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTimeout)
	defer cancel()
	out := brokers.Outgoing{Message: one.Message, Partition: one.Partition}
	out.Headers = s.marked(one)
	at := s.Plan.Flow.Channels[one.Channel].Broker
	_, err := s.Publishers[at].Publish(ctx, s.Channels[one.Channel], out)
	if err != nil && out.Partition != nil && errors.Is(err, brokers.ErrAbsent) {
		out.Partition = nil // the target has fewer partitions: the key decides
		if _, err = s.Publishers[at].Publish(ctx, s.Channels[one.Channel], out); err == nil {
			s.fallback.Add(1)
		}
	}
	if err != nil {
		return err
	}
	s.sent.Add(1)
	return s.State.done(one.Number)
}

// maxMarked is how many headers a message may have and still be marked: SQS takes
// ten attributes.
const maxMarked = 8

func (s *Sender) marked(one *Shipment) []message.Header {
	if s.Run == "" || len(one.Message.Headers) > maxMarked && s.Channels[one.Channel].SNS+s.Channels[one.Channel].SQS != "" {
		return one.Message.Headers
	}
	origin := s.Plan.Flow.Channels[one.Channel].Name
	if one.Origin.Kind != message.NoPosition {
		origin += "/" + one.Origin.String()
	}
	headers := make([]message.Header, 0, len(one.Message.Headers)+2)
	headers = append(headers, one.Message.Headers...)
	return append(headers, message.Header{Name: HeaderRun, Value: s.Run}, message.Header{Name: HeaderOrigin, Value: origin})
}
