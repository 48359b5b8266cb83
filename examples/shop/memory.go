package shop

import (
	"context"
	"time"

	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/message"
)

// retryAfter is how long a refused shipment waits for the next attempt.
const retryAfter = 50 * time.Millisecond

// memoryTasks is the shop's RabbitMQ on an embedded broker.
type memoryTasks struct{ server *memory.Server }

// MemoryTasks uses an embedded broker instead of RabbitMQ.
func MemoryTasks(server *memory.Server) Tasks { return memoryTasks{server} }

func (m memoryTasks) Declare(context.Context) error {
	for _, e := range exchanges {
		if err := m.server.DeclareExchange(e, memory.Topic); err != nil {
			return err
		}
	}
	options := map[string]memory.QueueOptions{
		queueWork:   {DeadLetter: &memory.DeadLetter{Exchange: exchangeRetry}},
		queueRetry:  {TTL: retryAfter, DeadLetter: &memory.DeadLetter{Key: queueWork}},
		queueParked: {},
		queueOther:  {},
	}
	for name, o := range options {
		if err := m.server.DeclareQueue(name, o); err != nil {
			return err
		}
	}
	for _, b := range bindings {
		if err := m.server.Bind(b.exchange, b.key, b.queue); err != nil {
			return err
		}
	}
	return nil
}

// exchanges and bindings of the shop.
var (
	exchanges = []string{exchangeShipping, exchangeRetry, exchangeParked, exchangeOther}
	bindings  = []struct{ exchange, key, queue string }{
		{exchangeShipping, "shipment.#", queueWork},
		{exchangeRetry, "#", queueRetry},
		{exchangeParked, "#", queueParked},
		{exchangeOther, "#", queueOther},
	}
)

func (m memoryTasks) Publish(_ context.Context, exchange string, t Task) error {
	var headers []message.Header
	for name, value := range t.Headers {
		headers = append(headers, message.Header{Name: name, Value: value})
	}
	_, err := m.server.Publish(exchange, t.Key, message.Message{Headers: headers, Payload: t.Body})
	return err
}

func (m memoryTasks) Consume(ctx context.Context, queue string, handle func(context.Context, Task) Verdict) error {
	consumer, err := m.server.Consume(queue)
	if err != nil {
		return err
	}
	defer consumer.Close()
	for {
		d, err := consumer.Next(ctx)
		if err != nil {
			return err
		}
		headers := map[string]any{}
		for _, h := range d.Headers {
			headers[h.Name] = h.Value
		}
		switch handle(ctx, Task{Key: d.RoutingKey, Headers: headers, Body: d.Payload}) {
		case Done:
			d.Ack()
		case Refuse:
			d.Reject(false)
		case Again:
			d.Reject(true)
		}
	}
}

// memoryMails is the shop's SNS and SQS on an embedded broker.
type memoryMails struct{ server *memory.Server }

// MemoryMails uses an embedded broker instead of SNS and SQS.
func MemoryMails(server *memory.Server) Mails { return memoryMails{server} }

func (m memoryMails) Declare(context.Context) error {
	m.server.CreateSNS(topicMail)
	if err := m.server.CreateSQS(queueMail, memory.SQSOptions{}); err != nil {
		return err
	}
	return m.server.Subscribe(topicMail, queueMail, true)
}

func (m memoryMails) Publish(_ context.Context, body []byte) error {
	_, err := m.server.Notify(topicMail, message.Message{Payload: body})
	return err
}

func (m memoryMails) Consume(ctx context.Context, handle func([]byte)) error {
	for {
		r, err := m.server.Receive(ctx, queueMail)
		if err != nil {
			return err
		}
		handle(r.Payload)
		if err := m.server.Delete(queueMail, r.Handle); err != nil {
			return err
		}
	}
}
