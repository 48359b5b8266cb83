package scenarios_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/scenarios"
)

// fails runs and wants an error, and everything cleaned up.
func (r *rig) fails(ctx context.Context, want error, taps ...*bent) error {
	r.Helper()
	result, _, err := scenarios.Run(ctx, r.cfg)
	if !errors.Is(err, want) {
		r.Errorf("error %v, want %v", err, want)
	}
	if result != nil {
		r.Errorf("a result beside the error %v: %+v", err, result)
	}
	r.nothingLeft()
	for i, b := range taps {
		if n := b.left(); n != 0 {
			r.Errorf("tapper %d has %d taps that are not closed", i, n)
		}
	}
	if len(r.tape.marks(message.MarkEnd)) > 0 {
		r.Error("the recording has an end")
	}
	return err
}

// The end of the context ends the run in each of its phases: nothing stays on
// the broker, and the error is the context's.
func TestCancelled(t *testing.T) {
	for _, phase := range []string{"before", "arming", "publishing", "running", "watching", "closing"} {
		t.Run(phase, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, chain, memory.Options{})
				r.deafen()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				events, tasks := r.bend(0), r.bend(1)
				switch phase {
				case "before":
					cancel()
				case "arming":
					tasks.armed = func(brokers.TapConfig) error {
						cancel()
						return nil
					}
				case "publishing":
					r.cfg.Publishers[0] = slowPublisher{r.cfg.Publishers[0], 10 * time.Second}
					time.AfterFunc(time.Second, cancel)
				case "running":
					time.AfterFunc(time.Second, cancel) // b is slow
				case "watching":
					time.AfterFunc(1700*time.Millisecond, cancel)
				case "closing":
					r.cfg.Progress = func(p scenarios.Progress) {
						if p.Stage == "closing" {
							cancel()
						}
					}
				}
				stop := r.serve(slowly("b", 1500*time.Millisecond))
				defer stop()
				began := time.Now()
				_ = r.fails(ctx, context.Canceled, events, tasks)
				if took := time.Since(began); took > 2*time.Second+grain {
					t.Errorf("it ended after %v", took)
				}
			})
		})
	}
}

// A context that ends for a reason of its own gives that.
func TestCancelledWithACause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chain, memory.Options{})
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("enough")
		time.AfterFunc(time.Second, func() { cancel(cause) })
		_ = r.fails(ctx, cause)
	})
}

// A publisher that does not hear that it is called off does not keep the run for
// long, and is waited for as long as it takes, up to that.
func TestPublisherUnderWayIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chain, memory.Options{})
		over := false
		r.cfg.Publishers[0] = hook{r.cfg.Publishers[0], func() error {
			rest(context.Background(), 3*time.Second)
			over = true
			return nil
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_ = r.fails(ctx, context.DeadlineExceeded)
		if !over {
			t.Error("the run returned while a publisher was at work")
		}
	})
}

func TestTapThatDoesNotArm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chain, memory.Options{})
		events, tasks := r.bend(0), r.bend(1)
		tasks.armed = func(brokers.TapConfig) error { return brokers.ErrAbsent }
		err := r.fails(t.Context(), brokers.ErrAbsent, events, tasks)
		if !strings.Contains(err.Error(), "broker tasks") {
			t.Errorf("the error does not name the broker: %v", err)
		}
		if r.tape.begun {
			t.Error("a recording was begun")
		}
	})
}

// A tap that cannot tell how far it has read ends the run without a verdict, and
// soon; the recording has no end, and verify says the same of it.
func (r *rig) losesTasks(taps ...*bent) *flows.Result {
	r.Helper()
	result, _ := r.run()
	for _, ch := range []string{"c", "d"} {
		reason := ch + ": the tap cannot tell how far it has read: "
		if !slices.ContainsFunc(result.Unknowns, func(u flows.Unknown) bool { return strings.Contains(u.Reason, reason) }) {
			r.Errorf("nothing says %q: %+v", reason, result.Unknowns)
		}
	}
	for i, b := range taps {
		if n := b.left(); n != 0 {
			r.Errorf("tapper %d has %d taps that are not closed", i, n)
		}
	}
	if len(r.tape.marks(message.MarkEnd)) > 0 {
		r.Error("the recording has an end")
	}
	return result
}

func TestCatchUpThatFails(t *testing.T) {
	broken := errors.New("the broker is gone")
	for name, fail := range map[string]error{"an error": broken, "a cancel of its own": context.Canceled} {
		for _, at := range []int{1, 2} { // while it runs, and at its end
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, chain, memory.Options{})
					events, tasks := r.bend(0), r.bend(1)
					n := 0
					tasks.catch = func(context.Context) error {
						if n++; n >= at {
							return fail
						}
						return nil
					}
					stop := r.serve(honest)
					defer stop()
					wantState(t, r.losesTasks(events, tasks), flows.NotKnown)
				})
			})
		}
	}
}

