package rabbitmq

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
)

// session is one AMQP channel in confirm mode: messages that wait for their
// confirms, by their delivery tags.
type session struct {
	conn  *amqp091.Connection
	ch    *amqp091.Channel
	known map[string]bool // exchanges that were there

	mu      sync.Mutex
	pending map[uint64]*pending
	ended   bool
	idle    chan struct{} // closed when nothing is pending any more; nil while nobody waits
}

// pending is a message without its confirm.
type pending struct {
	*request
	returned *amqp091.Return
}

func newSession(conn *amqp091.Connection) (*session, error) {
	ch, err := conn.Channel()
	if err != nil {
		return nil, replyError(err)
	}
	if err := ch.Confirm(false); err != nil {
		_ = ch.Close()
		return nil, replyError(err)
	}
	s := &session{conn: conn, ch: ch, known: map[string]bool{"": true}, pending: map[uint64]*pending{}}
	// Without buffers, so that a return has been noted before its confirm comes.
	returns := ch.NotifyReturn(make(chan amqp091.Return))
	confirms := ch.NotifyPublish(make(chan amqp091.Confirmation))
	closed := ch.NotifyClose(make(chan *amqp091.Error, 1))
	go s.listen(returns, confirms, closed)
	return s, nil
}

// over tells whether nothing can be published here any more.
func (s *session) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended || s.ch.IsClosed()
}

// publish writes a message. Without an error, its confirm or the session's end
// answers the request.
func (s *session) publish(r *request) error {
	tag := s.ch.GetNextPublishSeqNo()
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return fmt.Errorf("%w: %w: the connection was lost", errNotSent, brokers.ErrUnreachable)
	}
	s.pending[tag] = &pending{request: r}
	s.mu.Unlock()
	err := s.ch.Publish(r.exchange, r.key, true, false, r.message)
	if err == nil {
		return nil
	}
	s.mu.Lock()
	_, mine := s.pending[tag]
	delete(s.pending, tag)
	s.mu.Unlock()
	if !mine {
		return nil // the end of the session has answered it
	}
	return fmt.Errorf("the broker may or may not have it: %w", replyError(err))
}

// exists asks for an exchange, once: publishing to one that is not there would
// end the session for all who use it.
func (s *session) exists(exchange string) error {
	if s.known[exchange] {
		return nil
	}
	ch, err := s.conn.Channel()
	if err != nil {
		return replyError(err)
	}
	defer ch.Close()
	if err := ch.ExchangeDeclarePassive(exchange, "direct", false, false, false, false, nil); err != nil {
		return replyError(err)
	}
	s.known[exchange] = true
	return nil
}

// listen answers requests until the AMQP channel ends.
func (s *session) listen(returns <-chan amqp091.Return, confirms <-chan amqp091.Confirmation, closed <-chan *amqp091.Error) {
	for {
		select {
		case r, ok := <-returns:
			if !ok {
				returns = nil
				continue
			}
			s.returned(&r)
		case c, ok := <-confirms:
			if !ok {
				s.end(<-closed)
				return
			}
			s.confirmed(c)
		}
	}
}

// returned notes that the oldest message like this one was unroutable. Which of
// two equal ones it was makes no difference to anybody.
func (s *session) returned(r *amqp091.Return) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, tag := range slices.Sorted(maps.Keys(s.pending)) {
		if p := s.pending[tag]; p.returned == nil && p.like(r) {
			p.returned = r
			return
		}
	}
}

func (p *pending) like(r *amqp091.Return) bool {
	return p.exchange == r.Exchange && p.key == r.RoutingKey && p.message.MessageId == r.MessageId &&
		p.message.CorrelationId == r.CorrelationId && bytes.Equal(p.message.Body, r.Body) && sameTable(p.message.Headers, r.Headers)
}

// sameTable compares headers as they are after the way to the broker and back.
func sameTable(a, b amqp091.Table) bool {
	if len(a) != len(b) {
		return false
	}
	for name, v := range a {
		other, ok := b[name]
		if at, isTime := v.(time.Time); isTime {
			v = at.Truncate(time.Second).UTC()
		}
		if !ok || !reflect.DeepEqual(decodeValue(v), decodeValue(other)) {
			return false
		}
	}
	return true
}

func (s *session) confirmed(c amqp091.Confirmation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.pending[c.DeliveryTag]
	if !ok {
		return
	}
	delete(s.pending, c.DeliveryTag)
	p.done <- p.verdict(c.Ack)
	s.settled()
}

func (p *pending) verdict(ack bool) error {
	switch {
	case p.returned != nil && p.queue != "":
		return fmt.Errorf("%w (%w): no such queue", brokers.ErrAbsent, brokers.ErrUnroutable)
	case p.returned != nil:
		return fmt.Errorf("%w: exchange %s has no binding that takes key %q", brokers.ErrUnroutable, p.exchange, p.key)
	case !ack:
		return fmt.Errorf("not accepted (basic.nack): a queue that rejects when it is full, or one that failed")
	}
	return nil
}

// end answers all that is pending: the message that the broker minded with what
// it said, the others with not knowing.
func (s *session) end(why *amqp091.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	blamed := s.blame(why)
	for tag, p := range s.pending {
		if tag == blamed {
			p.done <- publishError(why)
			continue
		}
		p.done <- fmt.Errorf("%w: the broker may or may not have it, the connection was lost before its confirm: %s", brokers.ErrUnreachable, causeOf(why))
	}
	clear(s.pending)
	s.settled()
}

// causeOf is cause for the typed nil that a graceful end gives.
func causeOf(why *amqp091.Error) string {
	if why == nil {
		return cause(nil)
	}
	return cause(why)
}

// blame finds the message for which the broker ended the AMQP channel; 0 is none.
// Messages are looked at in their order, so it is the first that fits.
func (s *session) blame(why *amqp091.Error) uint64 {
	if why == nil || !why.Server || !why.Recover {
		return 0
	}
	tags := slices.Sorted(maps.Keys(s.pending))
	if len(tags) == 1 {
		return tags[0]
	}
	for _, tag := range tags {
		p := s.pending[tag]
		about := "exchange '" + p.exchange + "'"
		tooLarge := why.Code == amqp091.PreconditionFailed && strings.Contains(why.Reason, fmt.Sprintf("size %d ", len(p.message.Body)))
		otherUser := p.message.UserId != "" && strings.Contains(why.Reason, "user_id property set to '"+p.message.UserId+"'")
		if tooLarge || otherUser || why.Code != amqp091.PreconditionFailed && strings.Contains(why.Reason, about) {
			return tag
		}
	}
	return 0
}

// publishError words the end that a message brought about.
func publishError(why *amqp091.Error) error {
	switch {
	case strings.Contains(why.Reason, "larger than"):
		return fmt.Errorf("%w: %s", brokers.ErrTooLarge, why.Reason)
	case strings.Contains(why.Reason, "user_id property"):
		return fmt.Errorf("%w: %s", brokers.ErrRefused, why.Reason)
	}
	return replyError(why)
}

// drain waits until all has been confirmed, no longer than d.
func (s *session) drain(d time.Duration) {
	s.mu.Lock()
	if len(s.pending) == 0 {
		s.mu.Unlock()
		return
	}
	idle := make(chan struct{})
	s.idle = idle
	s.mu.Unlock()
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	select {
	case <-idle:
	case <-deadline.C:
	}
}

// settled tells who drains that nothing is pending any more. s.mu is held.
func (s *session) settled() {
	if s.idle != nil && len(s.pending) == 0 {
		close(s.idle)
		s.idle = nil
	}
}
