package shop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/internal/pause"
)

// partitions of each topic.
const partitions = 3

// largest is how large a message of the shop may be: a dead-lettered order has
// headers that the order had not.
const largest = 2 << 20

// events is Kafka as the shop needs it. Each consumer has connections of its
// own: on a shared one a produce would wait behind a fetch that waits for data.
type events struct {
	addrs    []string
	prefix   string // of its topics and groups
	client   sarama.Client
	producer sarama.SyncProducer
	codings  map[string]Coding // by topic
	log      *slog.Logger
}

// kafkaConfig has an idempotent producer that tries again for about a minute, so
// that a lost answer is no double and a lost connection no loss.
func kafkaConfig() *sarama.Config {
	cfg := sarama.NewConfig()
	cfg.ClientID = "shop"
	cfg.Version = sarama.V3_6_0_0
	cfg.Net.MaxOpenRequests = 1
	cfg.Net.DialTimeout, cfg.Net.ReadTimeout, cfg.Net.WriteTimeout = 5*time.Second, 10*time.Second, 10*time.Second
	cfg.Metadata.AllowAutoTopicCreation = false
	cfg.Producer.Return.Successes = true
	cfg.Producer.RequiredAcks = sarama.WaitForAll
	cfg.Producer.Idempotent = true
	cfg.Producer.Retry.Max, cfg.Producer.Retry.Backoff = 600, 100*time.Millisecond
	cfg.Producer.MaxMessageBytes = largest
	cfg.Consumer.Offsets.Initial = sarama.OffsetOldest
	cfg.Consumer.Offsets.AutoCommit.Enable = false
	cfg.Consumer.Retry.Backoff, cfg.Metadata.Retry.Backoff = relayAgain, relayAgain
	cfg.Consumer.Group.Heartbeat.Interval, cfg.Consumer.Group.Session.Timeout = time.Second, 6*time.Second
	cfg.Consumer.MaxWaitTime = 100 * time.Millisecond
	return cfg
}

func openEvents(addrs []string, prefix string, log *slog.Logger) (*events, error) {
	cfg := kafkaConfig()
	// A producer that gives a message up while the broker is away does not know
	// whether it was written: sent again it is another one.
	cfg.Metadata.Retry.Max = 200
	client, err := sarama.NewClient(addrs, cfg)
	if err != nil {
		return nil, fmt.Errorf("shop: kafka: %w", err)
	}
	e := &events{addrs: addrs, prefix: prefix, client: client, log: log}
	if err := e.createTopics(); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	if e.producer, err = sarama.NewSyncProducerFromClient(client); err != nil {
		return nil, errors.Join(fmt.Errorf("shop: kafka: %w", err), client.Close())
	}
	return e, nil
}

// topics are all that the shop uses.
var topics = []string{topicOrders, topicRefused, topicPayments, topicOtherDLT, topicAddresses, topicAddressesRetry, topicProfiles}

func (e *events) createTopics() error {
	admin, err := sarama.NewClusterAdminFromClient(e.client)
	if err != nil {
		return fmt.Errorf("shop: kafka: %w", err)
	}
	limit := fmt.Sprint(largest)
	for _, topic := range topics {
		detail := &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}
		if topic == topicRefused {
			detail.ConfigEntries = map[string]*string{"max.message.bytes": &limit}
		}
		err := admin.CreateTopic(e.prefix+topic, detail, false)
		if err != nil && !errors.Is(err, sarama.ErrTopicAlreadyExists) {
			return fmt.Errorf("shop: create the topic %s: %w", topic, err)
		}
	}
	return e.awaitTopics()
}

// awaitTopics waits until the broker knows topics that were created just now.
func (e *events) awaitTopics() error {
	ctx, cancel := context.WithTimeout(context.Background(), topicsWithin)
	defer cancel()
	var names []string
	for _, topic := range topics {
		names = append(names, e.prefix+topic)
	}
	for {
		err := e.client.RefreshMetadata(names...)
		if err == nil {
			return nil
		}
		if pause.For(ctx, relayAgain) != nil {
			return fmt.Errorf("shop: kafka: %w", err)
		}
	}
}

// topicsWithin is how long a broker may take until it knows a new topic.
const topicsWithin = 30 * time.Second

func (e *events) close() error {
	return errors.Join(e.producer.Close(), e.client.Close())
}

func (e *events) produce(r row) error {
	m := &sarama.ProducerMessage{Topic: e.prefix + r.to, Key: sarama.StringEncoder(r.key), Value: sarama.ByteEncoder(encoded(e.codings[r.to], r.body))}
	if r.noKey {
		m.Key = nil
	}
	if r.body == nil {
		m.Value = nil // a tombstone
	}
	for name, value := range r.headers {
		m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(name), Value: fmt.Append(nil, value)})
	}
	_, _, err := e.producer.SendMessage(m)
	return err
}

