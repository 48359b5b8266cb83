// Package message holds what flowcheck knows of a message: what was published
// (Message), what a tap saw of it (Observation), and the recording format that
// keeps observations in a file.
//
// It imports nothing but the standard library, and nothing in it starts a
// goroutine or reads a clock.
package message

import (
	"time"
)

// Message is what a producer publishes: key, headers, properties and payload.
//
// A nil Key is "no key" and differs from an empty one; a nil Payload is a
// tombstone and differs from an empty body.
type Message struct {
	Key        []byte
	Headers    []Header
	Properties map[string]any
	Payload    []byte
}

// Header is one header of a message. Order and repeats are kept.
//
// Value is one of: string (any bytes; not necessarily UTF-8), int64, float64,
// bool, nil, time.Time, []any or map[string]any of the same. Kafka and SQS have
// strings only; AMQP has them all.
type Header struct {
	Name  string
	Value any
}

// Header returns the last value of the header called name, and whether there
// is one.
func (m *Message) Header(name string) (any, bool) {
	for i := len(m.Headers) - 1; i >= 0; i-- {
		if m.Headers[i].Name == name {
			return m.Headers[i].Value, true
		}
	}
	return nil, false
}

// HeaderAll returns every value of the header called name, in their order.
func (m *Message) HeaderAll(name string) []any {
	var all []any
	for _, h := range m.Headers {
		if h.Name == name {
			all = append(all, h.Value)
		}
	}
	return all
}

// Observation is a message seen by a tap. It is never modified after the tap
// has handed it on.
type Observation struct {
	Message
	// Channel is the name of the channel in the flow file.
	Channel string
	// Position is where the broker (or, on RabbitMQ, the tap's count) has it.
	Position Position
	// Time is the broker's time; zero where the broker has none.
	Time time.Time
	// ProducerClock tells that Time was set by the producer (Kafka's CreateTime).
	ProducerClock bool
	// Seen is the tap's time.
	Seen time.Time
	// Redelivered is AMQP's hint; false proves nothing.
	Redelivered bool
	// Scan is what the Decoder's BodyScanner called its scan of the Payload; 0
	// for a Payload that was not scanned.
	Scan uint64
}
