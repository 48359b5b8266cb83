package scenarios_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/scenarios"
)

// recording is what Record needs, for the rig.
func (r *rig) recording(length time.Duration) scenarios.RecordConfig {
	return scenarios.RecordConfig{
		Flow: r.flow, Tappers: r.cfg.Tappers, Channels: r.cfg.Channels, For: length, Record: r.tape, Now: time.Now,
	}
}

// Record keeps what goes by for as long as it is told, or until the context
// ends. Either is a good end.
func TestRecord(t *testing.T) {
	for _, byTime := range []bool{true, false} {
		t.Run(fmt.Sprint("by time ", byTime), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, chain, memory.Options{})
				r.emit("a", body{"id": "before"})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				cfg := r.recording(0)
				if byTime {
					cfg.For = 10 * time.Second
				} else {
					time.AfterFunc(10*time.Second, cancel)
				}
				cfg.Armed = func() {
					if !r.tape.begun {
						t.Error("armed before the header was written")
					}
					time.AfterFunc(time.Second, func() { r.emit("a", body{"id": "x"}) })
					time.AfterFunc(10*time.Second-time.Millisecond, func() { r.emit("c", body{"id": "y"}) })
					time.AfterFunc(10*time.Second+time.Millisecond, func() { r.emit("c", body{"id": "after"}) })
				}
				began := time.Now()
				n, err := scenarios.Record(ctx, cfg)
				if err != nil || n != 2 {
					t.Fatalf("%d messages, %v", n, err)
				}
				if took := time.Since(began); took != 10*time.Second {
					t.Errorf("it took %v", took)
				}
				r.nothingLeft()
				text := r.tape.text(t)
				if strings.Contains(text, "before") || strings.Contains(text, "after") || strings.Count(text, `"body"`) != 2 {
					t.Errorf("recorded:\n%s", text)
				}
				last := r.tape.events[len(r.tape.events)-1]
				if last.Mark == nil || last.Mark.Kind != message.MarkEnd || !last.Mark.Seen.Equal(began.Add(10*time.Second)) {
					t.Errorf("the end is %+v", last)
				}
				rest(t.Context(), time.Second) // let the timers of this test end
			})
		})
	}
}

// What comes while the recording ends, up to then, is in it; and the end comes
// after it.
func TestMessagesWhileARecordingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chain, memory.Options{})
		const n = 3000 // more than the taps hand on before they are read
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		cfg := r.recording(0)
		cfg.Armed = func() {
			for i := range n {
				r.emit("a", body{"id": fmt.Sprint(i)})
			}
			cancel()
		}
		got, err := scenarios.Record(ctx, cfg)
		if err != nil || got != n {
			t.Fatalf("%d messages, %v", got, err)
		}
		if ends := r.tape.marks(message.MarkEnd); len(ends) != 1 || r.tape.events[n].Mark == nil {
			t.Errorf("the ends: %v", ends)
		}
	})
}

func TestRecordFromTheBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text, _, _ := strings.Cut(timed, "steps:")
		text = strings.Replace(text, "  d: { broker: tasks, sns: d }\n", "", 1)
		r := newRig(t, text+"steps: { placed: { channel: a } }\n", memory.Options{})
		for i := range 2000 {
			r.emit("a", body{"id": fmt.Sprint(i)})
		}
		cfg := r.recording(time.Second)
		cfg.Start = brokers.Start{At: brokers.StartBeginning}
		if n, err := scenarios.Record(t.Context(), cfg); n != 2000 || err != nil {
			t.Errorf("%d messages, %v", n, err)
		}
	})
}

const secret = "4111-1111"

// What is masked is hashed before the recorder, or a report, sees it; and the
// run still knows its own.
func TestMasksComeBeforeTheRecorder(t *testing.T) {
	text := strings.Replace(chain, "brokers:", "mask: [ body.card, body.id, key ]\nbrokers:", 1)
	text = strings.Replace(text, `{ id: "${id}" }`, `{ id: "${id}", card: "`+secret+`" }`, 1)
	see := func(t *testing.T, r *rig) func(message.Event) {
		return func(e message.Event) {
			if o := e.Observation; o != nil {
				for _, word := range []string{secret, "id-001"} {
					if strings.Contains(string(o.Payload)+string(o.Key), word) {
						t.Errorf("the recorder sees %s: %s", word, o.Payload)
					}
				}
			}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, text, memory.Options{})
		r.tape.on = see(t, r)
		result, _ := r.runWith(func(from string, b body) []out {
			if from == "b" {
				return nil
			}
			return honest(from, b)
		})
		if got := kinds(result); got != "missing mailed, missing packed" {
			t.Errorf("findings %s, unknown %v", got, result.Unknowns)
		}
		if all := fmt.Sprintf("%+v", result); strings.Contains(all, secret) {
			t.Errorf("the result tells: %s", all)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, text, memory.Options{})
		r.tape.on = see(t, r)
		cfg := r.recording(time.Second)
		cfg.Armed = func() { r.emit("a", body{"id": "id-001", "card": secret}) }
		if n, err := scenarios.Record(t.Context(), cfg); n != 1 || err != nil {
			t.Errorf("%d messages, %v", n, err)
		}
	})
}

func TestRecordThatFails(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		spoil func(events, tasks *bent, r *rig)
		want  error
	}{
		"arming":    {func(_, tasks *bent, _ *rig) { tasks.armed = func(brokers.TapConfig) error { return broken } }, broken},
		"header":    {func(_, _ *bent, r *rig) { r.tape.failWith, r.tape.failAt = broken, -1 }, broken},
		"message":   {func(_, _ *bent, r *rig) { r.tape.failWith = broken }, broken},
		"end mark":  {func(_, _ *bent, r *rig) { r.tape.failWith, r.tape.failAt = broken, 1 }, broken},
		"catch-up":  {func(events, _ *bent, _ *rig) { events.catch = func(context.Context) error { return broken } }, broken},
		"left over": {func(events, _ *bent, _ *rig) { events.close = func() error { return broken } }, scenarios.ErrLeftBehind},
		"catch-up hangs": {func(events, _ *bent, _ *rig) {
			events.catch = func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			}
		}, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, chain, memory.Options{})
				events, tasks := r.bend(0), r.bend(1)
				c.spoil(events, tasks, r)
				cfg := r.recording(time.Second)
				cfg.Armed = func() { r.emit("a", body{"id": "x"}) }
				began := time.Now()
				_, err := scenarios.Record(t.Context(), cfg)
				if !errors.Is(err, c.want) {
					t.Errorf("error %v", err)
				}
				r.nothingLeft()
				if n := events.left() + tasks.left(); n > 0 {
					t.Errorf("%d taps are not closed", n)
				}
				if took := time.Since(began); took > 15*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// Before the taps are armed, the end of the context is an error.
func TestRecordCalledOffWhileArming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chain, memory.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		tasks := r.bend(1)
		tasks.armed = func(brokers.TapConfig) error {
			cancel()
			return nil
		}
		if _, err := scenarios.Record(ctx, r.recording(0)); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		r.nothingLeft()
	})
}
