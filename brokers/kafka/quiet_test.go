package kafka

import (
	"context"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/flowcheck/flowcheck/brokers"
)

// asks is Quiet, which must not fail.
func asks(t testing.TB, tp *tapper, channels ...brokers.Channel) brokers.Quiescence {
	t.Helper()
	q, err := tp.Quiet(soon(t), channels)
	if err != nil {
		t.Fatalf("Quiet: %v", err)
	}
	return q
}

// busy fails unless the broker knows that work is left, for that reason.
func busy(t testing.TB, q brokers.Quiescence, reason string) {
	t.Helper()
	if !q.Known || q.Quiet || !strings.Contains(q.Reason, reason) {
		t.Errorf("got %+v, want it not quiet because of %q", q, reason)
	}
}

func isQuiet(t testing.TB, q brokers.Quiescence) {
	t.Helper()
	if !q.Known || !q.Quiet {
		t.Errorf("got %+v, want quiet", q)
	}
}

func unknown(t testing.TB, q brokers.Quiescence, reason string) {
	t.Helper()
	if q.Known || q.Quiet || !strings.Contains(q.Reason, reason) {
		t.Errorf("got %+v, want it not known because of %q", q, reason)
	}
}

func TestQuietFollowsTheLagOfTheGroup(t *testing.T) {
	both(t, func(t *testing.T, e *env) {
		ch := e.topic(t, 2)
		m := e.join(t, ch.Topic)
		tp := e.tapper(t)
		isQuiet(t, asks(t, tp, ch))
		p := e.producer(t)
		say(t, p, ch.Topic, "a", "b")
		sayTo(t, p, ch.Topic, 1, "c")
		q := asks(t, tp, ch)
		if busy(t, q, m.name); q.Left != 3 {
			t.Errorf("%d are left, want 3", q.Left)
		}
		m.Take(t, 2)
		busy(t, asks(t, tp, ch), m.name)
		m.Take(t, 1)
		isQuiet(t, asks(t, tp, ch))
	})
}

func TestQuietLooksThroughTransactions(t *testing.T) {
	both(t, func(t *testing.T, e *env) {
		ch := e.topic(t, 1)
		m := e.join(t, ch.Topic)
		tp := e.tapper(t)
		p := e.txn(t)
		must(t, p.BeginTxn())
		say(t, p, ch.Topic, "a")
		busy(t, asks(t, tp, ch), "transaction")
		must(t, p.CommitTxn())
		m.Take(t, 1) // it commits 1; the marker is at 1, the end at 2
		eventuallyQuiet(t, tp, ch)
		must(t, p.BeginTxn())
		say(t, p, ch.Topic, "never")
		must(t, p.AbortTxn())
		eventuallyQuiet(t, tp, ch) // nothing that anybody may see has come
		say(t, e.producer(t), ch.Topic, "b")
		busy(t, asks(t, tp, ch), m.name)
		m.Take(t, 1)
		isQuiet(t, asks(t, tp, ch))
	})
}

// eventuallyQuiet waits for the markers, which come after the commit.
func eventuallyQuiet(t testing.TB, tp *tapper, ch brokers.Channel) {
	t.Helper()
	eventually(t, "it becomes quiet", func() string {
		q := asks(t, tp, ch)
		if q.Known && q.Quiet {
			return ""
		}
		return q.Reason
	})
}

func TestQuietIsNotKnownWithoutAGroup(t *testing.T) {
	both(t, func(t *testing.T, e *env) {
		read, unread := e.topic(t, 1), e.topic(t, 1)
		tp := e.tapper(t)
		unknown(t, asks(t, tp, read, unread), "no consumer group")
		e.join(t, read.Topic)
		unknown(t, asks(t, tp, unread), "no consumer group")
		isQuiet(t, asks(t, tp, read, unread)) // the end of a flow has no consumer
	})
}

func TestQuietOfNamedGroups(t *testing.T) {
	both(t, func(t *testing.T, e *env) {
		ch := e.topic(t, 1)
		m := e.join(t, ch.Topic)
		tp := e.tapper(t)
		ch.Consumers = []string{m.name}
		say(t, e.producer(t), ch.Topic, "a")
		busy(t, asks(t, tp, ch), m.name)
		m.Take(t, 1)
		isQuiet(t, asks(t, tp, ch))
		ch.Consumers = []string{m.name, fresh()}
		busy(t, asks(t, tp, ch), ch.Consumers[1]) // it may yet start
	})
}

