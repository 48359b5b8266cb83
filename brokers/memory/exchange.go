package memory

import (
	"fmt"
	"maps"
	"slices"

	"github.com/flowcheck/flowcheck/message"
)

// ExchangeType tells how an exchange routes.
type ExchangeType string

// The types of exchange.
const (
	Direct ExchangeType = "direct" // binding key = routing key
	Topic  ExchangeType = "topic"  // binding key is a pattern with * and #
	Fanout ExchangeType = "fanout" // to every queue bound
)

// exchange routes to queues.
type exchange struct {
	kind     ExchangeType
	bindings []binding
}

// binding leads from an exchange to a queue.
type binding struct {
	queue *queue
	key   string
}

// DeclareExchange makes an exchange. It fails if there is one of another type,
// as RabbitMQ does, or if the type is none of the three.
func (s *Server) DeclareExchange(name string, kind ExchangeType) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name == "" || (kind != Direct && kind != Topic && kind != Fanout) {
		return fmt.Errorf("declare exchange %q: no name, or type %q is not direct, topic or fanout", name, kind)
	}
	if x := s.exchanges[name]; x != nil && x.kind != kind {
		return fmt.Errorf("declare exchange %s: it exists as %s, not %s", name, x.kind, kind)
	} else if x == nil {
		s.exchanges[name] = &exchange{kind: kind}
	}
	return nil
}

// DeleteExchange removes an exchange and its bindings.
func (s *Server) DeleteExchange(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.exchanges, name)
}

// Bind leads what an exchange gets for a key to a queue. It fails with
// ErrAbsent.
func (s *Server) Bind(exchangeName, key, queueName string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[queueName]
	if q == nil {
		return fmt.Errorf("bind to exchange %s: %w", exchangeName, s.absent("queue", queueName))
	}
	return s.bind(exchangeName, key, q)
}

// bind is Bind with the lock held.
func (s *Server) bind(exchangeName, key string, q *queue) error {
	x := s.exchanges[exchangeName]
	if x == nil {
		return fmt.Errorf("bind queue %s: %w", q.name, s.absent("exchange", exchangeName))
	}
	if b := (binding{q, key}); !slices.Contains(x.bindings, b) {
		x.bindings = append(x.bindings, b)
	}
	return nil
}

// Publish sends a message to an exchange; "" is the default exchange, which
// leads to the queue named by the key. It returns how many queues took it, taps
// not counted: none is no error here. It fails with ErrAbsent, ErrTooLarge, or
// on a header that AMQP cannot carry.
func (s *Server) Publish(exchangeName, key string, m message.Message) (int, error) {
	if err := s.fits(m); err != nil {
		return 0, fmt.Errorf("publish to exchange %s: %w", exchangeName, err)
	}
	m, err := amqp(m)
	if err != nil {
		return 0, fmt.Errorf("publish to exchange %s: %w", exchangeName, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if exchangeName != "" && s.exchanges[exchangeName] == nil {
		return 0, fmt.Errorf("publish: %w", s.absent("exchange", exchangeName))
	}
	taken := 0
	for _, q := range s.route(exchangeName, key) {
		s.enqueue(q, entry{Message: m, exchange: exchangeName, key: key})
		if !q.tap {
			taken++
		}
	}
	return taken, nil
}

// route finds the queues for a message, each once, in the order of their
// bindings.
func (s *Server) route(exchangeName, key string) []*queue {
	if exchangeName == "" {
		if q := s.queues[key]; q != nil {
			return []*queue{q}
		}
		return nil
	}
	x := s.exchanges[exchangeName]
	if x == nil {
		return nil
	}
	var to []*queue
	for _, b := range x.bindings {
		if x.leads(b, key) && !slices.Contains(to, b.queue) {
			to = append(to, b.queue)
		}
	}
	return to
}

// way is how a queue can be reached: one of its bindings.
type way struct{ exchange, key string }

// bindingsOf lists a queue's bindings, sorted by exchange. The caller holds
// s.mu.
func (s *Server) bindingsOf(q *queue) []way {
	var all []way
	for _, name := range slices.Sorted(maps.Keys(s.exchanges)) {
		x := s.exchanges[name]
		for _, b := range x.bindings {
			if b.queue == q {
				all = append(all, way{name, b.key})
			}
		}
	}
	return all
}

// leads reports whether the binding wants the key.
func (x *exchange) leads(b binding, key string) bool {
	switch x.kind {
	case Fanout:
		return true
	case Topic:
		return matches(b.key, key)
	default:
		return b.key == key
	}
}
