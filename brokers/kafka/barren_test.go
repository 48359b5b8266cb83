package kafka

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/flowcheck/flowcheck/brokers"
)

// TestBarrenBrokerIsSaidAndNotPressed: a broker that says there is more and
// shows nothing (an emptied batch at the end of a compacted log, a tiered log
// that is slow) gets time, and CatchUp does not wait for ever.
func TestBarrenBrokerIsSaidAndNotPressed(t *testing.T) {
	e := openFake(t)
	ch := e.topic(t, 1)
	say(t, e.producer(t), ch.Topic, "0", "1", "2")
	var barren atomic.Bool
	var asked atomic.Int64
	barren.Store(true)
	e.fake.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		e.fake.KeepControl()
		asked.Add(1)
		if !barren.Load() {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		for _, rt := range req.(*kmsg.FetchRequest).Topics {
			st := kmsg.NewFetchResponseTopic()
			st.Topic = rt.Topic
			for _, rp := range rt.Partitions {
				sp := kmsg.NewFetchResponseTopicPartition()
				sp.Partition, sp.HighWatermark, sp.LastStableOffset = rp.Partition, 3, 3
				st.Partitions = append(st.Partitions, sp)
			}
			resp.Topics = append(resp.Topics, st)
		}
		return resp, nil, true
	})
	a := arm(t, e.tapper(t), brokers.Start{At: brokers.StartBeginning}, ch)
	got, caught := a.caught()
	if len(got) != 0 || caught.Exact || !strings.Contains(caught.Reason, "shows nothing from 0 on") {
		t.Errorf("got %q, %+v", got, caught)
	}
	if n := asked.Load(); n > 30 {
		t.Errorf("the broker was asked %d times in half a second", n)
	}
	barren.Store(false)
	a.exact("0", "1", "2")
}
