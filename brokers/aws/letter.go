package aws

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// letter is a message in the form that SNS and SQS take.
type letter struct {
	body       string
	attributes []attribute
	group      *string
	dedup      *string
	subject    *string // SNS alone
	trace      *string // SQS alone
}

// attribute is a message attribute: text, or bytes where the type is Binary.
type attribute struct {
	name, kind string
	text       string
	bytes      []byte
}

// maxAttributes is how many message attributes SQS takes.
const maxAttributes = 10

// newLetter puts a message into that form, or says what of it SNS and SQS cannot
// carry.
func newLetter(m brokers.Outgoing, fifo bool) (letter, error) {
	switch {
	case m.Partition != nil:
		return letter{}, errors.New("SNS and SQS have no partitions: leave partition out")
	case m.Payload == nil:
		return letter{}, errors.New("SNS and SQS have no tombstones: give the message a body")
	case len(m.Payload) == 0:
		return letter{}, errors.New("SNS and SQS take no empty body")
	}
	if at := badText(string(m.Payload)); at >= 0 {
		return letter{}, fmt.Errorf("SNS and SQS carry text only, and byte %d of the body is none: encode it, in base64 for instance", at)
	}
	l := letter{body: string(m.Payload)}
	var err error
	if l.attributes, err = attributesOf(m.Headers); err != nil {
		return letter{}, err
	}
	return l, l.address(m, fifo)
}

// address fills in what is not body nor header.
func (l *letter) address(m brokers.Outgoing, fifo bool) error {
	texts, err := textsOf(m.Properties)
	if err != nil {
		return err
	}
	l.group, l.dedup, l.subject, l.trace = texts[propGroup], texts[propDedup], texts[propSubject], texts[propTrace]
	if l.group == nil && m.Key != nil {
		if len(m.Key) == 0 || badText(string(m.Key)) >= 0 {
			return errors.New("the key is the message group of SNS and SQS: it has to be a text that is not empty")
		}
		l.group = aws.String(string(m.Key))
	}
	if fifo && l.group == nil {
		return errors.New("a FIFO topic or queue needs a message group: give the message a key, or the property MessageGroupId")
	}
	if fifo && l.dedup == nil {
		l.dedup = freshID()
	}
	return nil
}

// textsOf takes what SNS and SQS let a publisher say beside headers. Of an
// observation that is published again, what the broker says by itself is left
// out.
func textsOf(properties map[string]any) (map[string]*string, error) {
	texts := map[string]*string{}
	for name, v := range properties {
		switch {
		case v == nil || said[name]:
			continue
		case name != propGroup && name != propDedup && name != propSubject && name != propTrace:
			return nil, fmt.Errorf("SNS and SQS have no property %s: make it a header", name)
		}
		text, isText := v.(string)
		if !isText || text == "" {
			return nil, fmt.Errorf("the property %s has to be a text that is not empty", name)
		}
		texts[name] = &text
	}
	return texts, nil
}

// said are the properties of an observation that no publisher sets.
var said = map[string]bool{
	propMessageID: true, propTopicARN: true, propSequence: true, propReceived: true, propSent: true,
	string(sqstypes.MessageSystemAttributeNameSenderId):                         true,
	string(sqstypes.MessageSystemAttributeNameApproximateFirstReceiveTimestamp): true,
	string(sqstypes.MessageSystemAttributeNameDeadLetterQueueSourceArn):         true,
}

// checkForQueue reports what SQS cannot carry and SNS can.
func (l letter) checkForQueue() error {
	if len(l.attributes) > maxAttributes {
		return fmt.Errorf("the message has %d headers, SQS takes %d message attributes at most", len(l.attributes), maxAttributes)
	}
	return nil
}

// attributesOf turns headers into message attributes.
func attributesOf(headers []message.Header) ([]attribute, error) {
	names := map[string]bool{}
	var all []attribute
	for _, h := range headers {
		if names[h.Name] {
			return nil, fmt.Errorf("header %s occurs twice: SNS and SQS take each name once", h.Name)
		}
		names[h.Name] = true
		a, err := attributeOf(h)
		if err != nil {
			return nil, fmt.Errorf("header %s: %w", h.Name, err)
		}
		all = append(all, a)
	}
	return all, nil
}

// attributeOf finds the attribute type for a header's value.
func attributeOf(h message.Header) (attribute, error) {
	a := attribute{name: h.Name, kind: "String"}
	switch v := h.Value.(type) {
	case string:
		a.text = v
	case int64:
		a.kind, a.text = "Number", strconv.FormatInt(v, 10)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return attribute{}, fmt.Errorf("SNS and SQS have no number %v", v)
		}
		a.kind, a.text = "Number", strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		a.text = strconv.FormatBool(v)
	case time.Time:
		a.text = v.Format(time.RFC3339Nano)
	case nil:
		return attribute{}, errors.New("SNS and SQS have no null: leave it out, or give it a text")
	default:
		return attribute{}, errors.New("SNS and SQS have no lists and tables: give it a text")
	}
	if a.text == "" {
		return attribute{}, errors.New("SNS and SQS take no empty value: leave it out, or give it a text")
	}
	if badText(a.text) >= 0 {
		a.kind, a.bytes, a.text = "Binary", []byte(a.text), ""
	}
	return a, nil
}

// badText is where a text has something that SNS and SQS do not carry, or -1:
// they allow the characters of XML 1.0 (API reference of SendMessage).
func badText(s string) int {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return i
			}
		}
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == '\ufffe' || r == '\uffff' {
			return i
		}
	}
	return -1
}

func (l letter) queueAttributes() map[string]sqstypes.MessageAttributeValue {
	all := map[string]sqstypes.MessageAttributeValue{}
	for _, a := range l.attributes {
		v := sqstypes.MessageAttributeValue{DataType: aws.String(a.kind), BinaryValue: a.bytes}
		if a.bytes == nil {
			v.StringValue = aws.String(a.text)
		}
		all[a.name] = v
	}
	return all
}

func (l letter) topicAttributes() map[string]snstypes.MessageAttributeValue {
	all := map[string]snstypes.MessageAttributeValue{}
	for _, a := range l.attributes {
		v := snstypes.MessageAttributeValue{DataType: aws.String(a.kind), BinaryValue: a.bytes}
		if a.bytes == nil {
			v.StringValue = aws.String(a.text)
		}
		all[a.name] = v
	}
	return all
}
