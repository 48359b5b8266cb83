package aws

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// publisher sends to topics and queues of one region.
type publisher struct {
	*session

	mu     sync.Mutex
	places map[string]string // what a channel names → the topic's ARN or the queue's URL
}

func openPublisher(ctx context.Context, cfg brokers.Config) (brokers.Publisher, error) {
	s, err := connect(ctx, cfg, safeRetries)
	if err != nil {
		return nil, err
	}
	return &publisher{session: s, places: map[string]string{}}, nil
}

// Publish implements brokers.Publisher. A channel with a topic publishes to it,
// one with a queue alone sends to that. The message's key is its message group;
// the property MessageGroupId goes before it.
func (p *publisher) Publish(ctx context.Context, ch brokers.Channel, m brokers.Outgoing) (brokers.Receipt, error) {
	receipt, err := p.publish(ctx, ch, m)
	if err != nil {
		return brokers.Receipt{}, fmt.Errorf("publish to %s: %w", ch.Name, err)
	}
	return receipt, nil
}

func (p *publisher) publish(ctx context.Context, ch brokers.Channel, m brokers.Outgoing) (brokers.Receipt, error) {
	if err := check(ch); err != nil {
		return brokers.Receipt{}, err
	}
	place, err := p.place(ctx, ch)
	if err != nil {
		return brokers.Receipt{}, err
	}
	l, err := newLetter(m, isFIFO(place))
	if err != nil {
		return brokers.Receipt{}, err
	}
	var id, doing string
	if ch.SNS != "" {
		doing = "topic " + ch.SNS + " (sns:Publish)"
		id, err = p.toTopic(ctx, place, l)
	} else {
		if err := l.checkForQueue(); err != nil {
			return brokers.Receipt{}, err
		}
		doing = "queue " + ch.SQS + " (sqs:SendMessage)"
		id, err = p.toQueue(ctx, place, l)
	}
	switch {
	case err == nil:
		return brokers.Receipt{Position: message.Named(id)}, nil
	case fateUnknown(err):
		return brokers.Receipt{}, failure(ctx, doing+": whether the broker took the message is unknown", err)
	default:
		return brokers.Receipt{}, failure(ctx, doing, err)
	}
}

// place finds the topic's ARN or the queue's URL, and remembers it.
func (p *publisher) place(ctx context.Context, ch brokers.Channel) (string, error) {
	name := "sqs " + ch.SQS
	if ch.SNS != "" {
		name = "sns " + ch.SNS
	}
	p.mu.Lock()
	known := p.places[name]
	p.mu.Unlock()
	if known != "" {
		return known, nil
	}
	found, err := p.find(ctx, ch)
	if err == nil {
		p.mu.Lock()
		p.places[name] = found
		p.mu.Unlock()
	}
	return found, err
}

func (p *publisher) find(ctx context.Context, ch brokers.Channel) (string, error) {
	if ch.SNS != "" {
		topic, err := p.topicARN(ctx, ch.SNS)
		return topic.String(), err
	}
	queue, err := parseQueue(ch.SQS)
	if err != nil {
		return "", err
	}
	return p.queueURL(ctx, queue)
}

func (p *publisher) toTopic(ctx context.Context, topic string, l letter) (string, error) {
	out, err := p.sns.Publish(ctx, &sns.PublishInput{
		TopicArn: aws.String(topic), Message: aws.String(l.body), MessageAttributes: l.topicAttributes(), Subject: l.subject,
		MessageGroupId: l.group, MessageDeduplicationId: l.dedup,
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.MessageId), nil
}

func (p *publisher) toQueue(ctx context.Context, url string, l letter) (string, error) {
	in := &sqs.SendMessageInput{
		QueueUrl: aws.String(url), MessageBody: aws.String(l.body), MessageAttributes: l.queueAttributes(),
		MessageGroupId: l.group, MessageDeduplicationId: l.dedup,
	}
	if l.trace != nil {
		in.MessageSystemAttributes = map[string]sqstypes.MessageSystemAttributeValue{
			propTrace: {DataType: aws.String("String"), StringValue: l.trace},
		}
	}
	out, err := p.sqs.SendMessage(ctx, in)
	if err != nil {
		return "", err
	}
	return aws.ToString(out.MessageId), nil
}

// freshID is a deduplication id that nobody had before.
func freshID() *string { return aws.String(namePrefix + rand.Text()) }

// Close implements brokers.Publisher.
func (p *publisher) Close() error {
	p.disconnect()
	return nil
}
