package brokertest

import (
	"context"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// watch is an armed tap and the channel that it sends to. That channel has no
// buffer and nobody reads it but the case, so that "has been sent" and "the
// case has it" are the same.
type watch struct {
	r      *rig
	tap    brokers.Tap
	events chan message.Event
}

// take receives the next n observations.
func (w *watch) take(n int) []message.Observation {
	w.r.Helper()
	var got []message.Observation
	deadline := time.After(w.r.s.Patience)
	for len(got) < n {
		select {
		case e := <-w.events:
			got = append(got, w.observation(e))
		case <-deadline:
			w.r.Fatalf("%d of %d messages came within %s", len(got), n, w.r.s.Patience)
		}
	}
	return got
}

// exactly receives n observations and proves that there are no more.
func (w *watch) exactly(n int) []message.Observation {
	w.r.Helper()
	got := w.take(n)
	more, caught := w.catchUp()
	if !caught.Exact {
		more = append(more, w.during(w.r.s.Pause)...)
	}
	if len(more) > 0 {
		w.r.Fatalf("%d messages too many came after the %d expected, first: %s", len(more), n, describe(more[0]))
	}
	return got
}

// catchUp calls CatchUp and receives what comes until it returns.
func (w *watch) catchUp() ([]message.Observation, brokers.Caught) {
	w.r.Helper()
	pending := w.startCatchUp(w.r.ctx())
	return w.finishCatchUp(pending)
}

// caughtUp is what CatchUp returned.
type caughtUp struct {
	caught brokers.Caught
	err    error
}

// startCatchUp calls CatchUp in the background.
func (w *watch) startCatchUp(ctx context.Context) <-chan caughtUp {
	result := make(chan caughtUp, 1)
	go func() {
		caught, err := w.tap.CatchUp(ctx)
		result <- caughtUp{caught, err}
	}()
	return result
}

// finishCatchUp receives what comes until CatchUp returns.
func (w *watch) finishCatchUp(pending <-chan caughtUp) ([]message.Observation, brokers.Caught) {
	w.r.Helper()
	var got []message.Observation
	deadline := time.After(2 * w.r.s.Patience) // CatchUp's own context ends before
	for {
		select {
		case e := <-w.events:
			got = append(got, w.observation(e))
		case c := <-pending:
			if c.err != nil {
				w.r.Fatalf("CatchUp: %v", c.err)
			}
			return got, c.caught
		case <-deadline:
			w.r.Fatalf("CatchUp returned neither with its work done nor with its context")
		}
	}
}

// during receives what comes for a while.
func (w *watch) during(d time.Duration) []message.Observation {
	w.r.Helper()
	var got []message.Observation
	end := time.After(d)
	for {
		select {
		case e := <-w.events:
			got = append(got, w.observation(e))
		case <-end:
			return got
		}
	}
}

// silent fails if anything at all comes for a while.
func (w *watch) silent(why string) {
	w.r.Helper()
	select {
	case e := <-w.events:
		w.r.Fatalf("%s: the tap sent %+v", why, e)
	case <-time.After(w.r.s.Pause):
	}
}

// observation takes the observation from an event; a gap is a failure here, for
// nothing was lost.
func (w *watch) observation(e message.Event) message.Observation {
	w.r.Helper()
	switch {
	case e.Mark != nil && e.Observation == nil:
		w.r.Fatalf("the tap reports a mark where nothing was lost: %+v", *e.Mark)
	case e.Mark != nil || e.Observation == nil:
		w.r.Fatalf("an event is neither one observation nor one mark: %+v", e)
	}
	return *e.Observation
}

// close ends the tap; by then it may be closed already.
func (w *watch) close() {
	ctx := w.r.ctx()
	w.r.finally("closing the tap", func() error { return w.tap.Close(ctx) })
}
