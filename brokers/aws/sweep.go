package aws

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// A queue of SQS does not expire by itself. So each queue of a tap bears a tag
// that tells until when it is in use; its tap moves that time on while it lives,
// and any later tap of the same account and region removes what is past it. The
// lease is also how long SQS keeps a message, so that an abandoned queue empties
// itself.
const (
	runLease     = time.Hour
	durableLease = 24 * time.Hour
)

// The tags of a tap's queue.
const (
	tagExpires = "flowcheck-expires" // RFC 3339
	tagTopic   = "flowcheck-topic"   // ARN
)

// Bounds of one sweep.
const (
	sweepTimeout = 5 * time.Second
	sweepQueues  = 100
)

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

// tags of a queue that is in use from now on.
func (t *tap) tags(src source, now time.Time) map[string]string {
	return map[string]string{
		tagExpires: now.Add(t.lease).UTC().Format(time.RFC3339),
		tagTopic:   src.topic.String(),
	}
}

// renewLease moves the expiry on until the tap is closed.
func (t *tap) renewLease() {
	tick := time.NewTicker(t.lease / 4)
	defer tick.Stop()
	for {
		select {
		case <-t.ctx.Done():
			return
		case now := <-tick.C:
			t.renew(now)
		}
	}
}

// renew moves the expiry of each queue on.
func (t *tap) renew(now time.Time) {
	ctx, cancel := context.WithTimeout(t.ctx, answerTimeout)
	defer cancel()
	for _, made := range t.current() {
		_, err := t.on.sqs.TagQueue(ctx, &sqs.TagQueueInput{
			QueueUrl: aws.String(made.queue), Tags: map[string]string{tagExpires: now.Add(t.lease).UTC().Format(time.RFC3339)},
		})
		if err != nil && t.ctx.Err() == nil {
			t.on.log.Warn("the tap's queue could not be marked as in use: another run may remove it when its time is over",
				"queue", made.queue, "error", plain(err))
		}
	}
}

func (t *tap) current() []thing {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]thing(nil), t.things...)
}

// sweepOnce removes what earlier runs left behind, at the first tap. It is a
// courtesy: whatever goes wrong is logged and holds nobody up for long.
func (t *tapper) sweepOnce(ctx context.Context) {
	t.mu.Lock()
	swept := t.swept
	t.swept = true
	t.mu.Unlock()
	if swept {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	removed, err := t.sweep(ctx, time.Now())
	switch {
	case err != nil:
		t.log.DebugContext(ctx, "abandoned taps could not be looked for", "error", plain(err))
	case removed > 0:
		t.log.InfoContext(ctx, "removed the queues of abandoned taps", "count", removed)
	}
}

// sweep removes the queues whose time is over, and their subscriptions. A queue
// that does not bear flowcheck's tag is somebody else's, whatever its name.
func (s *session) sweep(ctx context.Context, now time.Time) (removed int, err error) {
	out, err := s.sqs.ListQueues(ctx, &sqs.ListQueuesInput{
		QueueNamePrefix: aws.String(namePrefix), MaxResults: aws.Int32(sweepQueues),
	})
	if err != nil {
		return 0, err
	}
	for _, url := range out.QueueUrls {
		tagged, err := s.sqs.ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: aws.String(url)})
		if isAbsent(err) {
			continue // its tap, or another sweep, was faster
		}
		if err != nil {
			return removed, err
		}
		expires, err := time.Parse(time.RFC3339, tagged.Tags[tagExpires])
		if err != nil || now.Before(expires) {
			continue
		}
		left := thing{queue: url, topic: tagged.Tags[tagTopic]}
		if err := s.removeThing(ctx, &left); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

// subscriptionOf finds the subscription of a queue to a topic; "" if there is
// none, or it cannot be seen.
func (s *session) subscriptionOf(ctx context.Context, url, topic string) string {
	topicARN, err := arn.Parse(topic)
	if err != nil {
		return ""
	}
	queue, err := parseQueue(url)
	if err != nil {
		return ""
	}
	all, err := s.subscriptions(ctx, topicARN)
	if err != nil {
		return ""
	}
	for _, sub := range all {
		if queue.matches(aws.ToString(sub.Endpoint)) {
			return aws.ToString(sub.SubscriptionArn)
		}
	}
	return ""
}
