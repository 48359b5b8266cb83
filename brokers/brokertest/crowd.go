package brokertest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// crowdLimit is how many messages each publisher of a crowd sends before the
// mark, and again after it, so that a fast broker is not flooded.
const crowdLimit = 2000

// crowd publishes to one channel from several goroutines until it is stopped.
type crowd struct {
	p          brokers.Publisher
	ch         brokers.Channel
	publishers sync.WaitGroup
	halt       chan struct{}
	marked     chan struct{}
	news       chan struct{} // something was accepted, or failed

	mu     sync.Mutex
	before []string // payloads accepted
	since  []string // payloads accepted whose Publish began after the mark
	err    error
}

// startCrowd begins to publish with n goroutines.
func (r *rig) startCrowd(p brokers.Publisher, ch brokers.Channel, n int) *crowd {
	c := &crowd{p: p, ch: ch, halt: make(chan struct{}), marked: make(chan struct{}), news: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	for range n {
		c.publishers.Go(func() { c.run(ctx) })
	}
	r.Cleanup(func() { // the case may have failed before it stopped the crowd
		cancel()
		select {
		case <-c.halt:
		default:
			close(c.halt)
		}
		r.finally("Publish with a cancelled context", func() error {
			c.publishers.Wait()
			return nil
		})
	})
	return c
}

// run publishes until the mark, and from the mark on.
func (c *crowd) run(ctx context.Context) {
	name := uuid.NewString()
	c.spell(ctx, name+" before", c.marked, &c.before)
	select {
	case <-c.marked:
		c.spell(ctx, name+" since", nil, &c.since)
	case <-c.halt:
	}
}

// spell publishes one message after the other and notes what was accepted.
func (c *crowd) spell(ctx context.Context, name string, until <-chan struct{}, accepted *[]string) {
	for n := range crowdLimit {
		select {
		case <-until:
			return
		case <-c.halt:
			return
		default:
		}
		payload := fmt.Sprintf(`{"publisher":%q,"n":%d}`, name, n)
		_, err := c.p.Publish(ctx, c.ch, brokers.Outgoing{Message: message.Message{Payload: []byte(payload)}})
		c.mu.Lock()
		if err == nil {
			*accepted = append(*accepted, payload)
		} else {
			c.err = err
		}
		c.mu.Unlock()
		select {
		case c.news <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// mark separates what is published from now on.
func (c *crowd) mark() { close(c.marked) }

// accepted returns what the broker has accepted before and since the mark.
func (c *crowd) accepted() (before, since []string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.before), slices.Clone(c.since), c.err
}

// await waits until n messages have been accepted: since the mark, or before it
// where there is no mark yet.
func (c *crowd) await(r *rig, n int) {
	r.Helper()
	deadline := time.After(r.s.Patience)
	for {
		before, since, err := c.accepted()
		if err != nil {
			r.Fatalf("Publish: %v", err)
		}
		select {
		case <-c.marked:
			before = since
		default:
		}
		if len(before) >= n {
			return
		}
		select {
		case <-c.news:
		case <-deadline:
			r.Fatalf("%d of %d messages were accepted within %s", len(before), n, r.s.Patience)
		}
	}
}

// stop ends the crowd and returns what was accepted before and since the mark.
func (c *crowd) stop(r *rig) (before, since []string) {
	r.Helper()
	close(c.halt)
	r.within("Publish", c.publishers.Wait)
	before, since, err := c.accepted()
	if err != nil {
		r.Fatalf("Publish: %v", err)
	}
	return before, since
}

// covers fails if something of what was sent is not seen, or anything twice.
func (r *rig) covers(got []message.Observation, sent []string) {
	r.Helper()
	seen := map[string]bool{}
	for _, o := range got {
		if seen[string(o.Payload)] {
			r.Fatalf("seen twice: %s", describe(o))
		}
		seen[string(o.Payload)] = true
	}
	for _, payload := range sent {
		if !seen[payload] {
			r.Fatalf("lost: %q, one of %d that had to be seen; %d were", payload, len(sent), len(got))
		}
	}
}
