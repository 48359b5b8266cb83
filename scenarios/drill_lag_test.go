package scenarios

import (
	"context"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/flows"
)

// lagging is a broker on which so many messages wait for each channel.
type lagging struct {
	brokers.Tapper
	left int
}

func (l lagging) Quiet(context.Context, []brokers.Channel) (brokers.Quiescence, error) {
	return brokers.Quiescence{Known: true, Left: l.left}, nil
}

// TestADrillAsksForTheLag: what waits on all channels together ends the sending.
func TestADrillAsksForTheLag(t *testing.T) {
	t.Parallel()
	f, errs := flows.Load("flow.yaml", []byte(`
flowcheck: 1
flow: orders
brokers: { b: "memory://x" }
channels:
  orders: { broker: b, topic: orders }
  paid:   { broker: b, topic: paid }
correlate: { order: body.order }
steps: { placed: { channel: orders }, paid: { channel: paid } }
`), flows.Options{Offline: true})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	channels := []brokers.Channel{{Name: "orders", Topic: "orders"}, {Name: "paid", Topic: "paid"}}
	for limit, want := range map[int]string{5: "6 messages wait in the system, more than 5", 6: "", 0: ""} {
		d := &Drill{leg: &Leg{Limits: DrillLimits{Lag: limit}}, r: &runner{cfg: Config{
			Flow: f, Tappers: map[int]brokers.Tapper{0: lagging{left: 3}}, Channels: channels, Now: time.Now,
		}}}
		d.askLag(t.Context())
		tick := time.NewTicker(time.Millisecond)
		for deadline := time.Now().Add(time.Minute); limit > 0 && d.waiting.left.Load() != 6; <-tick.C {
			if time.Now().After(deadline) {
				t.Fatal("the brokers were not asked")
			}
		}
		tick.Stop()
		if got := d.passed(); got != want {
			t.Errorf("limit %d: %q, want %q", limit, got, want)
		}
	}
}