// record is a message of Kafka.
type record struct {
	topic      string
	partition  int32
	offset     int64
	key, value []byte
	headers    []*sarama.RecordHeader
	at         time.Time
	// once, if a handler sets it, is waited for before the message is committed, while
	// the next ones are handled already.
	once func(context.Context) error
}

// header is the last value of a header.
func (r record) header(name string) (value string) {
	for _, h := range r.headers {
		if string(h.Key) == name {
			value = string(h.Value)
		}
	}
	return value
}

// member is a consumer of a topic, in a group.
type member struct {
	group, topic string
	// handle handles a message; it is committed when handle returns nil. With an
	// error it comes again.
	handle func(context.Context, *record) error
	// ready hears when every partition is read for the first time.
	ready chan<- struct{}
	// parallel handles the messages of a partition side by side, ackFirst commits
	// before it handles, forgets never commits, and begins with what comes next.
	parallel, ackFirst, forgets bool
}

// consume handles a topic's messages as a member of a group until ctx ends.
func (e *events) consume(ctx context.Context, m member) error {
	h := &groupHandler{member: m, coding: e.codings[m.topic]}
	for {
		err := e.session(ctx, m, h)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		e.log.Warn("the consumer opens again", "group", m.group, "error", err)
		if err := pause.For(ctx, relayAgain); err != nil {
			return err
		}
	}
}

func (e *events) session(ctx context.Context, m member, h *groupHandler) error {
	cfg := kafkaConfig()
	if m.forgets {
		cfg.Consumer.Offsets.Initial = sarama.OffsetNewest
	}
	g, err := sarama.NewConsumerGroup(e.addrs, e.prefix+m.group, cfg)
	if err != nil {
		return err
	}
	defer g.Close()
	for {
		// With an error the same member joins again: as another one it would wait until
		// the broker gives the first one up.
		err := g.Consume(ctx, []string{e.prefix + m.topic}, h)
		switch {
		case ctx.Err() != nil, errors.Is(err, sarama.ErrClosedConsumerGroup):
			return errors.Join(ctx.Err(), err)
		case err != nil:
			e.log.Warn("the consumer joins again", "group", m.group, "error", err)
			if err := pause.For(ctx, relayAgain); err != nil {
				return err
			}
		}
	}
}

type groupHandler struct {
	member
	coding  Coding
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
	var side sync.WaitGroup
	defer side.Wait()
	var open backlog
	defer open.side.Wait()
	for m := range claim.Messages() {
		if h.parallel {
			side.Go(func() { h.alone(s, m) }) // what fails comes again after the next restart
			continue
		}
		if err := open.take(h, s, m); err != nil {
			return err
		}
	}
	return nil
}

// backlog are the messages of a partition that are handled and not committed yet, in
// their order.
type backlog struct {
	side sync.WaitGroup
	last chan bool // says whether the message before was committed; nil: there was none
}

// take handles a message, and has it committed after those before it.
func (l *backlog) take(h *groupHandler, s sarama.ConsumerGroupSession, m *sarama.ConsumerMessage) error {
	once, err := h.take(s, m)
	if err != nil {
		return err
	}
	before, done := l.last, make(chan bool, 1)
	l.last = done
	l.side.Go(func() {
		ok := once == nil || once(s.Context()) == nil
		if before != nil {
			ok = <-before && ok
		}
		if ok {
			h.commit(s, m)
		}
		done <- ok
	})
	return nil
}

// take handles a message; what it returns is to be waited for before the commit.
func (h *groupHandler) take(s sarama.ConsumerGroupSession, m *sarama.ConsumerMessage) (once func(context.Context) error, err error) {
	if h.ackFirst {
		h.commit(s, m)
	}
	r := record{
		topic: m.Topic, partition: m.Partition, offset: m.Offset, key: m.Key, value: decoded(h.coding, m.Value), headers: m.Headers, at: m.Timestamp,
	}
	err = h.handle(s.Context(), &r)
	return r.once, err
}

// alone handles and commits a message, whatever becomes of those before it.
func (h *groupHandler) alone(s sarama.ConsumerGroupSession, m *sarama.ConsumerMessage) {
	once, err := h.take(s, m)
	if err == nil && once != nil {
		err = once(s.Context())
	}
	if err == nil && !h.ackFirst {
		h.commit(s, m)
	}
}

func (h *groupHandler) commit(s sarama.ConsumerGroupSession, m *sarama.ConsumerMessage) {
	if !h.forgets {
		s.MarkMessage(m, "")
		s.Commit()
	}
}
