package memorytest

import (
	"context"
	"testing"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/brokertest" //nolint:depguard // for tests only
	"github.com/flowcheck/flowcheck/brokers/memory"     //nolint:depguard // for tests only
	"github.com/flowcheck/flowcheck/message"
)

// Topic describes topics in partitions.
func Topic() (brokertest.Subject, *memory.Server) {
	f := newFace()
	s := f.subject()
	s.NewChannel = f.newTopic
	s.NewConsumer = f.newMember
	s.Claims = brokertest.Claims{
		BrokerTime: true, Ordered: true, Positions: message.PartitionOffset, Receipts: true,
		Keys: true, NilKey: true, RepeatedHeaders: true, BinaryHeaders: true,
		Tombstones: true, EmptyBody: true, BinaryBody: true, Partitions: true,
		StartBeginning: true, StartOffset: true, StartTime: true,
		ExactCatchUp: true, Quiet: true, Identity: true, MaxMessage: maxMessage,
	}
	s.Unserved = map[string]string{"untappable": "every topic can be tapped"}
	return s, f.Server
}

// newTopic makes a topic; nobody need read it.
func (f *face) newTopic(t testing.TB, o brokertest.ChannelOptions) brokers.Channel {
	name := f.name("topic")
	if o.State != brokertest.Absent {
		f.CreateTopic(name, o.Partitions)
		t.Cleanup(func() { f.DeleteTopic(name) })
	}
	return brokers.Channel{Topic: name}
}

// newMember joins a group of its own.
func (f *face) newMember(t testing.TB, ch brokers.Channel) brokertest.Consumer {
	m, err := f.Join(f.name("group"), ch.Topic)
	must(t, err)
	t.Cleanup(m.Leave)
	return take(func(ctx context.Context) ([]byte, error) {
		r, err := m.Next(ctx)
		if err != nil {
			return nil, err
		}
		m.Commit(r)
		return r.Payload, nil
	})
}
