package shop

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/internal/pause"
)

// rabbitTasks is the shop's RabbitMQ. It connects again when a connection is lost.
type rabbitTasks struct {
	url    string
	prefix string // of the names of all

	mu      sync.Mutex // guards conn and publish
	conn    *amqp.Connection
	publish *amqp.Channel
}

// heartbeat is how soon a connection that went dead is noticed.
const heartbeat = 2 * time.Second

// connection is the one there is, or a new one.
func (r *rabbitTasks) connection() (*amqp.Connection, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.connect()
}

// connect is connection with the lock held.
func (r *rabbitTasks) connect() (*amqp.Connection, error) {
	if r.conn != nil && !r.conn.IsClosed() {
		return r.conn, nil
	}
	conn, err := amqp.DialConfig(r.url, amqp.Config{Heartbeat: heartbeat, Dial: amqp.DefaultDial(5 * time.Second)})
	if err != nil {
		return nil, fmt.Errorf("shop: rabbitmq: %w", err)
	}
	r.conn, r.publish = conn, nil
	return conn, nil
}

// channel is the one to publish on, with confirms.
func (r *rabbitTasks) channel() (*amqp.Channel, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	conn, err := r.connect()
	if err != nil {
		return nil, err
	}
	if r.publish != nil && !r.publish.IsClosed() {
		return r.publish, nil
	}
	ch, err := conn.Channel()
	if err == nil {
		err = ch.Confirm(false)
	}
	if err != nil {
		return nil, fmt.Errorf("shop: rabbitmq: %w", err)
	}
	r.publish = ch
	return ch, nil
}

func (r *rabbitTasks) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn == nil {
		return nil
	}
	if err := r.conn.Close(); err != nil && !errors.Is(err, amqp.ErrClosed) {
		return err
	}
	return nil
}

func (r *rabbitTasks) Declare(context.Context) error {
	ch, err := r.channel()
	if err != nil {
		return err
	}
	for _, e := range exchanges {
		if err := ch.ExchangeDeclare(r.prefix+e, amqp.ExchangeTopic, true, false, false, false, nil); err != nil {
			return fmt.Errorf("shop: rabbitmq: %w", err)
		}
	}
	options := map[string]amqp.Table{
		queueWork: {"x-dead-letter-exchange": r.prefix + exchangeRetry},
		queueRetry: {
			"x-message-ttl": retryAfter.Milliseconds(), "x-dead-letter-exchange": "", "x-dead-letter-routing-key": r.prefix + queueWork,
		},
		queueParked: nil,
		queueOther:  nil,
	}
	for name, o := range options {
		if _, err := ch.QueueDeclare(r.prefix+name, true, false, false, false, o); err != nil {
			return fmt.Errorf("shop: rabbitmq: %w", err)
		}
	}
	for _, b := range bindings {
		if err := ch.QueueBind(r.prefix+b.queue, b.key, r.prefix+b.exchange, false, nil); err != nil {
			return fmt.Errorf("shop: rabbitmq: %w", err)
		}
	}
	return nil
}

// confirmWithin is how long the broker may take to confirm.
const confirmWithin = 3 * time.Second

// errNotConfirmed says that the broker refused a message.
var errNotConfirmed = errors.New("shop: rabbitmq did not take the message")

func (r *rabbitTasks) Publish(ctx context.Context, exchange string, t Task) error {
	ch, err := r.channel()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, confirmWithin)
	defer cancel()
	headers, _ := toAMQP(t.Headers).(amqp.Table)
	confirmed, err := ch.PublishWithDeferredConfirmWithContext(ctx, r.prefix+exchange, t.Key, false, false, amqp.Publishing{
		MessageId: t.ID, ContentType: "application/json", DeliveryMode: amqp.Persistent, Headers: headers, Body: t.Body,
	})
	if err != nil {
		return fmt.Errorf("shop: rabbitmq: %w", err)
	}
	ok, err := confirmed.WaitContext(ctx)
	if err != nil {
		_ = ch.Close() // so that the next try has a channel without an open question
		return fmt.Errorf("shop: rabbitmq: %w", err)
	}
	if !ok {
		return errNotConfirmed
	}
	return nil
}

func (r *rabbitTasks) Consume(ctx context.Context, c TaskConsumer) error {
	for {
		err := r.session(ctx, c)
		if ctx.Err() != nil || c.Once {
			return err
		}
		if err := pause.For(ctx, relayAgain); err != nil {
			return err
		}
	}
}

// session consumes until the connection is lost or ctx ends.
func (r *rabbitTasks) session(ctx context.Context, c TaskConsumer) error {
	conn, err := r.connection()
	if err != nil {
		return err
	}
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	defer ch.Close() // what is not acknowledged goes back
	if err := ch.Qos(1, 0, false); err != nil {
		return err
	}
	// Not with ctx: when it ends, the library would cancel the consumer while the
	// channel is closed, and each could take the answer to the other.
	deliveries, err := ch.Consume(r.prefix+c.Queue, "", c.AckFirst, false, false, false, nil)
	if err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case d, ok := <-deliveries:
			if !ok {
				return ctx.Err()
			}
			if more, err := settle(ctx, c, &d); err != nil || !more {
				return err
			}
		}
	}
}

// settle has a delivery handled, and tells the broker what came of it; more is
// false where it is left as it is.
func settle(ctx context.Context, c TaskConsumer, d *amqp.Delivery) (more bool, err error) {
	headers, _ := fromAMQP(d.Headers).(map[string]any)
	verdict := c.Handle(ctx, Task{Key: d.RoutingKey, Headers: headers, Body: d.Body, Redelivered: d.Redelivered})
	switch {
	case c.AckFirst:
		return true, nil
	case verdict == Leave:
		return false, ctx.Err()
	case verdict == Done:
		return true, d.Ack(false)
	default:
		return true, d.Reject(verdict == Again)
	}
}
