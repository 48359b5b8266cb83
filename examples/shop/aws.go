package shop

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go/logging"

	"github.com/flowcheck/flowcheck/internal/pause"
)

// awsMails is the shop's SNS and SQS.
type awsMails struct {
	sns      *sns.Client
	sqs      *sqs.Client
	prefix   string            // of the names of all
	topics   map[string]string // ARNs by name
	queueURL string
	options  MailOptions
}

// region is where the shop is, unless an emulator is everywhere.
const region = "eu-west-1"

// attemptsOfAWS is how often a call is made before the shop tries again by itself.
const attemptsOfAWS = 5

// connectAWS connects the shop to SNS and SQS, or an emulator.
func connectAWS(ctx context.Context, env Environment) (*awsMails, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(region), config.WithLogger(logging.Nop{}), config.WithRetryer(func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = attemptsOfAWS, 2*relayAgain })
	}))
	if err != nil {
		return nil, fmt.Errorf("shop: aws: %w", err)
	}
	if env.AWSEndpoint != "" {
		cfg.BaseEndpoint = aws.String(env.AWSEndpoint)
	}
	return &awsMails{sns: sns.NewFromConfig(cfg), sqs: sqs.NewFromConfig(cfg), prefix: env.Prefix, topics: map[string]string{}}, nil
}

func (m *awsMails) Declare(ctx context.Context, o MailOptions) error {
	for _, name := range mailTopics {
		in := &sns.CreateTopicInput{Name: aws.String(m.prefix + name)}
		if strings.HasSuffix(name, ".fifo") {
			in.Attributes = map[string]string{"FifoTopic": "true"}
		}
		topic, err := m.sns.CreateTopic(ctx, in)
		if err != nil {
			return fmt.Errorf("shop: sns: create %s: %w", name, err)
		}
		m.topics[name] = *topic.TopicArn
	}
	m.options = o
	arn, err := m.declareQueue(ctx)
	if err != nil {
		return fmt.Errorf("shop: sqs: %w", err)
	}
	if err := m.subscribe(ctx, arn); err != nil {
		return fmt.Errorf("shop: sns: %w", err)
	}
	return nil
}

