package aws

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// holdLong is for how long SQS hides messages that are held, in seconds: if
// nobody gives them back, they come back then.
const holdLong = 900

// held are messages that were received and not deleted. SQS counts each receive;
// one that is given back is visible at once, behind or before others.
type held struct {
	sqs      *sqs.Client
	url      string
	handles  []string // "" once removed
	messages []*message.Observation
}

// Hold implements brokers.Holder.
func (t *tapper) Hold(ctx context.Context, ch brokers.Channel, most int) (brokers.Held, error) {
	if ch.SQS == "" {
		return nil, fmt.Errorf("look into %s: %w: it is no queue", ch.Name, brokers.ErrNotTappable)
	}
	ref, err := parseQueue(ch.SQS)
	if err != nil {
		return nil, err
	}
	h := &held{sqs: t.sqs}
	if h.url, err = t.queueURL(ctx, ref); err != nil {
		return nil, err
	}
	for empty := 0; len(h.messages) < most && empty < 2; {
		out, err := h.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: aws.String(h.url), MaxNumberOfMessages: int32(min(batch, most-len(h.messages))), WaitTimeSeconds: shortPoll,
			VisibilityTimeout: holdLong, MessageAttributeNames: []string{"All"},
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		})
		if err != nil {
			return nil, errors.Join(failure(ctx, "receive from queue "+ch.SQS+" (sqs:ReceiveMessage)", err), h.Release(ctx))
		}
		empty++
		for _, m := range out.Messages {
			empty = 0
			h.handles = append(h.handles, aws.ToString(m.ReceiptHandle))
			h.messages = append(h.messages, observe(ch, m, time.Now()))
		}
	}
	return h, nil
}

// Messages implements brokers.Held.
func (h *held) Messages() []*message.Observation { return h.messages }

// Remove implements brokers.Held.
func (h *held) Remove(ctx context.Context, i int) error {
	_, err := h.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: aws.String(h.url), ReceiptHandle: aws.String(h.handles[i])})
	if err != nil {
		return failure(ctx, "remove from the queue (sqs:DeleteMessage)", err)
	}
	h.handles[i] = ""
	return nil
}

// Release implements brokers.Held.
func (h *held) Release(ctx context.Context) error {
	var errs []error
	for _, handle := range h.handles {
		if handle == "" {
			continue
		}
		_, err := h.sqs.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: aws.String(h.url), ReceiptHandle: aws.String(handle)})
		if err != nil {
			errs = append(errs, failure(ctx, "give back to the queue (sqs:ChangeMessageVisibility)", err))
		}
	}
	return errors.Join(errs...)
}
