package main

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/replay"
)

// arrivals is what has come in a replay: what the recorded run did in the middle of
// a chain is done when the chain is there again, which may be later than it was.
// Its methods may be called from any goroutine.
type arrivals struct {
	teller *flows.Teller
	flow   *flows.Flow
	wait   time.Duration

	mu      sync.Mutex
	seen    map[string]bool
	letters []string // the ids of dead letters
	more    chan struct{}
}

// newArrivals returns nil where the plan waits for nothing.
func newArrivals(f *flows.Flow, p *replay.Plan) *arrivals {
	needed := len(p.Heals) > 0
	for i := range p.Shipments {
		needed = needed || p.Shipments[i].Mid
	}
	if !needed {
		return nil
	}
	return &arrivals{teller: f.Teller(), flow: f, wait: f.Timeout, seen: map[string]bool{}, more: make(chan struct{})}
}

// take notes a message that has come.
func (a *arrivals) take(o *message.Observation) {
	if a == nil {
		return
	}
	at := -1
	for i := range a.flow.Channels {
		if a.flow.Channels[i].Name == o.Channel {
			at = i
		}
	}
	if at < 0 {
		return
	}
	t := a.flow.Resent(at, o)
	told := a.teller.Tell(&t)
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, value := range told.IDs {
		a.seen[strconv.Itoa(told.Step)+" "+name+" "+value] = true
		if a.flow.Channels[at].DeadLetters != nil {
			a.letters = append(a.letters, value)
		}
	}
	close(a.more)
	a.more = make(chan struct{})
}

// shipment waits for the message of which this one is a further copy.
func (a *arrivals) shipment(ctx context.Context, s *replay.Shipment) {
	if a == nil || !s.Mid {
		return
	}
	told := a.flow.Teller().Tell(&s.Trigger)
	a.until(ctx, func() bool {
		for name, value := range told.IDs {
			if a.seen[strconv.Itoa(told.Step)+" "+name+" "+value] {
				return true
			}
		}
		return len(told.IDs) == 0
	})
}

// heal waits for a dead letter of the scenario's instance.
func (a *arrivals) heal(ctx context.Context, h *replay.Heal) {
	if a == nil {
		return
	}
	a.until(ctx, func() bool {
		for _, id := range a.letters {
			if strings.Contains(id, h.ID) {
				return true
			}
		}
		return false
	})
}

// until waits until something has come, the flow's timeout at most.
func (a *arrivals) until(ctx context.Context, come func() bool) {
	timer := time.NewTimer(a.wait)
	defer timer.Stop()
	for {
		a.mu.Lock()
		done, more := come(), a.more
		a.mu.Unlock()
		if done {
			return
		}
		select {
		case <-more:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
