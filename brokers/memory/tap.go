package memory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// tapVisibility is how long an SNS tap may have a message in hand before its
// own queue shows it again; nobody else reads that queue.
const tapVisibility = 24 * time.Hour

// tap reads its sources, each in a goroutine of its own.
type tap struct {
	s       *Server
	owner   *tapper
	events  chan<- message.Event
	sources []source
	undo    []func() // with s.mu held

	stop    chan struct{}
	stopped sync.Once
	readers sync.WaitGroup
}

// start begins to read.
func (t *tap) start() {
	for _, src := range t.sources {
		t.readers.Go(func() { t.follow(src) })
	}
}

// follow sends what a source has until the tap stops.
func (t *tap) follow(src source) {
	for {
		event, sent, more := t.poll(src)
		if sent == nil {
			select {
			case <-more:
				continue
			case <-t.stop:
				return
			}
		}
		select {
		case t.events <- event:
		case <-t.stop:
			return
		}
		t.s.mu.Lock()
		sent()
		t.s.mu.Unlock()
	}
}

// poll reads the next event, or says what to wait for.
func (t *tap) poll(src source) (event message.Event, sent func(), more <-chan struct{}) {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	event, sent = src.read(t.s.opts.Now())
	if sent == nil {
		more = src.changed()
	}
	return event, sent, more
}

// CatchUp waits until all that was accepted when it was called has been sent.
func (t *tap) CatchUp(ctx context.Context) (brokers.Caught, error) {
	t.s.mu.Lock()
	left := make([]func() bool, len(t.sources))
	for i, src := range t.sources {
		left[i] = src.due()
	}
	t.s.mu.Unlock()
	for i, src := range t.sources {
		if err := t.await(ctx, src, left[i]); err != nil {
			return brokers.Caught{}, fmt.Errorf("catch up: %w", err)
		}
	}
	return brokers.Caught{Exact: true}, nil
}

// await waits until nothing is left to send.
func (t *tap) await(ctx context.Context, src source, left func() bool) error {
	for {
		less := t.less(src, left)
		select {
		case <-t.stop:
			return errors.New("the tap is closed")
		default:
		}
		if less == nil {
			return nil
		}
		select {
		case <-less:
		case <-t.stop:
		case <-ctx.Done():
			return fmt.Errorf("not all has been sent yet: %w", ctx.Err())
		}
	}
}

// less returns nil where nothing is left to send, else what to wait for.
func (t *tap) less(src source, left func() bool) <-chan struct{} {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	if !left() {
		return nil
	}
	return src.changed()
}

// Detach is Close: only topics are tapped durably, and nothing is created there.
func (t *tap) Detach(ctx context.Context) error { return t.Close(ctx) }

// Close stops reading and removes what the tap created. It never waits long:
// no reader blocks once the tap stops.
func (t *tap) Close(context.Context) error {
	t.stopped.Do(func() {
		close(t.stop)
		t.owner.forget(t)
	})
	t.readers.Wait()
	t.remove()
	return nil
}

// remove takes away what the tap created.
func (t *tap) remove() {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	for _, undo := range t.undo {
		undo()
	}
	t.undo = nil
}
