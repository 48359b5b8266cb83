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
	c      *cluster
	shared *producer

	mu     sync.Mutex
	alone  *producer // sends each message by itself; opened when first needed
	closed bool
}

func openPublisher(ctx context.Context, cfg brokers.Config, tune tuning) (*publisher, error) {
	c, err := newCluster(cfg, tune)
	if err != nil {
		return nil, err
	}
	if err := c.meet(ctx); err != nil {
		c.close()
		return nil, err
	}
	p := &publisher{c: c}
	if p.shared, err = openProducer(ctx, c, false); err != nil {
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
		err = p.shared.send(ctx, msg)
	}
	if errors.Is(err, sarama.ErrMessageSizeTooLarge) {
		// It was the batch perhaps, which the broker refused as a whole.
		if msg, err = outgoing(ch.Topic, m); err == nil {
			err = p.sendAlone(ctx, msg)
		}
	}
	if err != nil {
		return brokers.Receipt{}, p.explain(ctx, what, ch.Topic, m, err)
	}
	return brokers.Receipt{Position: message.At(msg.Partition, msg.Offset), Time: msg.Timestamp}, nil
}

// sendAlone sends a message in a batch of its own.
func (p *publisher) sendAlone(ctx context.Context, msg *sarama.ProducerMessage) error {
	p.mu.Lock()
	if p.alone == nil && !p.closed {
		alone, err := openProducer(ctx, p.c, true)
		if err != nil {
			p.mu.Unlock()
			return err
		}
		p.alone = alone
	}
	alone := p.alone
	p.mu.Unlock()
	if alone == nil {
		return sarama.ErrClosedClient
	}
	return alone.send(ctx, msg)
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
		return failed(what+" (it needs Write on the topic)", err)
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
	alone := p.alone
	p.alone, p.closed = nil, true
	p.mu.Unlock()
	p.shared.close()
	if alone != nil {
		alone.close()
	}
	p.c.close()
	return nil
}

// outgoing makes sarama's message of ours. The time is ours, in the
// milliseconds that Kafka keeps.
func outgoing(topic string, m brokers.Outgoing) (*sarama.ProducerMessage, error) {
	if len(m.Properties) > 0 {
		return nil, errors.New("kafka messages have no properties: use headers")
	}
	msg := &sarama.ProducerMessage{Topic: topic, Timestamp: time.Now().Truncate(time.Millisecond)}
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