func TestQuietPassesOverWhatWasThereBeforeTheTap(t *testing.T) {
	both(t, func(t *testing.T, e *env) {
		ch := e.topic(t, 2)
		say(t, e.producer(t), ch.Topic, "long ago")
		m := e.joinAt(t, ch.Topic, sarama.OffsetNewest) // commits nothing in partition 0 before a message comes
		tp := e.tapper(t)
		busy(t, asks(t, tp, ch), "committed nothing")
		arm(t, tp, brokers.Start{}, ch)
		isQuiet(t, asks(t, tp, ch))
		say(t, e.producer(t), ch.Topic, "now")
		busy(t, asks(t, tp, ch), m.name)
		m.Take(t, 1)
		isQuiet(t, asks(t, tp, ch))
	})
}

func TestQuietWaitsForARebalance(t *testing.T) {
	e := openFake(t)
	ch, other := e.topic(t, 1), e.topic(t, 1)
	m := e.join(t, ch.Topic)
	say(t, e.producer(t), ch.Topic, "a")
	m.Take(t, 1)
	tp := e.tapper(t)
	isQuiet(t, asks(t, tp, ch))
	e.fake.ControlKey(int16(kmsg.DescribeGroups), func(req kmsg.Request) (kmsg.Response, error, bool) {
		e.fake.KeepControl()
		resp := req.ResponseKind().(*kmsg.DescribeGroupsResponse)
		for _, name := range req.(*kmsg.DescribeGroupsRequest).Groups {
			g := kmsg.NewDescribeGroupsResponseGroup()
			g.Group, g.State, g.ProtocolType = name, "PreparingRebalance", "consumer"
			resp.Groups = append(resp.Groups, g)
		}
		return resp, nil, true
	})
	busy(t, asks(t, tp, ch), "rebalancing")
	unknown(t, asks(t, tp, other), "no consumer group")
}

// modern makes a member of a group by the protocol of KIP-848 or a share group.
func (e *env) modern(t testing.TB, topic string, group func(string) kgo.GroupOpt, opts ...kgo.Opt) (*kgo.Client, string) {
	t.Helper()
	name := fresh()
	ctx := context.WithValue(t.Context(), "opt_in_kafka_next_gen_balancer_beta", true) //nolint:staticcheck // kgo's own key
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(e.seeds()...), group(name), kgo.ConsumeTopics(topic), kgo.WithContext(ctx))...)
	must(t, err)
	t.Cleanup(func() { cl.Close(); _ = e.admin.DeleteConsumerGroup(name) })
	return cl, name
}

func TestQuietOfAGroupOfTheNewProtocol(t *testing.T) {
	both(t, func(t *testing.T, e *env) {
		ch := e.topic(t, 1)
		cl, name := e.modern(t, ch.Topic, kgo.ConsumerGroup, kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
		tp := e.tapper(t)
		say(t, e.producer(t), ch.Topic, "a")
		got := cl.PollRecords(soon(t), 1)
		must(t, got.Err())
		busy(t, asks(t, tp, ch), name)
		must(t, cl.CommitRecords(soon(t), got.Records()...))
		eventuallyQuiet(t, tp, ch)
		groups, err := tp.c.groups(soon(t))
		must(t, err)
		for _, g := range groups {
			if g.name == name && g.kind == "consumer" {
				return
			}
		}
		t.Errorf("the group is not of the new kind: the test has shown nothing")
	})
}

func TestQuietIsNotKnownBesideAShareGroup(t *testing.T) {
	e := openFake(t)
	ch := e.topic(t, 1)
	m := e.join(t, ch.Topic)
	tp := e.tapper(t)
	isQuiet(t, asks(t, tp, ch))
	cl, name := e.modern(t, ch.Topic, kgo.ShareGroup)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() { defer close(done); cl.PollRecords(ctx, 1) }()
	eventually(t, "the share group is seen", func() string {
		q := asks(t, tp, ch)
		if q.Known || !strings.Contains(q.Reason, name) {
			return q.Reason + " is no word of the group"
		}
		return ""
	})
	named := ch
	named.Consumers = []string{m.name}
	isQuiet(t, asks(t, tp, named)) // the way out that the reason gives
	named.Consumers = []string{name}
	unknown(t, asks(t, tp, named), name)
	cancel()
	<-done
}
