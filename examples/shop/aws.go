package shop

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// awsMails is the shop's SNS and SQS.
type awsMails struct {
	sns             *sns.Client
	sqs             *sqs.Client
	topic, queueURL string
}

// ConnectAWS connects the shop to SNS and SQS, or an emulator at endpoint.
func ConnectAWS(ctx context.Context, region, endpoint string) (Mails, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(region))
	if err != nil {
		return nil, fmt.Errorf("shop: aws: %w", err)
	}
	if endpoint != "" {
		cfg.BaseEndpoint = aws.String(endpoint)
	}
	return &awsMails{sns: sns.NewFromConfig(cfg), sqs: sqs.NewFromConfig(cfg)}, nil
}

func (m *awsMails) Declare(ctx context.Context) error {
	topic, err := m.sns.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String(topicMail)})
	if err != nil {
		return fmt.Errorf("shop: sns: %w", err)
	}
	m.topic = *topic.TopicArn
	queue, err := m.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(queueMail)})
	if err != nil {
		return fmt.Errorf("shop: sqs: %w", err)
	}
	m.queueURL = *queue.QueueUrl
	attributes, err := m.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: queue.QueueUrl, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn},
	})
	if err != nil {
		return fmt.Errorf("shop: sqs: %w", err)
	}
	arn := attributes.Attributes["QueueArn"]
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},`+
		`"Action":"sqs:SendMessage","Resource":%q,"Condition":{"ArnEquals":{"aws:SourceArn":%q}}}]}`, arn, m.topic)
	if _, err := m.sqs.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{
		QueueUrl: queue.QueueUrl, Attributes: map[string]string{"Policy": policy},
	}); err != nil {
		return fmt.Errorf("shop: sqs: %w", err)
	}
	_, err = m.sns.Subscribe(ctx, &sns.SubscribeInput{
		TopicArn: topic.TopicArn, Protocol: aws.String("sqs"), Endpoint: aws.String(arn),
		Attributes: map[string]string{"RawMessageDelivery": "true"},
	})
	if err != nil {
		return fmt.Errorf("shop: sns: %w", err)
	}
	return nil
}

func (m *awsMails) Publish(ctx context.Context, body []byte) error {
	_, err := m.sns.Publish(ctx, &sns.PublishInput{TopicArn: aws.String(m.topic), Message: aws.String(string(body))})
	return err
}

func (m *awsMails) Consume(ctx context.Context, handle func([]byte)) error {
	for {
		out, err := m.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: aws.String(m.queueURL), MaxNumberOfMessages: 10, WaitTimeSeconds: 5,
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		for _, msg := range out.Messages {
			handle([]byte(*msg.Body))
			if _, err := m.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{
				QueueUrl: aws.String(m.queueURL), ReceiptHandle: msg.ReceiptHandle,
			}); err != nil {
				return err
			}
		}
	}
}
