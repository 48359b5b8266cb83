package aws

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/flowcheck/flowcheck/brokers"
)

// purge empties a queue. SQS takes up to a minute for it, and a second purge within
// a minute is an error.
func purge(ctx context.Context, cfg brokers.Config, ch brokers.Channel) error {
	if ch.SQS == "" || ch.SNS != "" {
		return errors.New("only an sqs queue alone can be purged")
	}
	s, err := connect(ctx, cfg, safeRetries)
	if err != nil {
		return err
	}
	p := &publisher{session: s, places: map[string]string{}}
	defer p.disconnect()
	url, err := p.find(ctx, ch)
	if err != nil {
		return err
	}
	if _, err := p.sqs.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: aws.String(url)}); err != nil {
		return failure(ctx, "queue "+ch.SQS+" (sqs:PurgeQueue)", err)
	}
	return nil
}
