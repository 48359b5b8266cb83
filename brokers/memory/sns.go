package memory

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/flowcheck/flowcheck/message"
)

// snsTopic fans out to SQS queues.
type snsTopic struct{ subscriptions []subscription }

// subscription leads from an SNS topic to an SQS queue.
type subscription struct {
	queue *sqsQueue
	raw   bool
}

// CreateSNS makes an SNS topic; one that exists stays as it is.
func (s *Server) CreateSNS(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.snsTopics[name] == nil {
		s.snsTopics[name] = &snsTopic{}
	}
}

// DeleteSNS removes an SNS topic and its subscriptions.
func (s *Server) DeleteSNS(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.snsTopics, name)
}

// Subscribe leads an SNS topic to an SQS queue: raw, or in SNS's envelope. It
// fails with ErrAbsent.
func (s *Server) Subscribe(topicName, queueName string, raw bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, q := s.snsTopics[topicName], s.sqsQueues[queueName]
	if t == nil {
		return fmt.Errorf("subscribe: %w", s.absent("SNS topic", topicName))
	}
	if q == nil {
		return fmt.Errorf("subscribe to %s: %w", topicName, s.absent("SQS queue", queueName))
	}
	t.subscriptions = append(t.subscriptions, subscription{q, raw})
	return nil
}

// Notify publishes a message to an SNS topic and returns SNS's id of it, which
// is not the id that a queue gives it. It fails as Send does.
func (s *Server) Notify(topicName string, m message.Message) (string, error) {
	m, err := s.attributes(m)
	if err != nil {
		return "", fmt.Errorf("publish to SNS topic %s: %w", topicName, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.snsTopics[topicName]
	if t == nil {
		return "", fmt.Errorf("publish: %w", s.absent("SNS topic", topicName))
	}
	id, now := s.messageID(), s.opts.Now()
	for _, sub := range t.subscriptions {
		e := sqsEntry{Message: m, id: s.messageID(), sent: now}
		if !sub.raw {
			e.Message = envelope(topicName, id, now, m)
		}
		s.put(sub.queue, e)
	}
	return id, nil
}

// envelope wraps a message as SNS does for a subscription that is not raw.
func envelope(topicName, id string, at time.Time, m message.Message) message.Message {
	type attribute struct{ Type, Value string }
	body := struct {
		Type              string
		ID                string `json:"MessageId"`
		TopicArn          string
		Message           string
		Timestamp         string
		MessageAttributes map[string]attribute `json:",omitempty"`
	}{
		Type: "Notification", ID: id, TopicArn: arn("sns", topicName), Message: string(m.Payload),
		Timestamp: at.UTC().Format("2006-01-02T15:04:05.000Z"), MessageAttributes: map[string]attribute{},
	}
	for _, h := range m.Headers {
		value, _ := h.Value.(string) // attributes saw to it
		a := attribute{Type: "String", Value: value}
		if !utf8.ValidString(value) {
			a = attribute{Type: "Binary", Value: base64.StdEncoding.EncodeToString([]byte(value))}
		}
		body.MessageAttributes[h.Name] = a
	}
	text, err := json.Marshal(body)
	if err != nil {
		return m // cannot be: there are strings only
	}
	return message.Message{Payload: text}
}
