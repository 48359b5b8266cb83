package shop

import (
	"context"
	"slices"
	"sync"
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
	out := message.Message{Payload: t.Body, Properties: map[string]any{"message-id": t.ID}}
	for name, value := range t.Headers {
		out.Headers = append(out.Headers, message.Header{Name: name, Value: value})
	}
	_, err := m.server.Publish(exchange, t.Key, out)
	return err
}

func (m memoryTasks) Consume(ctx context.Context, c TaskConsumer) error {
	consumer, err := m.server.Consume(c.Queue)
	if err != nil {
		return err
	}
	defer consumer.Close() // what is held goes back
	for {
		d, err := consumer.Next(ctx)
		if err != nil {
			return err
		}
		headers := map[string]any{}
		for _, h := range d.Headers {
			headers[h.Name] = h.Value
		}
		if c.AckFirst {
			d.Ack()
		}
		verdict := c.Handle(ctx, Task{Key: d.RoutingKey, Headers: headers, Body: d.Payload, Redelivered: d.Redelivered})
		switch {
		case c.AckFirst || verdict == Leave:
		case verdict == Done:
			d.Ack()
		default:
			d.Reject(verdict == Again)
		}
	}
}

// memoryMails is the shop's SNS and SQS on an embedded broker, which has neither
// FIFO topics nor filters: both are done here.
type memoryMails struct {
	server *memory.Server

	mu      sync.Mutex
	options MailOptions
	known   map[string]bool // deduplication ids
}

// MemoryMails uses an embedded broker instead of SNS and SQS.
func MemoryMails(server *memory.Server) Mails {
	return &memoryMails{server: server, known: map[string]bool{}}
}

func (m *memoryMails) Declare(_ context.Context, o MailOptions) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	again := m.options.Visible != 0
	m.options = o
	if again {
		return nil // each subscription is one more
	}
	for _, topic := range mailTopics {
		m.server.CreateSNS(topic)
	}
	if err := m.server.CreateSQS(queueMail, memory.SQSOptions{VisibilityTimeout: o.Visible}); err != nil {
		return err
	}
	return m.server.Subscribe(topicMail, queueMail, true)
}

// mailTopics are all of SNS that the shop uses.
var mailTopics = []string{topicMail, topicLetters, topicMailFailures, topicLedger}

func (m *memoryMails) Publish(_ context.Context, topic string, mail Mail) error {
	if mail.DedupID != "" && m.again(topic+" "+mail.DedupID) {
		return nil
	}
	out := message.Message{Payload: mail.Body, Headers: []message.Header{{Name: "message-id", Value: mail.ID}}}
	for name, value := range mail.Attributes {
		out.Headers = append(out.Headers, message.Header{Name: name, Value: value})
	}
	_, err := m.server.Notify(topic, out)
	return err
}

// again notes a deduplication id, and reports whether it was known.
func (m *memoryMails) again(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.known[id]
	m.known[id] = true
	return known
}

func (m *memoryMails) Consume(ctx context.Context, handle func(context.Context, Mail) bool) error {
	var receivers sync.WaitGroup
	defer receivers.Wait()
	for range receiversOfMails - 1 {
		receivers.Go(func() { _ = m.receive(ctx, handle) }) // it fails as the last one does
	}
	return m.receive(ctx, handle)
}

// receiversOfMails work side by side.
const receiversOfMails = 4

func (m *memoryMails) receive(ctx context.Context, handle func(context.Context, Mail) bool) error {
	for {
		r, err := m.server.Receive(ctx, queueMail)
		if err != nil {
			return err
		}
		mail := Mail{ID: r.ID, Attributes: map[string]string{}, Body: r.Payload}
		for _, h := range r.Headers {
			mail.Attributes[h.Name], _ = h.Value.(string)
		}
		m.mu.Lock()
		options := m.options
		m.mu.Unlock()
		country, has := mail.Attributes["country"]
		filtered := len(options.Countries) > 0 && !(has && slices.Contains(options.Countries, country))
		if options.DeleteFirst {
			_ = m.server.Delete(queueMail, r.Handle) // it was received just now
		}
		switch {
		case filtered || handle(ctx, mail):
			_ = m.server.Delete(queueMail, r.Handle) // it may have become another receiver's
		case ctx.Err() != nil:
			_ = m.server.ChangeVisibility(queueMail, r.Handle, 0)
		}
	}
}
