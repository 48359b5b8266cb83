package aws

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/flowcheck/flowcheck/message"
)

// deliver hands messages on in their order. It blocks while nobody takes them,
// and keeps them hidden meanwhile. What was handed on is deleted; when the
// reader is stopped, the rest goes back to the queue. It returns how many were
// handed on.
func (r *reader) deliver(messages []types.Message, seen time.Time) int {
	r.open()
	extend := time.NewTicker(r.hold / 2)
	defer extend.Stop()
	sent := 0
	for sent < len(messages) && !r.isStopped() {
		o := observe(r.channel, messages[sent], seen)
		for handed := false; !handed && !r.isStopped(); {
			select {
			case r.events <- message.Event{Observation: o}:
				handed = true
				sent++
			case <-extend.C:
				r.setHold(r.ctx, messages, r.hold)
			case <-r.stop:
			}
		}
	}
	if r.durable {
		r.fence(messages[:sent])
	} else {
		r.delete(messages[:sent])
	}
	if !r.own {
		r.setHold(r.ctx, messages[sent:], 0)
	}
	return sent
}

// delete removes messages from the queue. One that stays comes again, with the
// same id; where none may be deleted there is no end to it.
func (r *reader) delete(messages []types.Message) {
	if len(messages) == 0 {
		return
	}
	entries := make([]types.DeleteMessageBatchRequestEntry, len(messages))
	for i, m := range messages {
		entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle}
	}
	out, err := r.sqs.DeleteMessageBatch(r.ctx, &sqs.DeleteMessageBatchInput{QueueUrl: aws.String(r.url), Entries: entries})
	switch {
	case r.ctx.Err() != nil:
	case err != nil && isDenied(err):
		r.die(failure(r.ctx, "delete what was seen (sqs:DeleteMessage)", err))
	case err != nil:
		r.log.Warn("messages that were seen could not be deleted and will come again",
			"channel", r.channel.Name, "messages", len(messages), "error", plain(err))
	case len(out.Failed) > 0:
		r.log.Warn("messages that were seen could not be deleted and will come again",
			"channel", r.channel.Name, "messages", len(out.Failed), "error", aws.ToString(out.Failed[0].Message))
	}
}

// setHold hides messages for that long from now on; 0 gives them back.
func (r *reader) setHold(ctx context.Context, messages []types.Message, hold time.Duration) {
	if len(messages) == 0 {
		return
	}
	entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(messages))
	for i, m := range messages {
		entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: int32(hold / time.Second),
		}
	}
	_, err := r.sqs.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: aws.String(r.url), Entries: entries})
	if err != nil && ctx.Err() == nil {
		r.log.Debug("visibility was not changed", "channel", r.channel.Name, "error", plain(err))
	}
}

// checkAge marks a gap when the queue was last read, or one of the messages was
// sent, so long ago that others have expired unseen.
func (r *reader) checkAge(messages []types.Message, now time.Time) {
	r.mu.Lock()
	oldest := r.lastRead
	r.lastRead = now
	r.mu.Unlock()
	if !r.own {
		return
	}
	for _, m := range messages {
		if sent := sentTime(m); !sent.IsZero() && sent.Before(oldest) {
			oldest = sent
		}
	}
	if behind := now.Sub(oldest); behind > r.retention-r.retention/10 {
		r.mark(fmt.Sprintf("the tap is %s behind, and SQS drops what is older than %s", behind.Round(time.Second), r.retention))
	}
}

// mark tells of a loss.
func (r *reader) mark(reason string) {
	if r.isStopped() {
		return
	}
	gap := &message.Mark{Kind: message.MarkGap, Seen: time.Now(), Channel: r.channel.Name, Reason: reason}
	select {
	case r.events <- message.Event{Mark: gap}:
	case <-r.stop:
	}
}

// die ends the reading for good.
func (r *reader) die(why error) {
	r.mu.Lock()
	first := r.dead == nil
	if first {
		r.dead = why
	}
	r.mu.Unlock()
	if !first {
		return
	}
	r.log.Error("the tap is lost", "channel", r.channel.Name, "error", why)
	r.mark(why.Error())
}
