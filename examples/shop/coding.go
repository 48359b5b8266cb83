package shop

import "context"

// Coding spells bodies otherwise than in JSON, in which the shop thinks.
type Coding interface {
	// Encode makes a body of the shop's JSON, Decode the JSON of a body.
	Encode(text []byte) ([]byte, error)
	Decode(body []byte) ([]byte, error)
}

// Codings are the codings of what the shop reads and writes; the zero value is JSON
// throughout.
type Codings struct {
	Events    map[string]Coding // by topic of Kafka
	Shipments Coding            // of all that is on RabbitMQ
}

// encoded is a body as the broker gets it. What cannot be spelt so, such as what
// nobody could read, goes as it is.
func encoded(c Coding, text []byte) []byte {
	if c == nil || text == nil {
		return text
	}
	body, err := c.Encode(text)
	if err != nil {
		return text
	}
	return body
}

// decoded is a body as the shop reads it.
func decoded(c Coding, body []byte) []byte {
	if c == nil || body == nil {
		return body
	}
	text, err := c.Decode(body)
	if err != nil {
		return body
	}
	return text
}

// codedTasks is a RabbitMQ whose bodies are not JSON.
type codedTasks struct {
	Tasks
	coding Coding
}

// Publish implements Tasks.
func (c codedTasks) Publish(ctx context.Context, exchange string, t Task) error {
	t.Body = encoded(c.coding, t.Body)
	return c.Tasks.Publish(ctx, exchange, t)
}

// Consume implements Tasks.
func (c codedTasks) Consume(ctx context.Context, consumer TaskConsumer) error {
	handle := consumer.Handle
	consumer.Handle = func(ctx context.Context, t Task) Verdict {
		t.Body = decoded(c.coding, t.Body)
		return handle(ctx, t)
	}
	return c.Tasks.Consume(ctx, consumer)
}
