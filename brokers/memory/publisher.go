package memory

import (
	"context"
	"fmt"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// publisher sends for flowcheck.
type publisher struct{ s *Server }

// Publish sends a message to the channel.
func (p *publisher) Publish(ctx context.Context, ch brokers.Channel, m brokers.Outgoing) (brokers.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return brokers.Receipt{}, fmt.Errorf("publish to %s: not sent: %w", ch.Name, err)
	}
	if err := check(ch); err != nil {
		return brokers.Receipt{}, err
	}
	if m.Partition != nil && ch.Topic == "" {
		return brokers.Receipt{}, fmt.Errorf("publish to %s: only a topic has partitions", ch.Name)
	}
	if m.Key != nil && ch.Topic == "" {
		return brokers.Receipt{}, fmt.Errorf("publish to %s: only a topic's messages have keys", ch.Name)
	}
	receipt, err := p.publish(ch, m)
	if err != nil {
		return brokers.Receipt{}, fmt.Errorf("channel %s: %w", ch.Name, err)
	}
	return receipt, nil
}

// publish goes by the kind of the channel.
func (p *publisher) publish(ch brokers.Channel, m brokers.Outgoing) (brokers.Receipt, error) {
	switch {
	case ch.Topic != "":
		r, err := p.s.Produce(ch.Topic, m)
		if err != nil {
			return brokers.Receipt{}, err
		}
		return brokers.Receipt{Position: message.At(r.Partition, r.Offset), Time: r.Time}, nil
	case ch.SNS != "":
		_, err := p.s.Notify(plainName(ch.SNS), m.Message)
		return brokers.Receipt{}, err
	case ch.SQS != "":
		e, err := p.s.send(plainName(ch.SQS), m.Message)
		if err != nil {
			return brokers.Receipt{}, err
		}
		return brokers.Receipt{Position: message.Named(e.id), Time: e.sent}, nil
	default:
		return brokers.Receipt{}, p.s.publishMandatory(ch, m.Message)
	}
}

// publishMandatory publishes to an exchange, or by the default exchange to a
// queue, and wants a queue to take it.
func (s *Server) publishMandatory(ch brokers.Channel, m message.Message) error {
	key := ch.Queue
	if len(ch.RoutingKeys) > 0 {
		key = ch.RoutingKeys[0]
	}
	if ch.Queue != "" && !s.hasQueue(ch.Queue) {
		return fmt.Errorf("publish: %w", s.absent("queue", ch.Queue))
	}
	taken, err := s.Publish(ch.Exchange, key, m)
	if err != nil {
		return err
	}
	if taken == 0 {
		return fmt.Errorf("publish to exchange %s with routing key %q: %w: no queue is bound for it", ch.Exchange, key, brokers.ErrUnroutable)
	}
	return nil
}

// hasQueue reports whether there is such a queue.
func (s *Server) hasQueue(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queues[name] != nil
}

// Close ends the publisher.
func (p *publisher) Close() error { return nil }
