package rabbitmq

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// TestCatchUpUnderLoad: publishers that wait for no confirms flood the exchange;
// what their AMQP channels have taken when CatchUp is called has come when it
// returns, each time.
func TestCatchUpUnderLoad(t *testing.T) {
	s := newSite(t)
	ch := s.orders()
	events := make(chan message.Event, 200_000)
	tap, err := s.open(s.config()).Tap(s.ctx(), brokers.TapConfig{Channels: []brokers.Channel{ch}, Events: events})
	s.must(err)
	stop := make(chan struct{})
	var load sync.WaitGroup
	for range 2 {
		_, own := s.dial()
		load.Go(func() {
			for range 300 {
				if over(stop) {
					return
				}
				for range 100 {
					if err := own.Publish(ch.Exchange, "placed", false, false, amqp091.Publishing{Body: []byte("load")}); err != nil {
						t.Error(err)
						return
					}
				}
				if err := own.ExchangeDeclarePassive(ch.Exchange, "topic", false, false, false, false, nil); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	_, own := s.dial()
	seen := map[string]bool{}
	for round := range 10 {
		for i := range 200 {
			s.must(own.Publish(ch.Exchange, "placed", false, false, amqp091.Publishing{Body: fmt.Appendf(nil, "%d/%d", round, i)}))
		}
		s.must(own.ExchangeDeclarePassive(ch.Exchange, "topic", false, false, false, false, nil)) // all are taken
		caught, err := tap.CatchUp(s.ctx())
		s.must(err)
		if !caught.Exact {
			t.Fatalf("CatchUp says %+v", caught)
		}
		for len(events) > 0 {
			e := <-events
			if e.Mark != nil {
				t.Fatalf("a mark came: %+v", *e.Mark)
			}
			seen[string(e.Observation.Payload)] = true
		}
		for i := range 200 {
			if !seen[fmt.Sprintf("%d/%d", round, i)] {
				t.Fatalf("round %d: number %d of 200 has not come when CatchUp returned", round, i)
			}
		}
	}
	close(stop)
	load.Wait()
	s.must(tap.Close(s.ctx()))
}

func over(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

func TestPlanTellsAll(t *testing.T) {
	s := newSite(t)
	x := s.exchange("topic")
	queue := s.bound(x, "placed", nil)
	stream := s.stream()
	unchanged := s.observe(t)
	tp := s.open(s.config())
	actions, err := tp.Plan(s.ctx(), brokers.TapConfig{Channels: []brokers.Channel{
		{Name: "orders", Exchange: x, RoutingKeys: []string{"a", "b"}}, {Name: "tasks", Queue: queue}, {Name: "fire", Queue: queue, Firehose: true}, stream,
	}})
	s.must(err)
	var lines []string
	for _, a := range actions {
		lines = append(lines, a.Verb+" "+a.Object+" | "+a.Permission)
	}
	plan := strings.NewReplacer(x, "X", queue, "Q", stream.Stream, "S", tp.address.run, "RUN", s.vhost, "V").Replace(strings.Join(lines, "\n"))
	if plan != wantPlan {
		t.Fatalf("the plan is\n%s\nwant\n%s", plan, wantPlan)
	}
	unchanged()
}

const wantPlan = `ask for the type of exchange X | the tag management, or to configure X
create queue flowcheck-RUN-orders-…, at most 100000 messages or 128 MiB, gone with the connection | to configure, write and read ^flowcheck-
create queue flowcheck-RUN-orders-…-drops, for the last message that the first one dropped | to configure, write and read ^flowcheck-
create exchange flowcheck-RUN-orders-…, for drops and markers | to configure, write and read ^flowcheck-
bind the queue to exchange X with key "a" | to read X
bind the queue to exchange X with key "b" | to read X
read queue flowcheck-RUN-orders-… | to configure, write and read ^flowcheck-
ask the management API for the bindings of queue Q | the tag management
create queue flowcheck-RUN-tasks-…, at most 100000 messages or 128 MiB, gone with the connection | to configure, write and read ^flowcheck-
create queue flowcheck-RUN-tasks-…-drops, for the last message that the first one dropped | to configure, write and read ^flowcheck-
create exchange flowcheck-RUN-tasks-…, for drops and markers | to configure, write and read ^flowcheck-
bind the queue to exchange X with key "placed" | to read X
read queue flowcheck-RUN-tasks-… | to configure, write and read ^flowcheck-
ask the management API for the bindings of queue Q | the tag management
switch on tracing in vhost V for Q, off again at the end if it was off | the tag administrator
create queue flowcheck-RUN-fire-…, at most 100000 messages or 128 MiB, gone with the connection | to configure, write and read ^flowcheck-
create queue flowcheck-RUN-fire-…-drops, for the last message that the first one dropped | to configure, write and read ^flowcheck-
create exchange flowcheck-RUN-fire-…, for drops and markers | to configure, write and read ^flowcheck-
bind the queue to exchange amq.rabbitmq.trace with key "publish." | to read amq.rabbitmq.trace
bind the queue to exchange amq.rabbitmq.trace with key "publish.X" | to read amq.rabbitmq.trace
read queue flowcheck-RUN-fire-… | to configure, write and read ^flowcheck-
ask the management API whether S is a stream | the tag management
read stream S | to read S`
