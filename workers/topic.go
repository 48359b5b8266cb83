package workers

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/brokers"
)

// The topic's messages: what a message of the system comes to, as a line.
const (
	maxLine   = 16 << 20
	retention = 24 * time.Hour // of the topic, at least
)

// configure adds to the settings what the group, the topic and the producers need.
func (w *worker) configure() {
	c := w.conf
	session := w.cfg.Session
	if session == 0 {
		session = DefaultSession
	}
	c.Consumer.Group.Session.Timeout = session
	c.Consumer.Group.Heartbeat.Interval = session / 5
	c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategySticky()}
	c.Consumer.Offsets.AutoCommit.Enable = false
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Return.Errors = true
	c.Consumer.Fetch.Default = 4 << 20
	c.Consumer.MaxWaitTime = 100 * time.Millisecond
	c.ChannelBufferSize = 1024
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Idempotent = true
	c.Net.MaxOpenRequests = 1 // sarama demands it of an idempotent producer
	c.Producer.Return.Successes, c.Producer.Return.Errors = true, true
	c.Producer.MaxMessageBytes = maxLine + 1<<16
	c.Producer.Retry.Max, c.Producer.Retry.Backoff = 10, 100*time.Millisecond
}

// admin is a connection for questions about the cluster.
func (w *worker) admin() (sarama.ClusterAdmin, error) {
	conf := *w.conf
	conf.Metadata.Full = true // else it does not learn who the controller is
	admin, err := sarama.NewClusterAdmin(w.seeds, &conf)
	if err != nil {
		return nil, fmt.Errorf("connect to kafka %s: %w: %w", w.cfg.Broker.Name, brokers.ErrUnreachable, err)
	}
	return admin, nil
}

// makeTopic makes the topic where there is none, and learns how many partitions it
// has.
func (w *worker) makeTopic(ctx context.Context) error {
	admin, err := w.admin()
	if err != nil {
		return err
	}
	defer admin.Close()
	n := w.cfg.Partitions
	if n == 0 {
		n = DefaultPartitions
	}
	keep := retention
	for _, f := range w.flows {
		keep = max(keep, 4*f.split.Horizon())
	}
	text := func(s string) *string { return &s }
	err = admin.CreateTopic(w.topic, &sarama.TopicDetail{NumPartitions: n, ReplicationFactor: -1, ConfigEntries: map[string]*string{
		"retention.ms":      text(strconv.FormatInt(keep.Milliseconds(), 10)),
		"max.message.bytes": text(strconv.Itoa(maxLine + 1<<16)),
	}}, false)
	if err != nil && !errors.Is(err, sarama.ErrTopicAlreadyExists) {
		return fmt.Errorf("create topic %s (it needs Create on Topic:%s, or make it yourself): %w", w.topic, w.topic, err)
	}
	return w.learnPartitions(ctx)
}

// learnPartitions waits until the topic is known.
func (w *worker) learnPartitions(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		err := w.client.RefreshMetadata(w.topic)
		if err == nil {
			var ids []int32
			if ids, err = w.client.Partitions(w.topic); err == nil && len(ids) > 0 {
				w.parts = int32(len(ids)) //nolint:gosec // the broker counts so
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("topic %s: %w", w.topic, errors.Join(err, ctx.Err()))
		}
	}
}
