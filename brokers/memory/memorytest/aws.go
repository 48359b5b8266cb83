package memorytest

import (
	"context"
	"testing"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/brokertest" //nolint:depguard // for tests only
	"github.com/flowcheck/flowcheck/brokers/memory"     //nolint:depguard // for tests only
	"github.com/flowcheck/flowcheck/message"
)

// SNS describes SNS topics.
func SNS() (brokertest.Subject, *memory.Server) {
	f := newFace()
	s := f.aws()
	s.NewChannel = f.newSNS
	s.NewConsumer = func(t testing.TB, ch brokers.Channel) brokertest.Consumer { return f.newReceiver(ch.SNS + "-work") }
	s.Claims.Quiet = true
	s.Unserved = map[string]string{"untappable": "every SNS topic can be tapped"}
	return s, f.Server
}

// SQS describes SQS queues that flowcheck may consume.
func SQS() (brokertest.Subject, *memory.Server) {
	f := newFace()
	s := f.aws()
	s.NewChannel = f.newSQS
	s.Claims.Receipts = true
	s.Claims.Quiet = true
	s.Untappable = func(t testing.TB) []brokers.Channel {
		ch := f.newSQS(t, brokertest.ChannelOptions{})
		ch.Intrusive = false
		return []brokers.Channel{ch}
	}
	const intrusive = "an intrusive tap takes what is in the queue from everybody else"
	s.Unserved = map[string]string{
		"starts-at-end": intrusive, "two-taps": intrusive, "competing-consumer": intrusive, "undisturbed": intrusive,
		"quiet": intrusive,
	}
	return s, f.Server
}

// aws is what SNS topics and SQS queues have in common.
func (f *face) aws() brokertest.Subject {
	s := f.subject()
	s.Claims = brokertest.Claims{
		BrokerTime: true, Positions: message.Opaque, BinaryHeaders: true,
		ExactCatchUp: true, Identity: true, MaxMessage: maxMessage,
	}
	return s
}

// newSNS makes an SNS topic, with a queue unless nobody is to read.
func (f *face) newSNS(t testing.TB, o brokertest.ChannelOptions) brokers.Channel {
	name := f.name("news")
	if o.State == brokertest.Absent {
		return brokers.Channel{SNS: name}
	}
	f.CreateSNS(name)
	t.Cleanup(func() { f.DeleteSNS(name) })
	if o.State == brokertest.Live {
		must(t, f.CreateSQS(name+"-work", memory.SQSOptions{}))
		t.Cleanup(func() { f.DeleteSQS(name + "-work") })
		must(t, f.Subscribe(name, name+"-work", true))
	}
	return brokers.Channel{SNS: name}
}

// newSQS makes an SQS queue that may be consumed.
func (f *face) newSQS(t testing.TB, o brokertest.ChannelOptions) brokers.Channel {
	name := f.name("mail")
	if o.State != brokertest.Absent {
		must(t, f.CreateSQS(name, memory.SQSOptions{}))
		t.Cleanup(func() { f.DeleteSQS(name) })
	}
	return brokers.Channel{SQS: name, Intrusive: true}
}

// newReceiver receives from a queue and deletes.
func (f *face) newReceiver(queueName string) brokertest.Consumer {
	return take(func(ctx context.Context) ([]byte, error) {
		r, err := f.Receive(ctx, queueName)
		if err != nil {
			return nil, err
		}
		return r.Payload, f.Delete(queueName, r.Handle)
	})
}
