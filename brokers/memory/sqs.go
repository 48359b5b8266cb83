package memory

import (
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/flowcheck/flowcheck/message"
)

// SQSOptions of an SQS queue. The zero value is a plain queue.
type SQSOptions struct {
	// VisibilityTimeout is how long a received message is hidden; 0 is 30 s.
	VisibilityTimeout time.Duration
	// DeadLetterQueue takes what has been received MaxReceiveCount times and
	// would be received again; "" is none.
	DeadLetterQueue string
	MaxReceiveCount int
}

// sqsQueue holds messages that are hidden while somebody works on them.
type sqsQueue struct {
	name     string
	opts     SQSOptions
	tap      bool // flowcheck's own
	messages []*sqsEntry
	lastSeq  int64
	lost     losses      // what was pushed out since the tap looked
	timer    *time.Timer // fires when a hidden message shows again
	changed  signal
}

// sqsEntry is a message in an SQS queue.
type sqsEntry struct {
	message.Message
	seq       int64
	id        string
	sent      time.Time
	source    string    // the queue that it died in
	visible   time.Time // by the runtime's clock; zero: now
	received  int
	firstSeen time.Time
	handle    string
}

// CreateSQS makes an SQS queue; one that exists stays as it is. It fails with
// ErrAbsent where its dead-letter queue does not exist.
func (s *Server) CreateSQS(name string, o SQSOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.DeadLetterQueue != "" && s.sqsQueues[o.DeadLetterQueue] == nil {
		return fmt.Errorf("create %s: %w", name, s.absent("SQS queue", o.DeadLetterQueue))
	}
	if o.VisibilityTimeout == 0 {
		o.VisibilityTimeout = 30 * time.Second
	}
	if s.sqsQueues[name] == nil {
		s.sqsQueues[name] = &sqsQueue{name: name, opts: o}
	}
	return nil
}

// DeleteSQS removes an SQS queue with its messages and subscriptions.
func (s *Server) DeleteSQS(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deleteSQS(name)
}

// deleteSQS is DeleteSQS with the lock held.
func (s *Server) deleteSQS(name string) {
	q := s.sqsQueues[name]
	if q == nil {
		return
	}
	delete(s.sqsQueues, name)
	for _, t := range s.snsTopics {
		t.subscriptions = slices.DeleteFunc(t.subscriptions, func(sub subscription) bool { return sub.queue == q })
	}
	if q.timer != nil {
		q.timer.Stop()
	}
	q.changed.fire()
}

// Send puts a message into an SQS queue and returns its id. It fails with
// ErrAbsent, ErrTooLarge, or on what SQS does not take: an empty body, one that
// is no text, attributes that are no text, empty, repeated or more than ten.
func (s *Server) Send(queueName string, m message.Message) (string, error) {
	e, err := s.send(queueName, m)
	return e.id, err
}

// send is Send, and says the time as well.
func (s *Server) send(queueName string, m message.Message) (sqsEntry, error) {
	m, err := s.attributes(m)
	if err != nil {
		return sqsEntry{}, fmt.Errorf("send to SQS queue %s: %w", queueName, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.sqsQueues[queueName]
	if q == nil {
		return sqsEntry{}, fmt.Errorf("send: %w", s.absent("SQS queue", queueName))
	}
	e := sqsEntry{Message: m, id: s.messageID(), sent: s.opts.Now()}
	s.put(q, e)
	return e, nil
}

// messageID makes an id in the form that SQS and SNS use. The caller holds s.mu.
func (s *Server) messageID() string {
	s.serial++
	return fmt.Sprintf("00000000-0000-4000-8000-%012x", s.serial)
}

// put appends a message to a queue. The caller holds s.mu.
func (s *Server) put(q *sqsQueue, e sqsEntry) {
	q.lastSeq++
	e.seq = q.lastSeq
	q.messages = append(q.messages, &e)
	if q.tap && len(q.messages) > s.opts.TapLimit {
		q.lost.add(q.messages[0].seq)
		q.messages = q.messages[1:]
	}
	q.changed.fire()
}

// properties are the system attributes of a message that has been received.
func (e *sqsEntry) properties() map[string]any {
	ms := func(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
	p := map[string]any{
		"SentTimestamp":                    ms(e.sent),
		"ApproximateReceiveCount":          strconv.Itoa(e.received),
		"ApproximateFirstReceiveTimestamp": ms(e.firstSeen),
	}
	if e.source != "" {
		p["DeadLetterQueueSourceArn"] = arn("sqs", e.source)
	}
	return p
}

// arn spells the name of an SNS topic or SQS queue as AWS does.
func arn(service, name string) string {
	return "arn:aws:" + service + ":memory:000000000000:" + name
}

// maxAttributes is how many attributes a message may have (SQS quotas).
const maxAttributes = 10

// attributes makes of a message what SQS and SNS carry of it: a body that is
// text, and headers that are texts, each name once.
func (s *Server) attributes(m message.Message) (message.Message, error) {
	if err := s.fits(m); err != nil {
		return m, err
	}
	if len(m.Payload) == 0 {
		return m, fmt.Errorf("the body is empty: SQS and SNS want at least one character")
	}
	if !isText(m.Payload) {
		return m, fmt.Errorf("the body is no UTF-8 text: SQS and SNS carry nothing else")
	}
	if len(m.Headers) > maxAttributes {
		return m, fmt.Errorf("%d headers: SQS and SNS take %d attributes", len(m.Headers), maxAttributes)
	}
	seen := map[string]bool{}
	for _, h := range m.Headers {
		text, ok := h.Value.(string)
		if !ok || text == "" || seen[h.Name] {
			return m, fmt.Errorf("header %q: an attribute is a text that is not empty, each name once", h.Name)
		}
		seen[h.Name] = true
	}
	m = clone(m)
	m.Key, m.Properties = nil, nil
	return m, nil
}

// isText reports whether b is what SQS takes as a body (SendMessage: the
// characters of XML 1.0).
func isText(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	for _, r := range string(b) {
		blank := r == '\t' || r == '\n' || r == '\r'
		if r < 0x20 && !blank || r == 0xFFFE || r == 0xFFFF {
			return false
		}
	}
	return true
}
