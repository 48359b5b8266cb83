package workers

import (
	"context"
	"fmt"
	"sync"

	"github.com/IBM/sarama"
)

// sender puts messages into the topic, and knows when all are there. It is for one
// goroutine.
type sender struct {
	client  sarama.Client
	async   sarama.AsyncProducer
	failed  chan error // has the first error
	answers sync.WaitGroup

	mu      sync.Mutex
	pending int
	idle    chan struct{} // closed when nothing is pending; nil: nobody waits
	err     error
}

func newSender(w *worker) (*sender, error) {
	s := &sender{failed: make(chan error, 1)}
	var err error
	if s.client, err = sarama.NewClient(w.seeds, w.conf); err != nil {
		return nil, fmt.Errorf("connect to kafka %s: %w", w.cfg.Broker.Name, err)
	}
	if s.async, err = sarama.NewAsyncProducerFromClient(s.client); err != nil {
		_ = s.client.Close()
		return nil, fmt.Errorf("a producer for %s: %w", w.topic, err)
	}
	s.answers.Go(func() {
		for range s.async.Successes() {
			s.answered(nil)
		}
	})
	s.answers.Go(func() {
		for e := range s.async.Errors() {
			s.answered(fmt.Errorf("%s: %w", w.topic, e.Err))
		}
	})
	return s, nil
}

func (s *sender) answered(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending--
	if err != nil && s.err == nil {
		s.err = err
		s.failed <- err
	}
	if s.idle != nil && (s.pending == 0 || s.err != nil) {
		close(s.idle)
		s.idle = nil
	}
}

// put hands a message over.
func (s *sender) put(ctx context.Context, m *sarama.ProducerMessage) error {
	s.mu.Lock()
	s.pending++
	s.mu.Unlock()
	select {
	case s.async.Input() <- m:
		return nil
	case <-ctx.Done():
		s.answered(nil)
		return ctx.Err()
	}
}

// wait waits until all is in the topic.
func (s *sender) wait(ctx context.Context) error {
	s.mu.Lock()
	if s.err != nil || s.pending == 0 {
		defer s.mu.Unlock()
		return s.err
	}
	idle := make(chan struct{})
	s.idle = idle
	s.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *sender) close() {
	s.async.AsyncClose()
	s.answers.Wait()
	_ = s.client.Close()
}
