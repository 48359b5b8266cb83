// Package memory is a broker inside the process, for the demo and for tests.
//
// It has two faces. The system under test uses a Server: it declares topics
// (as Kafka has them), exchanges and queues (as RabbitMQ), and SNS topics and
// SQS queues, publishes to them and consumes from them. flowcheck uses the
// Adapter, which taps and publishes like any other:
//
//	shop → Server ← Adapter → Tap → message.Event
//
// The server behaves like the brokers it stands for, limits included: a topic's
// headers are strings in order, an exchange's are a typed table, an SQS body is
// text and never empty. Nothing is kept when the process ends.
package memory

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// Options of a Server. The zero value is useful.
type Options struct {
	// Name is the host of the URL that leads to the server: memory://Name.
	Name string
	// Now gives the broker's time; nil is time.Now. Timers (a queue's TTL, a
	// visibility timeout) run by the runtime's clock.
	Now func() time.Time
	// MaxMessage is the largest payload in bytes; 0 is no limit.
	MaxMessage int
	// TapLimit is how many messages wait in the queue of a tap on an exchange,
	// queue or SNS topic, beyond which the oldest is dropped and the tap reports
	// a gap; 0 is 65536.
	TapLimit int
	// Username and Password are what the adapter must show; both empty let
	// everybody in.
	Username, Password string
}

// Server is a broker inside the process. Its methods may be called from any
// goroutine.
type Server struct {
	opts Options

	mu        sync.Mutex // guards everything below and all objects of the server
	topics    map[string]*topic
	groups    map[string]*group
	exchanges map[string]*exchange
	queues    map[string]*queue
	snsTopics map[string]*snsTopic
	sqsQueues map[string]*sqsQueue
	serial    int64 // makes names and message ids fresh
}

// New starts a server. There is nothing to close: it ends when the last
// reference goes.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.TapLimit == 0 {
		o.TapLimit = 1 << 16
	}
	return &Server{
		opts:      o,
		topics:    map[string]*topic{},
		groups:    map[string]*group{},
		exchanges: map[string]*exchange{},
		queues:    map[string]*queue{},
		snsTopics: map[string]*snsTopic{},
		sqsQueues: map[string]*sqsQueue{},
	}
}

// URL leads to the server: memory://Name.
func (s *Server) URL() string { return "memory://" + s.opts.Name }

// fresh is a number not used before on this server. The caller holds s.mu.
func (s *Server) fresh() string {
	s.serial++
	return strconv.FormatInt(s.serial, 10)
}

// fits reports whether the payload may be published.
func (s *Server) fits(m message.Message) error {
	if limit := s.opts.MaxMessage; limit > 0 && len(m.Payload) > limit {
		return fmt.Errorf("%d bytes, %s takes %d: %w", len(m.Payload), s.URL(), limit, brokers.ErrTooLarge)
	}
	return nil
}

// absent says that the server has no such object.
func (s *Server) absent(kind, name string) error {
	return fmt.Errorf("%s %q on %s %w: create it, or correct its name", kind, name, s.URL(), brokers.ErrAbsent)
}

// signal tells waiters that something changed. Its owner's lock guards it.
type signal struct{ ch chan struct{} }

// wait returns a channel that is closed at the next fire.
func (s *signal) wait() <-chan struct{} {
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

// fire wakes every waiter.
func (s *signal) fire() {
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}
