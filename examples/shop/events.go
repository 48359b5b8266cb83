package shop

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

// partitions of each topic.
const partitions = 3

// events is Kafka as the shop needs it. Each consumer has connections of its
// own: on a shared one a produce would wait behind a fetch that waits for data.
type events struct {
	addrs    []string
	client   sarama.Client
	producer sarama.SyncProducer
}

func kafkaConfig() *sarama.Config {
	cfg := sarama.NewConfig()
	cfg.ClientID = "shop"
	cfg.Version = sarama.V3_6_0_0
	cfg.Producer.Return.Successes = true
	cfg.Producer.RequiredAcks = sarama.WaitForAll
	cfg.Consumer.Offsets.Initial = sarama.OffsetNewest
	cfg.Consumer.Offsets.AutoCommit.Enable = false
	cfg.Consumer.MaxWaitTime = 100 * time.Millisecond
	return cfg
}

func openEvents(addrs []string) (*events, error) {
	client, err := sarama.NewClient(addrs, kafkaConfig())
	if err != nil {
		return nil, fmt.Errorf("shop: kafka: %w", err)
	}
	e := &events{addrs: addrs, client: client}
	if err := e.createTopics(); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	if e.producer, err = sarama.NewSyncProducerFromClient(client); err != nil {
		return nil, errors.Join(fmt.Errorf("shop: kafka: %w", err), client.Close())
	}
	return e, nil
}

func (e *events) createTopics() error {
	admin, err := sarama.NewClusterAdminFromClient(e.client)
	if err != nil {
		return fmt.Errorf("shop: kafka: %w", err)
	}
	for _, topic := range []string{topicOrders, topicPayments} {
		err := admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false)
		if err != nil && !errors.Is(err, sarama.ErrTopicAlreadyExists) {
			return fmt.Errorf("shop: create the topic %s: %w", topic, err)
		}
	}
	return e.client.RefreshMetadata(topicOrders, topicPayments)
}

func (e *events) close() error {
	return errors.Join(e.producer.Close(), e.client.Close())
}

func (e *events) produce(_ context.Context, topic, key string, body []byte) error {
	_, _, err := e.producer.SendMessage(&sarama.ProducerMessage{
		Topic: topic, Key: sarama.StringEncoder(key), Value: sarama.ByteEncoder(body),
	})
	return err
}

// consume handles a topic's messages as a member of a group until ctx ends. A
// message is committed once it is handled. ready hears when every partition is
// read for the first time.
func (e *events) consume(ctx context.Context, group, topic string, ready chan<- struct{}, handle handler) error {
	g, err := sarama.NewConsumerGroup(e.addrs, group, kafkaConfig())
	if err != nil {
		return err
	}
	defer g.Close()
	h := &groupHandler{handle: handle, ready: ready}
	for ctx.Err() == nil {
		if err := g.Consume(ctx, []string{topic}, h); err != nil {
			return err
		}
	}
	return ctx.Err()
}

type handler func(ctx context.Context, key, body []byte) error

type groupHandler struct {
	handle  handler
	ready   chan<- struct{}
	waiting atomic.Int32 // partitions whose place is not known yet
	told    sync.Once
}

func (h *groupHandler) Setup(s sarama.ConsumerGroupSession) error {
	h.waiting.Store(0)
	for _, partitions := range s.Claims() {
		h.waiting.Add(int32(len(partitions)))
	}
	return nil
}

func (h *groupHandler) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (h *groupHandler) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	// Only here is it known where the partition is read from: an order that comes
	// before might be passed over.
	if h.waiting.Add(-1) == 0 {
		h.told.Do(func() { h.ready <- struct{}{} })
	}
	for m := range claim.Messages() {
		if err := h.handle(s.Context(), m.Key, m.Value); err != nil {
			return err
		}
		s.MarkMessage(m, "")
		s.Commit()
	}
	return nil
}
