package dlq_test

import (
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/dlq"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

const flowFile = `
flowcheck: 1
flow: parcels
timeout: 2s
settle: 100ms
brokers: { b: "memory://x" }
channels:
  shipments: { broker: b, topic: shipments }
  mails:     { broker: b, topic: mails }
  dead:      { broker: b, topic: dead, dead-letters: shipments }
correlate: { order: body.order }
steps:
  shipped: { channel: shipments }
  mailed:  { channel: mails, after: shipped, within: 3s }
  parked:  { channel: dead, after: shipped, optional: true }
outcomes: { delivered: [ shipped, mailed ], lost: [ shipped, parked ] }
`

func load(t *testing.T) *flows.Flow {
	t.Helper()
	f, errs := flows.Load("flow.yaml", []byte(flowFile), flows.Options{Offline: true})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return f
}

func seen(channel, body string) *message.Observation {
	return &message.Observation{Channel: channel, Message: message.Message{Payload: []byte(body)}, Seen: time.Unix(1, 0), Time: time.Unix(1, 0)}
}

// letter is a dead letter as Look would return it.
func letter(f *flows.Flow, body string) *dlq.Letter {
	l := &dlq.Letter{Observation: seen("dead", body)}
	l.Again, l.Returns = f.Replayed(2, l.Observation)
	return l
}

// TestVerdicts: what comes of a letter tells what has become of it; what the retrial
// itself sends tells nothing.
func TestVerdicts(t *testing.T) {
	f := load(t)
	const body = `{"order":"o-1"}`
	for name, c := range map[string]struct {
		letter *dlq.Letter
		came   []*message.Observation
		want   dlq.State
	}{
		"healed":       {letter(f, body), []*message.Observation{seen("shipments", body), seen("mails", body)}, dlq.Healed},
		"parked again": {letter(f, body), []*message.Observation{seen("shipments", body), seen("dead", body)}, dlq.Parked},
		"doubled":      {letter(f, body), []*message.Observation{seen("shipments", body), seen("mails", body), seen("mails", body)}, dlq.Doubled},
		"another's":    {letter(f, body), []*message.Observation{seen("shipments", body), seen("mails", `{"order":"o-2"}`)}, dlq.Silent},
		"no id":        {letter(f, `no order`), nil, dlq.Unsent},
		"no origin":    {&dlq.Letter{Observation: seen("dead", body)}, nil, dlq.Unsent},
	} {
		r := dlq.NewRetrial(f, []*dlq.Letter{c.letter})
		for _, o := range c.came {
			r.Take(o)
		}
		if got := r.Verdicts()[0]; got.State != c.want {
			t.Errorf("%s: %s, %s", name, got.State, got.Text)
		}
		if sent := len(r.Plan().Shipments); (sent == 0) != (c.want == dlq.Unsent) {
			t.Errorf("%s: %d messages would be sent", name, sent)
		}
	}
	if got := dlq.NewRetrial(f, []*dlq.Letter{letter(f, body)}).Patience(); got != 3*time.Second+100*time.Millisecond {
		t.Errorf("it waits %v", got)
	}
}

// TestSiblings: two letters of one chain may set off a step twice.
func TestSiblings(t *testing.T) {
	f := load(t)
	r := dlq.NewRetrial(f, []*dlq.Letter{letter(f, `{"order":"o-1","line":1}`), letter(f, `{"order":"o-1","line":2}`)})
	for range 2 {
		r.Take(seen("mails", `{"order":"o-1"}`))
	}
	if !r.Done() || r.Verdicts()[0].State != dlq.Healed || r.Verdicts()[1].State != dlq.Healed {
		t.Errorf("%+v", r.Verdicts())
	}
}

// TestGroups: the most first, and those of unknown origin by themselves.
func TestGroups(t *testing.T) {
	f := load(t)
	one := *letter(f, `{"order":"o-1"}`)
	lost := dlq.Letter{Observation: seen("dead", "x")}
	got := dlq.Groups(f, []dlq.Letter{lost, one, one})
	if len(got) != 2 || got[0].Origin != "shipments" || got[0].Letters != 2 || got[1].Origin != "?" || !got[0].Oldest.Equal(time.Unix(1, 0)) {
		t.Errorf("%+v", got)
	}
}
