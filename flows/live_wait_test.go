package flows_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

const waitFlow = `flowcheck: 1
flow: wait
brokers: { k: "memory://here" }
settle: 100ms
remember: 1h
channels: { orders: { broker: k, topic: o }, payments: { broker: k, topic: p } }
correlate: { order: body.order }
steps:
  placed: { channel: orders }
  paid:   { channel: payments, after: placed, within: 60s }
`

// waiter is a Live, what it has told, and how many messages it was given.
type waiter struct {
	*flows.Live
	told []*flows.Judgement
	n    int64
}

func newWaiter(t *testing.T, began time.Time, chains int) *waiter {
	t.Helper()
	flow, errs := flows.Load("wait.yaml", []byte(waitFlow), options())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	w := &waiter{}
	w.Live = flows.NewLive(flow, flows.LiveConfig{Started: began, MaxChains: chains, Tell: func(j *flows.Judgement) { w.told = append(w.told, j) }})
	return w
}

func (w *waiter) see(channel, order string, at time.Time) {
	w.n++
	w.Add(message.Event{Observation: &message.Observation{
		Channel: channel, Position: message.At(0, w.n), Time: at, Seen: at,
		Message: message.Message{Payload: fmt.Appendf(nil, `{"order":%q}`, order)},
	}})
}

// TestWhatMayStillComeIsWaitedFor: of a chain that lacks a step nothing is said
// before the step's channel has been read far enough, whatever the reason would be.
func TestWhatMayStillComeIsWaitedFor(t *testing.T) {
	began := time.Unix(1000, 0)
	after := func(d time.Duration) correlate.Instant { return correlate.InstantOf(began.Add(d)) }
	w := newWaiter(t, began, 0)
	w.see("payments", "o-1", began.Add(time.Second)) // its order may be from before the tap
	w.see("payments", "o-2", began.Add(time.Second))
	w.ReadTo(1, after(5*time.Minute))
	w.Sweep(after(5 * time.Minute))
	if len(w.told) > 0 {
		t.Fatalf("told before the orders are read: %+v", w.told[0])
	}
	w.see("orders", "o-1", began.Add(time.Second-time.Millisecond))
	w.Sweep(after(6 * time.Minute))
	if len(w.told) != 1 || w.told[0].State != flows.Pass {
		t.Fatalf("a chain that has all: %+v", w.told)
	}
	w.ReadTo(0, after(6*time.Minute))
	w.Sweep(after(7 * time.Minute))
	if len(w.told) != 2 || w.told[1].State != flows.NotKnown || w.told[1].Chain != "o-2" {
		t.Fatalf("a chain that lacks its first step: %+v", w.told)
	}
}

// TestALossIsToldOnceItMatters: a chain under way when something may have been lost
// is judged by what comes.
func TestALossIsToldOnceItMatters(t *testing.T) {
	began := time.Unix(1000, 0)
	at := func(d time.Duration) time.Time { return began.Add(d) }
	after := func(d time.Duration) correlate.Instant { return correlate.InstantOf(at(d)) }
	w := newWaiter(t, began, 0)
	w.see("payments", "o-0", at(2*time.Minute))
	w.told = nil
	w.see("orders", "o-1", at(3*time.Minute))
	w.see("orders", "o-2", at(3*time.Minute))
	w.Add(message.Event{Mark: &message.Mark{Kind: message.MarkGap, Channel: "payments", Seen: at(3*time.Minute + time.Second), Reason: "the broker was restarted"}})
	w.Sweep(after(3*time.Minute + 10*time.Second))
	w.see("payments", "o-1", at(3*time.Minute+20*time.Second))
	w.ReadTo(0, after(10*time.Minute))
	w.ReadTo(1, after(10*time.Minute))
	w.Sweep(after(10 * time.Minute))
	states := map[string]flows.State{}
	for _, j := range w.told {
		if j.Again {
			t.Errorf("judged twice: %+v", j)
		}
		name, _ := j.Name()
		states[name] = j.State
	}
	if states["o-1"] != flows.Pass || states["o-2"] != flows.NotKnown {
		t.Fatalf("%v", states)
	}
}

// TestOpenChainsGoLast: where there are too many chains, those go that are judged.
func TestOpenChainsGoLast(t *testing.T) {
	began := time.Unix(1000, 0)
	w := newWaiter(t, began, 100)
	at := began.Add(10 * time.Minute)
	w.see("orders", "open", at)
	for i := range 250 {
		at = at.Add(200 * time.Millisecond)
		w.see("orders", fmt.Sprint("o-", i), at)
		w.see("payments", fmt.Sprint("o-", i), at.Add(20*time.Millisecond))
		w.Sweep(correlate.InstantOf(at))
	}
	w.see("payments", "open", at)
	w.ReadTo(0, correlate.InstantOf(at.Add(time.Hour)))
	w.ReadTo(1, correlate.InstantOf(at.Add(time.Hour)))
	w.Sweep(correlate.InstantOf(at.Add(time.Minute)))
	for _, j := range w.told {
		if j.State != flows.Pass {
			t.Fatalf("%+v", j)
		}
	}
	if n := w.Stats().Chains.Total; n != 251 {
		t.Fatalf("%d chains", n)
	}
}
