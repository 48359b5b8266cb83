package scenarios_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// deaf is a tapper that cannot say whether the system is quiet.
type deaf struct{ brokers.Tapper }

// notAllowed is a watcher that may not ask.
type notAllowed struct {
	brokers.Tapper
	asked *int
}

func (n notAllowed) Quiet(context.Context, []brokers.Channel) (brokers.Quiescence, error) {
	*n.asked++
	return brokers.Quiescence{Reason: "no permission"}, nil
}

// deafen takes the word of the brokers away.
func (r *rig) deafen() {
	for i, t := range r.cfg.Tappers {
		r.cfg.Tappers[i] = deaf{t}
	}
}

// settle and grain: how long the flows here wait for doubles, and how much later
// than that a timer may be set.
const (
	settle = 500 * time.Millisecond
	grain  = 2 * time.Millisecond
)

// near fails unless got is want, or a grain more.
func near(t testing.TB, what string, got, want time.Duration) {
	t.Helper()
	if got < want || got > want+grain {
		t.Errorf("%s took %v, want %v", what, got, want)
	}
}

func TestQuietEndsTheRunAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chain, memory.Options{})
		result, stats := r.runWith(honest)
		wantState(t, result, flows.Pass)
		if stats.Total > grain {
			t.Errorf("the run took %v though all was quiet", stats.Total)
		}
	})
}

// A service that has a message in hand is waited for, but not for settle.
func TestQuietWaitsForWorkInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chain, memory.Options{})
		result, stats := r.runWith(func(from string, b body) []out {
			if from == "a" {
				return []out{{body: b}, {after: 300 * time.Millisecond, body: b}}
			}
			return honest(from, b)
		})
		wantState(t, result, flows.Fail)
		if got, want := kinds(result), "duplicate mailed, duplicate packed, duplicate paid"; got != want {
			t.Errorf("findings %s, want %s", got, want)
		}
		if stats.Total < 300*time.Millisecond || stats.Total >= settle {
			t.Errorf("the run took %v", stats.Total)
		}
	})
}

func TestWithoutTheBrokersWordItIsSettle(t *testing.T) {
	for name, silence := range map[string]func(*rig){
		"no watcher": (*rig).deafen,
		"may not ask": func(r *rig) {
			for i, t := range r.cfg.Tappers {
				r.cfg.Tappers[i] = notAllowed{t, new(int)}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, chain, memory.Options{})
				silence(r)
				result, stats := r.runWith(slowly("b", 100*time.Millisecond))
				wantState(t, result, flows.Pass)
				near(t, "the run", stats.Total, 100*time.Millisecond+settle)
				near(t, "the watch", stats.Watched, settle)
			})
		})
	}
}

// A broker that may not be asked is not asked again and again.
func TestThatMayNotAskIsNotPressed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chain, memory.Options{})
		asked := 0
		for i, t := range r.cfg.Tappers {
			r.cfg.Tappers[i] = notAllowed{t, &asked}
		}
		r.runWith(honest)
		if asked > 100 {
			t.Errorf("asked %d times", asked)
		}
	})
}

func TestDoubleWithinSettleIsFound(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		kinds string
	}{
		{settle - 10*time.Millisecond, "duplicate mailed"},
		{settle + 50*time.Millisecond, ""},
	} {
		t.Run(c.after.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, chain, memory.Options{})
				r.deafen()
				result, stats := r.runWith(func(from string, b body) []out {
					if from == "c" {
						return []out{{body: b}, {after: c.after, body: b}}
					}
					return honest(from, b)
				})
				if got := kinds(result); got != c.kinds {
					t.Errorf("findings %q, want %q", got, c.kinds)
				}
				if c.kinds != "" { // the double is watched for doubles, too
					near(t, "the run", stats.Total, c.after+settle)
				}
			})
		})
	}
}

