package kafka

import (
	"fmt"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

func TestOlderBrokers(t *testing.T) {
	for _, v := range []*kversion.Versions{
		kversion.V2_1_0(), kversion.V2_4_0(), kversion.V2_8_0(), kversion.V3_0_0(), kversion.V3_6_0(), kversion.V3_9_0(), kversion.V4_0_0(),
	} {
		t.Run(v.VersionGuess(), func(t *testing.T) {
			e := openFake(t, kfake.MaxVersions(v))
			ch := e.topic(t, 2)
			m := e.join(t, ch.Topic)
			tp := e.tapper(t)
			id, err := tp.Identify(t.Context())
			if err != nil || id.ID == "" {
				t.Errorf("Identify: %v, %v", id, err)
			}
			a := arm(t, tp, brokers.Start{}, ch)
			_, err = e.publisher(t).Publish(soon(t), ch, outgoingText("x"))
			must(t, err)
			a.exact("x")
			busy(t, asks(t, tp, ch), m.name)
			m.Take(t, 1)
			isQuiet(t, asks(t, tp, ch))
		})
	}
}

func TestCompactionIsNoGap(t *testing.T) {
	e := openFake(t)
	ch := e.topic(t, 1, "cleanup.policy", "compact", "min.cleanable.dirty.ratio", "0", "segment.bytes", "2000", "delete.retention.ms", "0")
	p := e.producer(t)
	for i := range 60 { // keys 0, 1 and 2; the last value of key 1 is a tombstone
		msg := &sarama.ProducerMessage{Topic: ch.Topic, Key: sarama.StringEncoder(fmt.Sprint(i % 3)), Value: sarama.StringEncoder(strings.Repeat("x", 100))}
		if i == 58 {
			msg.Value = nil
		}
		_, _, err := p.SendMessage(msg)
		must(t, err)
	}
	tp := e.tapper(t)
	a := arm(t, tp, brokers.Start{At: brokers.StartBeginning}, ch)
	got, caught := a.caught()
	if len(got) != 60 || !caught.Exact {
		t.Errorf("%d messages before the compaction, %+v", len(got), caught)
	}
	e.fake.Compact()
	b := arm(t, tp, brokers.Start{At: brokers.StartBeginning}, ch)
	got, caught = b.caught()
	if len(got) >= 60 || len(got) < 2 || !caught.Exact || strings.Contains(strings.Join(got, ""), "gap") {
		t.Errorf("%d messages after the compaction, %+v: want fewer, and no gap", len(got), caught)
	}
}

func TestTwoChannelsOfOneTopic(t *testing.T) {
	e := openFake(t)
	ch := e.topic(t, 1)
	other := ch
	other.Name = "refunds"
	a := arm(t, e.tapper(t), brokers.Start{}, ch, other)
	m := outgoingText("x")
	m.Key, m.Headers = []byte("k"), []message.Header{{Name: "h", Value: "v"}}
	_, err := e.publisher(t).Publish(soon(t), ch, m)
	must(t, err)
	first, second := a.next().Observation, a.next().Observation
	if first == second || first.Channel != "orders" || second.Channel != "refunds" || first.Position != second.Position || string(second.Payload) != "x" {
		t.Errorf("got %+v and %+v", first, second)
	}
	a.exact()
}

func TestPlan(t *testing.T) {
	e := openFake(t)
	ch := e.topic(t, 3)
	named := e.topic(t, 1)
	named.Consumers = []string{"payments"}
	plan, err := e.tapper(t).Plan(soon(t), brokers.TapConfig{Channels: []brokers.Channel{ch, ch, named}})
	must(t, err)
	if len(plan) != 4 {
		t.Fatalf("%d actions, want 2 for each topic: %+v", len(plan), plan)
	}
	if got := plan[0]; got.Verb != "read" || !strings.Contains(got.Object, "3 partitions") || !strings.Contains(got.Permission, "Describe and Read on Topic:"+ch.Topic) {
		t.Errorf("got %+v", got)
	}
	if got := plan[3]; got.Verb != "ask" || !strings.Contains(got.Object, "payments") || !strings.Contains(got.Permission, "Group:") {
		t.Errorf("got %+v", got)
	}
}
