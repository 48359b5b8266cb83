package kafka

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

// member is a consumer of the system under test: a classic group of one. It
// commits each message when it is told to.
type member struct {
	name  string
	group sarama.ConsumerGroup
	ready chan struct{}
	taken chan taken
}

// taken is a message that is not committed yet.
type taken struct {
	payload []byte
	commit  chan struct{}
}

// join makes a group with one member that reads the topic from its beginning,
// and waits until it has its partitions.
func (e *env) join(t testing.TB, topic string) *member {
	t.Helper()
	return e.joinAt(t, topic, sarama.OffsetOldest)
}

func (e *env) joinAt(t testing.TB, topic string, initial int64) *member {
	t.Helper()
	conf := plainConfig()
	conf.Consumer.Offsets.Initial = initial
	conf.Consumer.Offsets.AutoCommit.Enable = false
	conf.Consumer.Group.Rebalance.Timeout = 10 * time.Second
	conf.Consumer.MaxWaitTime = 50 * time.Millisecond
	conf.Consumer.IsolationLevel = sarama.ReadCommitted
	name := fresh()
	group, err := sarama.NewConsumerGroup(e.seeds(), name, conf)
	if err != nil {
		t.Fatal(err)
	}
	m := &member{name: name, group: group, ready: make(chan struct{}), taken: make(chan taken)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- group.Consume(ctx, []string{topic}, m) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("consume: %v", err)
		}
		_ = group.Close()
		_ = e.admin.DeleteConsumerGroup(name)
	})
	select {
	case <-m.ready:
	case <-time.After(patience):
		t.Fatal("the group does not start")
	}
	return m
}

func (m *member) Setup(sarama.ConsumerGroupSession) error   { close(m.ready); return nil }
func (m *member) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for msg := range claim.Messages() {
		one := taken{payload: msg.Value, commit: make(chan struct{})}
		select {
		case m.taken <- one:
		case <-session.Context().Done():
			return nil
		}
		session.MarkMessage(msg, "")
		session.Commit()
		close(one.commit)
	}
	return nil
}

// Take implements brokertest.Consumer.
func (m *member) Take(t testing.TB, n int) [][]byte {
	t.Helper()
	var got [][]byte
	deadline := time.After(patience)
	for len(got) < n {
		select {
		case one := <-m.taken:
			<-one.commit
			got = append(got, one.payload)
		case <-deadline:
			t.Fatalf("the consumer got %d of %d", len(got), n)
		}
	}
	return got
}
