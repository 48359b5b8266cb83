// Package rabbitmq is the adapter for RabbitMQ, over AMQP 0-9-1.
//
// An exchange is tapped by a queue of flowcheck's own, capped and expiring, with
// the target's binding keys; a queue by its bindings; a stream by reading it. A
// message goes this way:
//
//	exchange → own queue → batch → drops? (gap mark) → message.Event
//
// The own queue dead-letters what it must drop into a second one of one message,
// the drop box. Before a batch is handed on, the drop box is asked; what a full
// queue lost is told as a gap, and silence means that nothing was lost.
//
// docs/rabbitmq.md says what a login needs and what a tap cannot see.
package rabbitmq

import (
	"errors"
	"fmt"
	"strings"

	"github.com/flowcheck/flowcheck/brokers"
)

const kind = "rabbitmq"

// maxName is the longest name that AMQP 0-9-1 can carry, in bytes.
const maxName = 255

// Adapter returns the adapter for amqp and amqps URLs.
func Adapter() brokers.Adapter {
	return brokers.Adapter{
		Kind:          kind,
		Schemes:       []string{"amqp", "amqps"},
		CheckConfig:   checkConfig,
		Check:         check,
		OpenTapper:    openTapper,
		OpenPublisher: openPublisher,
		Purge:         purge,
	}
}

// check reports what is wrong with a channel without asking a broker.
func check(ch brokers.Channel) error {
	if err := checkKind(ch); err != nil {
		return fmt.Errorf("channel %s: %w", ch.Name, err)
	}
	if err := checkNames(ch); err != nil {
		return fmt.Errorf("channel %s: %w", ch.Name, err)
	}
	return nil
}

// checkNames refuses an address that no broker could have.
func checkNames(ch brokers.Channel) error {
	if ch.Reply != "" {
		return checkReply(ch)
	}
	named := 0
	for _, name := range []string{ch.Exchange, ch.Queue, ch.Stream} {
		if name != "" {
			named++
		}
		if len(name) > maxName {
			return fmt.Errorf("the name %.20q… has %d bytes, AMQP carries %d", name, len(name), maxName)
		}
	}
	switch {
	case named != 1:
		return errors.New("on RabbitMQ a channel names one of exchange, queue and stream")
	case ch.Exchange == "amq.default":
		return errors.New("the default exchange takes no bindings: name the queue, with tap: firehose")
	case ch.Exchange == "" && len(ch.RoutingKeys) > 0:
		return errors.New("routing-key belongs to an exchange; a queue is tapped with the keys of its bindings")
	case ch.Stream != "" && ch.Firehose:
		return errors.New("a stream is read as it is, tap: firehose is for exchanges and queues")
	}
	for _, key := range ch.RoutingKeys {
		if len(key) > maxName {
			return fmt.Errorf("routing-key %.20q… has %d bytes, AMQP carries %d", key, len(key), maxName)
		}
	}
	return nil
}

// checkReply refuses an address of a queue that is the tap's own.
func checkReply(ch brokers.Channel) error {
	if ch.Exchange+ch.Queue+ch.Stream != "" || len(ch.RoutingKeys) > 0 || ch.Firehose {
		return errors.New("with reply: true flowcheck makes the queue: leave out exchange, queue, stream, routing-key and tap")
	}
	return nil
}

// checkKind refuses what belongs to another kind of broker.
func checkKind(ch brokers.Channel) error {
	var alien []string
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"topic", ch.Topic != ""},
		{"sns", ch.SNS != ""},
		{"sqs", ch.SQS != ""},
		{"intrusive", ch.Intrusive},
		{"envelope", ch.Envelope},
	} {
		if f.set {
			alien = append(alien, f.name)
		}
	}
	if len(alien) > 0 {
		return fmt.Errorf("RabbitMQ has no %s: name an exchange, a queue or a stream", strings.Join(alien, ", "))
	}
	return nil
}
