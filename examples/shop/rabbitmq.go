package shop

import (
	"context"
	"errors"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

// rabbitTasks is the shop's RabbitMQ.
type rabbitTasks struct {
	conn    *amqp.Connection
	publish *amqp.Channel
}

// DialRabbitMQ connects the shop to RabbitMQ; close ends the connection.
func DialRabbitMQ(url string) (tasks Tasks, closeConn func() error, err error) {
	conn, err := amqp.Dial(url)
	if err != nil {
		return nil, nil, fmt.Errorf("shop: rabbitmq: %w", err)
	}
	ch, err := conn.Channel()
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("shop: rabbitmq: %w", err), conn.Close())
	}
	return &rabbitTasks{conn, ch}, conn.Close, nil
}

func (r *rabbitTasks) Declare(context.Context) error {
	for _, e := range exchanges {
		if err := r.publish.ExchangeDeclare(e, amqp.ExchangeTopic, true, false, false, false, nil); err != nil {
			return fmt.Errorf("shop: rabbitmq: %w", err)
		}
	}
	options := map[string]amqp.Table{
		queueWork: {"x-dead-letter-exchange": exchangeRetry},
		queueRetry: {
			"x-message-ttl": retryAfter.Milliseconds(), "x-dead-letter-exchange": "", "x-dead-letter-routing-key": queueWork,
		},
		queueParked: nil,
		queueOther:  nil,
	}
	for name, o := range options {
		if _, err := r.publish.QueueDeclare(name, true, false, false, false, o); err != nil {
			return fmt.Errorf("shop: rabbitmq: %w", err)
		}
	}
	for _, b := range bindings {
		if err := r.publish.QueueBind(b.queue, b.key, b.exchange, false, nil); err != nil {
			return fmt.Errorf("shop: rabbitmq: %w", err)
		}
	}
	return nil
}

func (r *rabbitTasks) Publish(ctx context.Context, exchange string, t Task) error {
	headers, _ := toAMQP(t.Headers).(amqp.Table)
	return r.publish.PublishWithContext(ctx, exchange, t.Key, false, false, amqp.Publishing{
		ContentType: "application/json", DeliveryMode: amqp.Persistent, Headers: headers, Body: t.Body,
	})
}

func (r *rabbitTasks) Consume(ctx context.Context, queue string, handle func(context.Context, Task) Verdict) error {
	ch, err := r.conn.Channel()
	if err != nil {
		return err
	}
	defer ch.Close()
	if err := ch.Qos(1, 0, false); err != nil {
		return err
	}
	deliveries, err := ch.ConsumeWithContext(ctx, queue, "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	for d := range deliveries {
		headers, _ := fromAMQP(d.Headers).(map[string]any)
		switch handle(ctx, Task{Key: d.RoutingKey, Headers: headers, Body: d.Body}) {
		case Done:
			err = d.Ack(false)
		case Refuse:
			err = d.Reject(false)
		case Again:
			err = d.Reject(true)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// fromAMQP turns the client's tables into plain maps, toAMQP back.
func fromAMQP(v any) any {
	switch v := v.(type) {
	case amqp.Table:
		m := make(map[string]any, len(v))
		for name, value := range v {
			m[name] = fromAMQP(value)
		}
		return m
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = fromAMQP(v[i])
		}
		return all
	default:
		return v
	}
}

func toAMQP(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(amqp.Table, len(v))
		for name, value := range v {
			m[name] = toAMQP(value)
		}
		return m
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = toAMQP(v[i])
		}
		return all
	default:
		return v
	}
}