// declareQueue makes the queue as the options say, or makes the one that there is
// so, and returns its ARN.
func (m *awsMails) declareQueue(ctx context.Context) (string, error) {
	queue, err := m.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(m.prefix + queueMail)})
	if err != nil {
		return "", err
	}
	m.queueURL = *queue.QueueUrl
	attributes, err := m.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: queue.QueueUrl, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn},
	})
	if err != nil {
		return "", err
	}
	arn := attributes.Attributes["QueueArn"]
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},`+
		`"Action":"sqs:SendMessage","Resource":%q,"Condition":{"ArnEquals":{"aws:SourceArn":%q}}}]}`, arn, m.topics[topicMail])
	_, err = m.sqs.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: queue.QueueUrl, Attributes: map[string]string{
		"Policy": policy, "VisibilityTimeout": fmt.Sprint(int(m.options.Visible.Seconds())),
	}})
	return arn, err
}

func (m *awsMails) subscribe(ctx context.Context, queue string) error {
	sub, err := m.sns.Subscribe(ctx, &sns.SubscribeInput{
		TopicArn: aws.String(m.topics[topicMail]), Protocol: aws.String("sqs"), Endpoint: aws.String(queue),
		Attributes: map[string]string{"RawMessageDelivery": "true"}, ReturnSubscriptionArn: true,
	})
	if err != nil {
		return err
	}
	filter := []byte("{}")
	if len(m.options.Countries) > 0 {
		if filter, err = json.Marshal(map[string][]string{"country": m.options.Countries}); err != nil {
			return err
		}
	}
	_, err = m.sns.SetSubscriptionAttributes(ctx, &sns.SetSubscriptionAttributesInput{
		SubscriptionArn: sub.SubscriptionArn, AttributeName: aws.String("FilterPolicy"), AttributeValue: aws.String(string(filter)),
	})
	return err
}

func (m *awsMails) Publish(ctx context.Context, topic string, mail Mail) error {
	in := &sns.PublishInput{
		TopicArn: aws.String(m.topics[topic]), Message: aws.String(string(mail.Body)),
		MessageAttributes: map[string]snstypes.MessageAttributeValue{},
	}
	if mail.ID != "" {
		in.MessageAttributes["message-id"] = snstypes.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(mail.ID)}
	}
	for name, value := range mail.Attributes {
		in.MessageAttributes[name] = snstypes.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
	}
	if strings.HasSuffix(topic, ".fifo") {
		in.MessageGroupId, in.MessageDeduplicationId = aws.String(mail.Group), aws.String(mail.DedupID)
	}
	_, err := m.sns.Publish(ctx, in)
	return err
}

func (m *awsMails) Consume(ctx context.Context, handle func(context.Context, Mail) bool) error {
	done := make(chan error, receiversOfMails)
	for range receiversOfMails {
		go func() { done <- m.receive(ctx, handle) }()
	}
	var err error
	for range receiversOfMails {
		err = <-done
	}
	return err
}

// receive handles one mail after the other until ctx ends.
func (m *awsMails) receive(ctx context.Context, handle func(context.Context, Mail) bool) error {
	for {
		answer := make(chan polled, 1)
		go func() { answer <- m.poll(context.WithoutCancel(ctx)) }()
		select {
		case got := <-answer:
			if got.err != nil {
				if err := pause.For(ctx, relayAgain); err != nil {
					return err
				}
			}
			for i := range got.messages {
				m.handle(ctx, &got.messages[i], handle)
			}
		case <-ctx.Done():
			// A poll that is broken off may yet be answered, with a mail that is then
			// nobody's. So it ends by itself, and what it got is given back.
			go func() {
				got := <-answer
				for i := range got.messages {
					m.giveBack(context.WithoutCancel(ctx), &got.messages[i])
				}
			}()
			return ctx.Err()
		}
	}
}

type polled struct {
	messages []types.Message
	err      error
}

func (m *awsMails) poll(ctx context.Context) polled {
	out, err := m.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(m.queueURL), MaxNumberOfMessages: 1, WaitTimeSeconds: 1, MessageAttributeNames: []string{"All"},
	})
	if err != nil {
		return polled{err: err}
	}
	return polled{messages: out.Messages}
}

func (m *awsMails) handle(ctx context.Context, msg *types.Message, handle func(context.Context, Mail) bool) {
	mail := Mail{ID: aws.ToString(msg.MessageId), Attributes: map[string]string{}, Body: []byte(aws.ToString(msg.Body))}
	for name, value := range msg.MessageAttributes {
		mail.Attributes[name] = aws.ToString(value.StringValue)
	}
	outlasting := context.WithoutCancel(ctx)
	if m.options.DeleteFirst {
		m.delete(outlasting, msg)
	}
	switch {
	case handle(ctx, mail):
		m.delete(outlasting, msg)
	case ctx.Err() != nil:
		m.giveBack(outlasting, msg)
	}
}

// delete ends a mail. Where that fails for too long it comes again, and is known.
func (m *awsMails) delete(ctx context.Context, msg *types.Message) {
	ctx, cancel := context.WithTimeout(ctx, visible)
	defer cancel()
	for {
		_, err := m.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: aws.String(m.queueURL), ReceiptHandle: msg.ReceiptHandle})
		if err == nil || pause.For(ctx, relayAgain) != nil {
			return
		}
	}
}

// giveBack shows a mail to other receivers. Where that fails it shows by itself.
func (m *awsMails) giveBack(ctx context.Context, msg *types.Message) {
	_, _ = m.sqs.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: aws.String(m.queueURL), ReceiptHandle: msg.ReceiptHandle, VisibilityTimeout: 0,
	})
}