func TestLateOrMissing(t *testing.T) {
	const within = 2 * time.Second
	for _, c := range []struct {
		name  string
		after time.Duration
		kinds string
		total time.Duration
	}{
		{"within its end", within, "", within + settle},
		{"soon after", within + 300*time.Millisecond, "late paid", within + 300*time.Millisecond + settle},
		{"never", time.Hour, "missing paid, missing packed, missing mailed", within + settle},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, chain, memory.Options{})
				r.deafen()
				result, stats := r.runWith(slowly("a", c.after))
				if got := sorted(kinds(result)); got != sorted(c.kinds) {
					t.Errorf("findings %q, want %q", got, c.kinds)
				}
				near(t, "the run", stats.Total, c.total)
			})
		})
	}
}

func sorted(list string) string {
	words := strings.Split(list, ", ")
	seen := map[string]bool{}
	for _, w := range words {
		seen[w] = true
	}
	return fmt.Sprint(seen)
}

// The system says at once that it is quiet, and yet the message is not missing
// before its deadline.
func TestQuietDoesNotBringMissingForward(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chain, memory.Options{})
		result, stats := r.runWith(func(from string, b body) []out {
			if from == "b" {
				return nil // lost
			}
			return honest(from, b)
		})
		if got, want := sorted(kinds(result)), sorted("missing packed, missing mailed"); got != want {
			t.Errorf("findings %s, want %s", got, want)
		}
		near(t, "the run", stats.Total, 2*time.Second)
	})
}

// A lost message is told as missing while the queues before it are still busy,
// once settle has passed.
func TestMissingDoesNotWaitForBusyBrokers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chain, memory.Options{})
		result, stats := r.runWith(slowly("a", time.Hour))
		wantState(t, result, flows.Fail)
		near(t, "the run", stats.Total, 2*time.Second+settle)
	})
}

// A broker whose clock is behind ours stamps what comes now as before: its
// deadline ends that much later by our clock. One ahead of ours may keep us
// waiting, but not judge too early.
func TestDeadlinesInTheBrokersClock(t *testing.T) {
	for _, c := range []struct {
		shift time.Duration
		after time.Duration
		kinds string
	}{
		{-10 * time.Second, 1900 * time.Millisecond, ""},
		{-10 * time.Second, 2200 * time.Millisecond, "late packed"},
		{-10 * time.Second, time.Hour, "missing packed, missing mailed"},
		{10 * time.Second, 1900 * time.Millisecond, ""},
		{10 * time.Second, 2200 * time.Millisecond, "late packed"},
		{10 * time.Second, time.Hour, "missing packed, missing mailed"},
	} {
		t.Run(fmt.Sprintf("%v/%v", c.shift, c.after), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, timed, memory.Options{})
				r.deafen()
				r.shift(c.shift)
				result, stats := r.runWith(slowly("a", c.after))
				if got := sorted(kinds(result)); got != sorted(c.kinds) {
					t.Errorf("findings %q, want %q", got, c.kinds)
				}
				// While no message of the step's channel has told its clock, the lag may be
				// waited for, too.
				if most := 12*time.Second + settle + grain; stats.Total > most {
					t.Errorf("the run took %v, more than %v", stats.Total, most)
				}
			})
		})
	}
}

// timed is a chain whose second step is on another broker, both with times.
const timed = `
flowcheck: 1
flow: timed
brokers: { events: "memory://m", tasks: "memory://m" }
channels:
  a: { broker: events, topic: a }
  b: { broker: events, topic: b }
  d: { broker: tasks, sns: d }
correlate: { order: body.id }
steps:
  placed:   { channel: a }
  packed: { channel: b, after: placed, within: 2s }
  mailed:  { channel: d, after: packed }
scenarios:
  - name: through
    send: { to: a, key: "${id}", body: { id: "${id}" } }
`

