package workers

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// tapping is a worker of a flow that has a topic and a queue.
func tapping(t *testing.T) *worker {
	t.Helper()
	w := newWorker(t, ordersFlow, &heard{})
	w.parts = 4
	w.cfg.Shadow.Flows[0].Channels = []brokers.Channel{
		{Name: "orders", Topic: "orders"}, {Name: "shipments", Exchange: "shipping"}, {Name: "mails", SNS: "mails"},
	}
	return w
}

// TestADutyGoesOnAtItsOwnPlaces: of what its marks say each place is one duty's,
// so that nobody goes on where somebody else has come further since.
func TestADutyGoesOnAtItsOwnPlaces(t *testing.T) {
	w := tapping(t)
	all := []place{{Flow: "orders", Channel: "shipments", Position: "7", ID: "generation"}, {Flow: "orders", Channel: "mails", ID: "queue"}}
	for partition := range 6 {
		all = append(all, place{Flow: "orders", Channel: "orders", Position: fmt.Sprintf("%d@5", partition)})
	}
	count := map[place]int{}
	for duty := range w.parts {
		for _, p := range w.owned(duty, append(slices.Clone(all), place{Flow: "gone", Channel: "orders"}, place{Flow: "orders", Channel: "gone"})) {
			count[p]++
		}
	}
	for _, p := range all {
		if count[p] != 1 {
			t.Errorf("%+v is the place of %d duties", p, count[p])
		}
	}
	if len(count) != len(all) {
		t.Errorf("there are places of what nobody taps: %v", slices.Collect(maps.Keys(count)))
	}
}

// TestForwardingBeginsAgainAtTheLastMark: what was read since is not in the topic
// for certain.
func TestForwardingBeginsAgainAtTheLastMark(t *testing.T) {
	f := tapping(t).newForwarder()
	at := place{Flow: "orders", Channel: "shipments", Position: "7", ID: "generation"}
	f.duties, f.resume, f.away = []int32{2}, []place{at}, time.Unix(1000, 0)
	f.fence(route{f.w.flows[0], "shipments", 0}, &message.Mark{Kind: message.MarkFence, Channel: "s", ID: "generation", Position: message.Nth(90)})
	again := f.again()
	if !slices.Equal(again.resume, f.resume) || again.resume[0] != at || !again.away.Equal(f.away) || len(again.fenced) > 0 {
		t.Fatalf("it goes on at %+v", again)
	}
}
