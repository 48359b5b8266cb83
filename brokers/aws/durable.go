package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/flowcheck/flowcheck/message"
)

// A durable tap deletes a message when whoever takes the events has it on a disk:
// the batch is followed by a fence, and its Kept deletes. What was received and
// not deleted when a process died is hidden for durableHold, and comes again, with
// the same id. The fence's id is the queue's address, by which a later tap finds
// the queue that was left.
const durableHold = 10 * time.Second

// left is where an earlier tap of the channel had come to; nil if there was none.
// A fence without an id is no place of ours.
func (t *tap) left(channel string) *message.Mark {
	for _, m := range slices.Backward(t.cfg.Resume) {
		if m.Channel == channel && m.ID != "" {
			return &m
		}
	}
	return nil
}

// takeUp goes on with the queue that an earlier tap has left, and tells whether it
// is still there. What may be missing is a gap of the reader's.
func (t *tap) takeUp(ctx context.Context, src source, r *reader) (there bool, err error) {
	was := t.left(src.channel.Name)
	if was == nil {
		return false, nil
	}
	r.resumed = was.Seen
	if src.url != "" {
		return true, nil
	}
	_, _, err = count(ctx, r.sqs, was.ID)
	if isAbsent(err) {
		r.missed = "the tap's queue was removed while flowcheck was not running"
		return false, nil
	}
	if err != nil {
		return false, failure(ctx, "the queue that was left (sqs:GetQueueAttributes)", err)
	}
	r.url = was.ID
	made := thing{queue: r.url, topic: src.topic.String()}
	made.subscription = t.on.subscriptionOf(ctx, r.url, made.topic)
	t.note(made)
	t.renew(time.Now())
	if made.subscription != "" {
		return true, nil
	}
	r.missed = "the tap's queue was not subscribed any more"
	return true, t.subscribe(ctx, src, r.url)
}

// open sends, before anything else, what the beginning has to say.
func (r *reader) open() {
	r.opened.Do(func() {
		if r.missed != "" {
			r.mark(r.missed)
		}
		if r.durable {
			r.fence(nil)
		}
	})
}

// fence tells that the messages have been handed on; they are deleted once they
// are kept.
func (r *reader) fence(messages []types.Message) {
	m := &message.Mark{Kind: message.MarkFence, Seen: time.Now(), Channel: r.channel.Name, ID: r.url}
	if len(messages) > 0 {
		m.Kept = func() { r.spawn(func() { r.delete(messages) }) }
	}
	select {
	case r.events <- message.Event{Mark: m}:
	case <-r.stop:
	}
}

// Detach implements brokers.Detacher: the queues of a durable tap stay, and go on
// collecting until their lease is over.
func (t *tap) Detach(ctx context.Context) error {
	if !t.cfg.Durable {
		return t.Close(ctx)
	}
	t.cancel()
	var errs []error
	for _, r := range t.readers {
		errs = append(errs, r.close(ctx))
	}
	t.wg.Wait()
	t.on.forget(t)
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("detach tap: %w", err)
	}
	return nil
}
