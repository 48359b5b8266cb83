package shadow_test

import (
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/message"
)

// queued is a flow whose messages come through an exchange, where nothing is kept
// for a tap that is away.
const queued = `flowcheck: 1
flow: queued
brokers: { k: "memory://test" }
settle: 50ms
timeout: 1s
channels: { work: { broker: k, exchange: work, routing-key: "#" } }
correlate: { order: body.order }
steps:
  placed: { channel: work, when: body.kind == "placed" }
  paid:   { channel: work, when: body.kind == "paid", after: placed, within: 30s }
`

// TestAQueueThatKeepsNothingIsAGap: a new start says that it may have missed
// something, and the order of what it has seen is what it was.
func TestAQueueThatKeepsNothingIsAGap(t *testing.T) {
	r := newRig(t)
	r.flows = []string{queued}
	if err := r.server.DeclareExchange("work", memory.Topic); err != nil {
		t.Fatal(err)
	}
	send := func(body string) {
		if _, err := r.server.Publish("work", "x", message.Message{Payload: []byte(body)}); err != nil {
			t.Error(err)
		}
	}
	first := r.start(r.config(r.state))
	for range 5 {
		send(`{"order":"o-0","kind":"other"}`)
	}
	send(`{"order":"o-1","kind":"placed"}`)
	until(t, "six messages", func() bool { return first.cfg.Status.Flows()[0].Messages.Load() >= 6 })
	first.end()
	second := r.start(r.config(r.state))
	send(`{"order":"o-1","kind":"paid"}`)
	until(t, "the chain closed", func() bool {
		all := findings(t, r.state)
		for i := range all {
			if c := all[i].Chains; c != nil && c.Total > 0 {
				return true
			}
		}
		return second.cfg.Status.Flows()[0].Open.Load() == 0 && second.cfg.Status.Flows()[0].Kept.Load() == 1
	})
	s := second.end()
	if f := s.Flows[0]; f.Findings != 0 || f.Unknowns == 0 || !strings.Contains(f.Reasons[0].Reason, "not running") || f.Chains.Total != 1 {
		t.Fatalf("%+v", f)
	}
}