// Two brokers have clocks of their own: that one is right says nothing of the
// other.
func TestOneClockOfTwoIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, timed, memory.Options{})
		r.deafen()
		r.shift(-10*time.Second, 0)
		r.tape.on = once(func() {
			r.emit("b", body{"id": "foreign"}) // so that the deadline goes by the brokers' time
			r.emit("d", body{"id": "foreign"})
		})
		result, _ := r.runWith(slowly("a", 1900*time.Millisecond))
		wantState(t, result, flows.Pass)
	})
}

// A chain that has begun on a broker of which nothing was known when the taps
// were asked is not judged by what they said then.
func TestLagIsLearntLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, timed+`
  - name: another
    send: { to: d, body: { id: "${id}" } }
`, memory.Options{})
		r.deafen()
		r.cfg.Parallel = 2
		r.shift(-10*time.Second, 0)
		r.cfg.Publishers[0] = hook{r.cfg.Publishers[0], func() error {
			rest(t.Context(), 20*time.Second)
			r.emit("b", body{"id": "foreign"}) // so that the deadline goes by the brokers' time
			return nil
		}}
		r.cfg.Publishers[1] = slowPublisher{r.cfg.Publishers[1], 20*time.Second - settle - time.Millisecond}
		result, _ := r.runWith(slowly("a", 1900*time.Millisecond))
		if got := states(result); got != "through: pass, another: unknown" || len(result.Findings) > 0 {
			t.Errorf("%s: %+v", got, result.Findings)
		}
	})
}

// states are the scenarios' verdicts.
func states(result *flows.Result) string {
	var all []string
	for _, s := range result.Scenarios {
		all = append(all, s.Name+": "+s.State.String())
	}
	return strings.Join(all, ", ")
}

// slowPublisher takes its time.
type slowPublisher struct {
	brokers.Publisher
	after time.Duration
}

func (p slowPublisher) Publish(ctx context.Context, ch brokers.Channel, m brokers.Outgoing) (brokers.Receipt, error) {
	if !rest(ctx, p.after) {
		return brokers.Receipt{}, ctx.Err()
	}
	return p.Publisher.Publish(ctx, ch, m)
}

// once is a hook of a tape that does something at the first event.
func once(do func()) func(message.Event) {
	done := false
	return func(message.Event) {
		if !done {
			done = true
			do()
		}
	}
}

// What comes of one broker's word while the other is asked is taken up: the
// double that was sent on between the two questions is followed to its end.
func TestWorkThatMovesBetweenTwoQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chain, memory.Options{})
		moving := &mover{Tapper: r.cfg.Tappers[1], do: func() { r.emit("b", body{"id": "id-001"}) }}
		r.cfg.Tappers[1] = moving
		result, _ := r.runWith(slowly("b", 50*time.Millisecond))
		if got, want := kinds(result), "duplicate mailed, duplicate packed, duplicate paid"; got != want {
			t.Errorf("findings %s, want %s", got, want)
		}
	})
}

// mover does something, once, when it is asked and all is quiet.
type mover struct {
	brokers.Tapper
	do func()
}

func (m *mover) Quiet(ctx context.Context, channels []brokers.Channel) (brokers.Quiescence, error) {
	q, err := m.Tapper.(brokers.Watcher).Quiet(ctx, channels)
	if m.do != nil && q.Quiet {
		m.do()
		m.do = nil
	}
	return q, err
}

// An outcome that is out of reach by one step does not keep the run waiting, or
// break it, by another one's later deadline.
func TestHopelessOutcomeWithALaterDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, head+`
steps:
  placed:   { channel: a }
  paid:     { channel: b, when: body.ok, after: placed, within: 1s }
  noted:    { channel: c, after: placed, within: 10s }
  declined: { channel: b, when: not body.ok, after: placed, within: 1s }
outcomes:
  paid:     [ placed, paid ]
  declined: [ placed, noted, declined ]
scenarios:
  - name: lost
    send: { to: a, body: { id: "${id}", ok: true } }
`, memory.Options{})
		result, _ := r.runWith(func(string, body) []out { return nil })
		if got := kinds(result); got != "missing paid" {
			t.Errorf("findings %s", got)
		}
	})
}
