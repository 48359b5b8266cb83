package rabbitmq

import (
	"context"
	"errors"
	"fmt"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
)

// purge empties a queue. What its consumers hold without having acknowledged stays.
func purge(ctx context.Context, cfg brokers.Config, ch brokers.Channel) error {
	if ch.Queue == "" {
		return errors.New("only a queue can be purged")
	}
	a, err := newAddress(cfg)
	if err != nil {
		return err
	}
	l := &link{address: a, purpose: "purge"}
	defer l.close()
	return l.do(ctx, func(c *amqp091.Channel) error {
		if _, err := c.QueuePurge(ch.Queue, false); err != nil {
			return fmt.Errorf("queue %s: %w", ch.Queue, needing("to read "+ch.Queue, err))
		}
		return nil
	})
}
