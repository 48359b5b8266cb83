package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// batchLimit is how large a message may be to be sent in one batch with others.
// The broker judges a batch as a whole, by max.message.bytes, a megabyte by
// default: larger messages go alone, so that they take no other one with them.
const batchLimit = 900_000

// publisher implements brokers.Publisher. Messages that are published side by
// side share batches.
type publisher struct {
	c    *cluster
	work sync.WaitGroup // producers that are being given up

	mu     sync.Mutex
	shared *producer // nil: to be opened
	alone  *producer // sends each message by itself; nil: to be opened
	closed bool
}

func openPublisher(ctx context.Context, cfg brokers.Config, tune tuning) (*publisher, error) {
	c, err := newCluster(cfg, tune)
	if err != nil {
		return nil, err
	}
	p := &publisher{c: c}
	if err = c.meet(ctx); err == nil {
		p.shared, err = openProducer(ctx, c, false)
	}
	if errors.Is(err, sarama.ErrClusterAuthorizationFailed) {
		err = nil // it may write to no topic yet: Publish says so, and to which, where there is something to send
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return p, nil
}

// Publish implements brokers.Publisher. The partition is Outgoing.Partition,
// else by the key as Java's client does it, else random. The receipt's time is
// the record's.
func (p *publisher) Publish(ctx context.Context, ch brokers.Channel, m brokers.Outgoing) (brokers.Receipt, error) {
	what := "publish to " + ch.Name
	if err := check(ch); err != nil {
		return brokers.Receipt{}, fmt.Errorf("publish: %w", err)
	}
	msg, err := outgoing(ch.Topic, m)
	if err != nil {
		return brokers.Receipt{}, fmt.Errorf("%s: %w", what, err)
	}
	if msg.ByteSize(2) > batchLimit {
		err = sarama.ErrMessageSizeTooLarge
	} else {
		err = p.send(ctx, msg, &p.shared)
	}
	if errors.Is(err, sarama.ErrMessageSizeTooLarge) {
		// It was the batch perhaps, which the broker refused as a whole.
		if msg, err = outgoing(ch.Topic, m); err == nil {
			err = p.send(ctx, msg, &p.alone)
		}
	}
	if err != nil {
		return brokers.Receipt{}, p.explain(ctx, what, ch.Topic, m, err)
	}
	receipt := brokers.Receipt{Time: msg.Timestamp}
	if msg.Offset >= 0 {
		receipt.Position = message.At(msg.Partition, msg.Offset)
	}
	return receipt, nil
}

// send sends by one of the two producers. After an outage a new one takes its
// place: sarama's refuses everything for ten seconds.
func (p *publisher) send(ctx context.Context, msg *sarama.ProducerMessage, by **producer) error {
	with, err := p.take(ctx, by)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotSent, err)
	}
	defer with.users.Done()
	err = with.send(ctx, msg)
	if err != nil && ctx.Err() == nil && isTransport(err) {
		p.giveUp(with, by)
	}
	return err
}

// take returns the producer, opened where it must be, for one use.
func (p *publisher) take(ctx context.Context, by **producer) (*producer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, sarama.ErrClosedClient
	}
	if *by == nil {
		opened, err := openProducer(ctx, p.c, by == &p.alone)
		if err != nil {
			return nil, err
		}
		*by = opened
	}
	(*by).users.Add(1)
	return *by, nil
}

// giveUp lets nobody use the producer any more, and closes it when nobody does.
func (p *publisher) giveUp(old *producer, by **producer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if *by != old || p.closed {
		return
	}
	*by = nil
	p.work.Go(func() {
		old.users.Wait()
		old.close()
	})
}

// explain says what went wrong, and whether the broker may have the message all
// the same.
func (p *publisher) explain(ctx context.Context, what, topic string, m brokers.Outgoing, err error) error {
	switch {
	case errors.Is(err, sarama.ErrInvalidPartition) && m.Partition != nil:
		return fmt.Errorf("%s: partition %d of topic %s %w", what, *m.Partition, topic, brokers.ErrAbsent)
	case errors.Is(err, sarama.ErrUnknownTopicOrPartition):
		return fmt.Errorf("%s: %w", what, p.c.suggest(ctx, &absent{topic: topic, broker: p.c.name}))
	case errors.Is(err, sarama.ErrMessageSizeTooLarge):
		return fmt.Errorf("%s: %w: %d bytes and headers are more than the topic takes (max.message.bytes)",
			what, brokers.ErrTooLarge, len(m.Key)+len(m.Payload))
	case isRefusal(err):
		return failed(what+" (it needs Write on Topic:"+topic+"; before Kafka 2.8 also IdempotentWrite on Cluster:kafka-cluster)", err)
	case errors.Is(err, errNotSent):
		return failed(what, err)
	case isTransport(err), isAny(err, context.Canceled, sarama.ErrShuttingDown, sarama.ErrClosedClient):
		return failed(what+": not acknowledged, whether the broker has the message is not known", err)
	default:
		return failed(what, err)
	}
}

// Close implements brokers.Publisher. What is under way may fail.
func (p *publisher) Close() error {
	p.mu.Lock()
	open := []*producer{p.shared, p.alone}
	p.shared, p.alone, p.closed = nil, nil, true
	p.mu.Unlock()
	p.c.close()
	for _, one := range open {
		if one != nil {
			one.close()
		}
	}
	p.work.Wait()
	return nil
}

// outgoing makes sarama's message of ours. The time is ours, in the
// milliseconds that Kafka keeps.
func outgoing(topic string, m brokers.Outgoing) (*sarama.ProducerMessage, error) {
	if len(m.Properties) > 0 {
		return nil, errors.New("kafka messages have no properties: use headers")
	}
	msg := &sarama.ProducerMessage{Topic: topic, Timestamp: time.Now().Truncate(time.Millisecond)}
	msg.Offset = -1 // and so it stays where the broker only says that it had the message already
	if m.Key != nil {
		msg.Key = sarama.ByteEncoder(m.Key)
	}
	if m.Payload != nil {
		msg.Value = sarama.ByteEncoder(m.Payload)
	}
	for _, h := range m.Headers {
		value, err := headerBytes(h)
		if err != nil {
			return nil, err
		}
		msg.Headers = append(msg.Headers, sarama.RecordHeader{Key: []byte(h.Name), Value: value})
	}
	msg.Metadata = &sending{partition: m.Partition, done: make(chan error, 1)}
	return msg, nil
}
