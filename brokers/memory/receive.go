package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/flowcheck/flowcheck/message"
)

// Received is a message that was received from an SQS queue. Its properties
// are the system attributes.
type Received struct {
	message.Message
	ID     string
	Handle string // for Delete and ChangeVisibility; the next receive ends it
	Sent   time.Time
	Count  int // how often it was received, this time included
}

// Receive waits for the oldest visible message and hides it. It fails when ctx
// ends, or with ErrAbsent.
func (s *Server) Receive(ctx context.Context, queueName string) (Received, error) {
	for {
		r, wait, err := s.receive(queueName)
		if err != nil || wait == nil {
			return r, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return Received{}, ctx.Err()
		}
	}
}

// receive returns a message, or what to wait for.
func (s *Server) receive(queueName string) (Received, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.sqsQueues[queueName]
	if q == nil {
		return Received{}, nil, fmt.Errorf("receive: %w", s.absent("SQS queue", queueName))
	}
	e := s.take(q)
	if e == nil {
		return Received{}, q.changed.wait(), nil
	}
	m := clone(e.Message)
	m.Properties = e.properties()
	return Received{Message: m, ID: e.id, Handle: e.handle, Sent: e.sent, Count: e.received}, nil, nil
}

// take hides the oldest visible message and counts the receive; nil where there
// is none. The caller holds s.mu.
func (s *Server) take(q *sqsQueue) *sqsEntry {
	e := s.visible(q)
	if e == nil {
		return nil
	}
	e.received++
	if e.received == 1 {
		e.firstSeen = s.opts.Now()
	}
	e.handle = s.fresh()
	e.visible = time.Now().Add(q.opts.VisibilityTimeout)
	s.wakeLater(q)
	return e
}

// visible finds the oldest message to be received. What has been received too
// often goes to the dead-letter queue on the way. The caller holds s.mu.
func (s *Server) visible(q *sqsQueue) *sqsEntry {
	now := time.Now()
	for i := 0; i < len(q.messages); i++ {
		e := q.messages[i]
		if e.visible.After(now) {
			continue
		}
		dlq := s.sqsQueues[q.opts.DeadLetterQueue]
		if dlq == nil || e.received < q.opts.MaxReceiveCount {
			return e
		}
		q.messages = slices.Delete(q.messages, i, i+1)
		i--
		s.put(dlq, sqsEntry{Message: e.Message, id: e.id, sent: e.sent, source: q.name})
		q.changed.fire()
	}
	return nil
}

// wakeLater sets the timer by the next hidden message. The caller holds s.mu.
func (s *Server) wakeLater(q *sqsQueue) {
	if q.timer != nil {
		q.timer.Stop()
	}
	var next time.Time
	now := time.Now()
	for _, e := range q.messages {
		if e.visible.After(now) && (next.IsZero() || e.visible.Before(next)) {
			next = e.visible
		}
	}
	if next.IsZero() {
		return
	}
	q.timer = time.AfterFunc(time.Until(next), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.wakeLater(q)
		q.changed.fire()
	})
}

// Delete ends a message that was received. It fails if the handle is no longer
// its last one, or with ErrAbsent.
func (s *Server) Delete(queueName, handle string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.sqsQueues[queueName]
	if q == nil {
		return fmt.Errorf("delete: %w", s.absent("SQS queue", queueName))
	}
	if !q.remove(handle) {
		return fmt.Errorf("delete from %s: %w", queueName, errHandle)
	}
	return nil
}

// errHandle says that a receipt handle is not, or no longer, a message's.
var errHandle = errors.New("no message has that handle: it was received again or deleted")

// remove deletes the message with the handle, if there is one.
func (q *sqsQueue) remove(handle string) bool {
	i := q.byHandle(handle)
	if i < 0 {
		return false
	}
	q.messages = slices.Delete(q.messages, i, i+1)
	q.changed.fire()
	return true
}

// ChangeVisibility hides a message that was received for d from now; 0 shows it
// again at once. It fails as Delete does.
func (s *Server) ChangeVisibility(queueName, handle string, d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.sqsQueues[queueName]
	if q == nil {
		return fmt.Errorf("change visibility: %w", s.absent("SQS queue", queueName))
	}
	if !s.hide(q, handle, d) {
		return fmt.Errorf("change visibility in %s: %w", queueName, errHandle)
	}
	return nil
}

// hide is ChangeVisibility with the lock held.
func (s *Server) hide(q *sqsQueue, handle string, d time.Duration) bool {
	i := q.byHandle(handle)
	if i < 0 {
		return false
	}
	q.messages[i].visible = time.Now().Add(d)
	s.wakeLater(q)
	q.changed.fire()
	return true
}

// byHandle finds a message by the handle of its last receive; -1 is none.
func (q *sqsQueue) byHandle(handle string) int {
	return slices.IndexFunc(q.messages, func(e *sqsEntry) bool { return e.handle == handle && handle != "" })
}
