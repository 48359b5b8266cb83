package aws

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// The properties of an observation: SQS's system attributes by their names, and
// these.
const (
	propMessageID = "MessageId" // the topic's where the message came by a topic, else the queue's
	propTopicARN  = "TopicArn"
	propSubject   = "Subject"

	propGroup    = string(types.MessageSystemAttributeNameMessageGroupId)
	propDedup    = string(types.MessageSystemAttributeNameMessageDeduplicationId)
	propTrace    = string(types.MessageSystemAttributeNameAWSTraceHeader)
	propSequence = string(types.MessageSystemAttributeNameSequenceNumber)
	propReceived = string(types.MessageSystemAttributeNameApproximateReceiveCount)
	propSent     = string(types.MessageSystemAttributeNameSentTimestamp)
)

// observe turns what SQS gave into an observation. What came by a topic is
// unwrapped, unless the channel asks for the envelope.
func observe(ch brokers.Channel, m types.Message, seen time.Time) *message.Observation {
	o := &message.Observation{
		Channel:  ch.Name,
		Position: message.Named(aws.ToString(m.MessageId)),
		Time:     sentTime(m),
		Seen:     seen,
		Message: message.Message{
			Headers:    queueHeaders(m.MessageAttributes),
			Properties: properties(m, ch.SNS != ""),
			Payload:    []byte(aws.ToString(m.Body)),
		},
	}
	if group, ok := m.Attributes[propGroup]; ok {
		o.Key = []byte(group)
	}
	if ch.SNS == "" {
		received, err := strconv.Atoi(m.Attributes[propReceived])
		o.Redelivered = err == nil && received > 1
	}
	if e, ok := parseEnvelope(o.Payload); ok {
		e.into(o, ch)
	}
	return o
}

// sentTime is when SQS took the message; zero where it does not say.
func sentTime(m types.Message) time.Time {
	ms, err := strconv.ParseInt(m.Attributes[propSent], 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// properties are the system attributes. On the queue of a tap only those stay
// that came from the publisher: the rest would tell of the tap itself.
func properties(m types.Message, ofTap bool) map[string]any {
	p := map[string]any{propMessageID: aws.ToString(m.MessageId)}
	for name, value := range m.Attributes {
		if !ofTap || name == propGroup || name == propDedup || name == propTrace {
			p[name] = value
		}
	}
	return p
}

// queueHeaders are the message attributes by name, for SQS gives them no order.
// Binary ones are strings of any bytes, numbers are text as sent.
func queueHeaders(attributes map[string]types.MessageAttributeValue) []message.Header {
	var headers []message.Header
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		value := aws.ToString(a.StringValue)
		if strings.HasPrefix(aws.ToString(a.DataType), "Binary") {
			value = string(a.BinaryValue)
		}
		headers = append(headers, message.Header{Name: name, Value: value})
	}
	return headers
}

// envelope is what SNS wraps a message in, unless a subscription asks for raw
// delivery (Amazon SNS Developer Guide, "HTTP/HTTPS notification JSON format").
type envelope struct {
	Type              string
	MessageID         string `json:"MessageId"`
	TopicARN          string `json:"TopicArn"`
	Subject           *string
	Message           *string
	Timestamp         string
	SequenceNumber    string
	MessageAttributes map[string]struct{ Type, Value string }
}

// parseEnvelope reads a notification's envelope. Anything else is not one.
func parseEnvelope(body []byte) (envelope, bool) {
	var e envelope
	if len(body) == 0 || body[0] != '{' || json.Unmarshal(body, &e) != nil {
		return envelope{}, false
	}
	return e, e.Type == "Notification" && e.MessageID != "" && e.Message != nil && strings.HasPrefix(e.TopicARN, "arn:")
}

// into puts what the envelope tells into the observation. On a topic's channel
// the position is the topic's message id: it is what Publish returned, and it
// stays the same when SNS delivers twice.
func (e envelope) into(o *message.Observation, ch brokers.Channel) {
	o.Properties[propMessageID] = e.MessageID
	o.Properties[propTopicARN] = e.TopicARN
	if e.Subject != nil {
		o.Properties[propSubject] = *e.Subject
	}
	if ch.SNS != "" {
		o.Position = message.Named(e.MessageID)
		if e.SequenceNumber != "" {
			o.Properties[propSequence] = e.SequenceNumber
		}
		if t, ok := e.published(); ok {
			o.Time = t
		}
	}
	if !ch.Envelope {
		o.Payload = []byte(*e.Message)
		o.Headers = e.headers()
	}
}

// published is when the topic took the message. Without milliseconds it is none:
// an emulator cuts them off, and a time that is up to a second early would put
// effects before their causes. On AWS that gives up one time in a thousand for
// SQS's, which is a few milliseconds later.
func (e envelope) published() (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, e.Timestamp)
	return t.UTC(), err == nil && t.Nanosecond() != 0
}

// headers are the message attributes, by name. Binary ones are in base64.
func (e envelope) headers() []message.Header {
	var headers []message.Header
	for _, name := range slices.Sorted(maps.Keys(e.MessageAttributes)) {
		a := e.MessageAttributes[name]
		value := a.Value
		if strings.HasPrefix(a.Type, "Binary") {
			if raw, err := base64.StdEncoding.DecodeString(a.Value); err == nil {
				value = string(raw)
			}
		}
		headers = append(headers, message.Header{Name: name, Value: value})
	}
	return headers
}
