package aws

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

func TestNothingIsLeftBehind(t *testing.T) {
	e := ministack(t)
	topic := e.topic(t, fresh("mail"))
	gone := func(t *testing.T) {
		t.Helper()
		if queues, subs := e.leftovers(t, e.cfg.RunID, topic); len(queues) != 0 || subs != 0 {
			t.Errorf("queues %v and %d subscriptions are left", queues, subs)
		}
	}
	there := func(t *testing.T) {
		t.Helper()
		if queues, subs := e.leftovers(t, e.cfg.RunID, topic); len(queues) != 1 || subs != 1 {
			t.Fatalf("queues %v and %d subscriptions, want one each", queues, subs)
		}
	}
	ch := brokers.Channel{Name: "mails", SNS: topic}
	t.Run("after Close", func(t *testing.T) {
		w := e.arm(t, ch)
		there(t)
		for range 2 {
			if err := w.tap.Close(timeout(t)); err != nil {
				t.Error(err)
			}
		}
		gone(t)
	})
	t.Run("after the tapper's Close", func(t *testing.T) {
		w := e.arm(t, ch)
		there(t)
		if err := w.tap.on.Close(); err != nil {
			t.Error(err)
		}
		gone(t)
	})
	t.Run("after a failure midway", func(t *testing.T) {
		tapper := e.tapper(t)
		made := newTap(tapper, brokers.TapConfig{Events: make(chan message.Event)})
		src, err := tapper.source(timeout(t), ch)
		if err != nil {
			t.Fatal(err)
		}
		if err := made.arm(timeout(t), src); err != nil {
			t.Fatal(err)
		}
		there(t)
		src.topic.Resource = "absent"
		if err := made.arm(timeout(t), src); !errors.Is(err, brokers.ErrAbsent) {
			t.Error(err)
		}
		if err := made.undo(timeout(t)); err != nil {
			t.Error(err)
		}
		gone(t)
	})
	t.Run("after its context has ended", func(t *testing.T) {
		tapper := e.tapper(t)
		for _, after := range []time.Duration{0, time.Millisecond, 3 * time.Millisecond, 6 * time.Millisecond, 9 * time.Millisecond, 12 * time.Millisecond} {
			ctx, cancel := context.WithTimeout(t.Context(), after)
			made, err := tapper.Tap(ctx, brokers.TapConfig{Channels: []brokers.Channel{ch}, Events: make(chan message.Event)})
			cancel()
			switch {
			case err == nil:
				if err := made.Close(timeout(t)); err != nil {
					t.Error(err)
				}
			case !errors.Is(err, context.DeadlineExceeded):
				t.Errorf("cut off after %s: %v", after, err)
			}
			gone(t)
		}
	})
}

func TestTapQueueIsClosedToOthersAndExpires(t *testing.T) {
	e := ministack(t)
	topic := e.topic(t, fresh("mail"))
	w := e.arm(t, brokers.Channel{Name: "mails", SNS: topic})
	url := w.tap.current()[0].queue
	e.hasAttributes(t, url, map[string]string{
		"Policy": `{"Statement":[{"Action":"sqs:SendMessage","Condition":{"ArnEquals":{"aws:SourceArn":"` + topic +
			`"}},"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Resource":"*"}],"Version":"2012-10-17"}`,
		"MessageRetentionPeriod": "3600",
	})
	tags, err := e.s.sqs.ListQueueTags(timeout(t), &sqs.ListQueueTagsInput{QueueUrl: aws.String(url)})
	if err != nil {
		t.Fatal(err)
	}
	expires, err := time.Parse(time.RFC3339, tags.Tags[tagExpires])
	if err != nil || time.Until(expires) < runLease-time.Minute || time.Until(expires) > runLease {
		t.Errorf("tags %v (%v)", tags.Tags, err)
	}
}

// hasAttributes fails if a queue's attributes are others.
func (e *emulator) hasAttributes(t *testing.T, url string, want map[string]string) {
	t.Helper()
	out, err := e.s.sqs.GetQueueAttributes(timeout(t), &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(url), AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range want {
		if got := out.Attributes[name]; got != value {
			t.Errorf("%s is %s, want %s", name, got, value)
		}
	}
}

func TestSweepRemovesAbandonedTapsOnly(t *testing.T) {
	e := ministackIn(t, "sweep-1")
	topic := e.topic(t, fresh("mail"))
	live := e.arm(t, brokers.Channel{Name: "live", SNS: topic})
	abandoned := e.arm(t, brokers.Channel{Name: "abandoned", SNS: topic})
	foreign := e.queue(t, fresh(namePrefix+"of-somebody-else"), nil)
	later := time.Now().Add(2 * runLease)
	live.tap.renew(later)

	removed, err := e.s.sweep(timeout(t), later)
	if err != nil {
		t.Fatal(err)
	}
	if removed < 1 {
		t.Errorf("%d removed", removed)
	}
	queues, err := e.s.sqs.ListQueues(timeout(t), &sqs.ListQueuesInput{QueueNamePrefix: aws.String(namePrefix)})
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]bool{live.tap.current()[0].queue: true, abandoned.tap.current()[0].queue: false, foreign: true} {
		if slices.Contains(queues.QueueUrls, url) != want {
			t.Errorf("queue %s: there must be %v", url, want)
		}
	}
	if _, subs := e.leftovers(t, e.cfg.RunID, topic); subs != 1 {
		t.Errorf("%d subscriptions of taps, want that of the live one", subs)
	}
	if removed, err = e.s.sweep(timeout(t), later.Add(-runLease)); err != nil || removed != 0 {
		t.Errorf("a sweep within the lease removed %d (%v)", removed, err)
	}
}