// What is proven when a tap is lost stays: the first scenario's double; the
// second still waited for the broker that is gone.
func TestFindingsOutliveABroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const second = "  - name: again\n    send: { to: a, key: \"${id}\", body: { id: \"${id}\" } }\n"
		r := newRig(t, chain+second, memory.Options{})
		tasks := r.bend(1)
		tasks.catch = func(context.Context) error { return brokers.ErrUnreachable }
		stop := r.serve(func(from string, b body) []out {
			switch {
			case b["id"] == "id-001" && from == "a":
				return []out{{body: b}, {body: b}}
			case b["id"] == "id-002" && from == "b":
				return nil
			}
			return honest(from, b)
		})
		defer stop()
		result := r.losesTasks(tasks)
		wantState(t, result, flows.Fail)
		if got := states(result); got != "through: fail, again: unknown" {
			t.Errorf("scenarios %s", got)
		}
	})
}

// A tap that never answers ends the run after a while, and does not keep it from
// being called off.
func TestCatchUpThatHangs(t *testing.T) {
	for _, at := range []int{1, 3} { // while it runs, and at its end
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, chain, memory.Options{})
			r.deafen()
			tasks := r.bend(1)
			n := 0
			tasks.catch = func(ctx context.Context) error {
				if n++; n < at {
					return nil
				}
				<-ctx.Done()
				return ctx.Err()
			}
			stop := r.serve(honest)
			defer stop()
			began := time.Now()
			wantState(t, r.losesTasks(tasks), flows.NotKnown)
			if took := time.Since(began); took > time.Minute {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// What a gap may have swallowed is unknown, not missing; the other scenario
// passes.
func TestGapInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, many(2), memory.Options{})
		r.deafen()
		r.bend(0).edit = func(e message.Event) []message.Event {
			if o := e.Observation; o != nil && o.Channel == "b" && strings.Contains(string(o.Payload), "id-001") {
				return []message.Event{{Mark: &message.Mark{Kind: message.MarkGap, Channel: "b", Seen: o.Seen, Reason: "connection lost"}}}
			}
			return []message.Event{e}
		}
		result, _ := r.runWith(honest)
		if got := states(result); got != "through: unknown, s0: pass" {
			t.Errorf("scenarios %s", got)
		}
		wantState(t, result, flows.NotKnown)
		if len(r.tape.marks(message.MarkGap)) != 1 {
			t.Error("the gap is not in the recording")
		}
	})
}

// A producer that writes microseconds where milliseconds belong: its times are
// none, and neither the run nor its recording breaks on them.
func TestTimesBeyondTheCenturies(t *testing.T) {
	for _, year := range []int{58893, -4713} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, chain, memory.Options{})
			r.bend(0).edit = func(e message.Event) []message.Event {
				if o := e.Observation; o != nil {
					changed := *o
					changed.Time = time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
					e.Observation = &changed
				}
				return []message.Event{e}
			}
			result, stats := r.runWith(honest)
			wantState(t, result, flows.Pass)
			if stats.Total > 5*time.Second {
				t.Errorf("it took %v", stats.Total)
			}
		})
	}
}

// A flood of foreign messages neither starves the run nor blocks its end.
func TestFloodWhileClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chain, memory.Options{})
		flooding := r.bend(0)
		foreign := func(e message.Event, n int) []message.Event {
			all := []message.Event{e}
			for range n {
				all = append(all, message.Event{Observation: &message.Observation{
					Channel: "b", Seen: time.Now(), Message: message.Message{Payload: []byte(`{"id":"foreign"}`)},
				}})
			}
			return all
		}
		flooding.edit = func(e message.Event) []message.Event { return foreign(e, 5000) }
		flooding.close = func() error { return nil }
		// What comes while the taps are closed is more than the channel holds.
		r.bend(1).close = func() error {
			for range 5000 {
				r.emit("b", body{"id": "late"})
			}
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		stop := r.serve(honest)
		defer stop()
		if _, _, err := scenarios.Run(ctx, r.cfg); err != nil {
			t.Fatal(err)
		}
		r.nothingLeft()
	})
}

// A run that nobody reads any more, with taps that wait to hand on what they
// have, ends.
func TestFloodWhenCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chain, memory.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r.tape.on = once(func() {
			for range 5000 {
				r.emit("b", body{"id": "foreign"})
			}
			cancel()
		})
		_ = r.fails(ctx, context.Canceled)
	})
}

func TestRecorderThatFails(t *testing.T) {
	full := errors.New("no space left on device")
	for _, at := range []int{-1, 0, 1, 2, 4, 5} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, chain, memory.Options{})
			r.tape.failWith, r.tape.failAt = full, at
			events, tasks := r.bend(0), r.bend(1)
			stop := r.serve(honest)
			defer stop()
			_ = r.fails(t.Context(), full, events, tasks)
		})
	}
}

// What could not be removed is told: as a warning beside a verdict, else with
// the error.
func TestCloseThatFails(t *testing.T) {
	stuck := errors.New("queue flowcheck-1 is locked")
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chain, memory.Options{})
		r.bend(0).close = func() error { return stuck }
		tasks := r.bend(1)
		result, _ := r.runWith(honest)
		wantState(t, result, flows.Pass)
		if got := strings.Join(result.Warnings, "\n"); !strings.Contains(got, "flowcheck-1") {
			t.Errorf("warnings %q", got)
		}
		if tasks.left() != 0 {
			t.Error("the other tap is not closed")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r.tape = &tape{}
		r.cfg.Record = r.tape
		err := r.fails(ctx, context.DeadlineExceeded)
		if !errors.Is(err, stuck) || !errors.Is(err, scenarios.ErrLeftBehind) {
			t.Errorf("error %v", err)
		}
	})
}
