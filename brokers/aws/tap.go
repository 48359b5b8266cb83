package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/flowcheck/flowcheck/brokers"
)

// tap reads the queues of its channels: those that it made, and those that it
// may consume.
type tap struct {
	on    *tapper
	cfg   brokers.TapConfig
	lease time.Duration

	ctx     context.Context // of the lease's renewal; cancel ends it
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	readers []*reader

	mu     sync.Mutex
	things []thing // what was created and not yet removed
}

// thing is a queue that a tap created, and its subscription.
type thing struct {
	queue        string // URL
	topic        string // ARN; "" if there is no subscription
	subscription string // ARN; "" if it has to be looked for
}

func newTap(t *tapper, cfg brokers.TapConfig) *tap {
	lease := runLease
	if cfg.Durable {
		lease = durableLease
	}
	made := &tap{on: t, cfg: cfg, lease: lease}
	made.ctx, made.cancel = context.WithCancel(context.Background())
	return made
}

// arm makes what the source needs and a reader for it, which does not read yet.
func (t *tap) arm(ctx context.Context, src source) error {
	r := &reader{
		sqs: t.on.sqs, log: t.on.log, channel: src.channel, fifo: src.fifo(), real: t.on.real,
		url: src.url, hold: holdTime, events: t.cfg.Events, durable: t.cfg.Durable,
	}
	if r.durable {
		r.hold = durableHold
	}
	r.own = src.url == ""
	if r.own {
		r.retention = t.lease
	}
	var waiting counts
	there, err := t.takeUp(ctx, src, r)
	switch {
	case err != nil || there && r.own:
	case !r.own:
		waiting, err = r.awaitQueue(ctx)
	default:
		r.url, err = t.makeQueue(ctx, src)
		if err == nil {
			err = r.tryQueue(ctx)
		}
		if err == nil {
			err = t.subscribe(ctx, src, r.url)
		}
	}
	if err != nil {
		return err
	}
	if !there {
		t.warn(ctx, src, waiting)
	}
	t.readers = append(t.readers, r)
	return nil
}

// warn tells what cannot be vouched for.
func (t *tap) warn(ctx context.Context, src source, waiting counts) {
	switch {
	case src.url != "" && waiting.total() > 0:
		t.on.log.WarnContext(ctx, "the queue is not empty: SQS cannot tell these messages from later ones, so they are consumed and seen as well",
			"channel", src.channel.Name, "queue", src.queue.name, "messages", waiting.total())
	case src.url == "" && t.on.real:
		t.on.log.WarnContext(ctx, "a new SNS subscription may miss what is published in its first seconds: AWS does not say when it delivers",
			"channel", src.channel.Name, "topic", src.topic.Resource)
	}
}

// makeQueue makes a queue and returns its URL. What it made is in things, also
// after an error.
func (t *tap) makeQueue(ctx context.Context, src source) (string, error) {
	name := tapQueueName(t.on.cfg.RunID, src.channel.Name, src.fifo())
	attributes, err := t.queueAttributes(src)
	if err != nil {
		return "", err
	}
	out, err := t.on.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{
		QueueName: aws.String(name), Attributes: attributes, Tags: t.tags(src, time.Now()),
	})
	if err != nil {
		// A request that was cut off may have made it all the same.
		t.note(thing{queue: t.guessURL(ctx, name)})
		return "", failure(ctx, "create queue "+name+" (sqs:CreateQueue, sqs:TagQueue)", err)
	}
	url := aws.ToString(out.QueueUrl)
	t.note(thing{queue: url})
	return url, nil
}

// subscribe subscribes a queue to the topic, with the filter of the source.
func (t *tap) subscribe(ctx context.Context, src source, url string) error {
	endpoint, err := queueARN(url, src.topic)
	if err != nil {
		return err
	}
	made := thing{queue: url, topic: src.topic.String()}
	t.note(made)
	sub, err := t.on.sns.Subscribe(ctx, &sns.SubscribeInput{
		TopicArn: aws.String(made.topic), Protocol: aws.String("sqs"), Endpoint: aws.String(endpoint.String()),
		Attributes: src.filter, ReturnSubscriptionArn: true,
	})
	if err != nil {
		return failure(ctx, "subscribe to topic "+src.topic.Resource+" (sns:Subscribe)", err)
	}
	made.subscription = aws.ToString(sub.SubscriptionArn)
	t.note(made)
	return t.confirmed(ctx, src, endpoint, made)
}

// guessURL asks for the URL of a queue that may or may not exist; "" if it does
// not.
func (t *tap) guessURL(ctx context.Context, name string) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dialTimeout)
	defer cancel()
	out, err := t.on.sqs.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(name)})
	if err != nil {
		return ""
	}
	return aws.ToString(out.QueueUrl)
}

// note keeps what is to be removed. A thing with the same queue is replaced.
func (t *tap) note(made thing) {
	if made.queue == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.things {
		if t.things[i].queue == made.queue {
			t.things[i] = made
			return
		}
	}
	t.things = append(t.things, made)
}

// queueARN is the ARN of a queue of ours, in the partition and region of the
// topic, which is where we are. It saves asking for it: a fresh queue cannot be
// asked for a second or so.
func queueARN(url string, topic arn.ARN) (arn.ARN, error) {
	account, name, err := splitQueueURL(url)
	if err != nil {
		return arn.ARN{}, err
	}
	return arn.ARN{Partition: topic.Partition, Service: "sqs", Region: topic.Region, AccountID: account, Resource: name}, nil
}

// queueAttributes of a tap's queue. Its policy lets that topic send, and nobody
// else; "*" in it is the queue itself, whose ARN is not known beforehand.
func (t *tap) queueAttributes(src source) (map[string]string, error) {
	type object map[string]any
	policy, err := json.Marshal(object{
		"Version": "2012-10-17",
		"Statement": []object{{
			"Effect": "Allow", "Principal": object{"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*",
			"Condition": object{"ArnEquals": object{"aws:SourceArn": src.topic.String()}},
		}},
	})
	if err != nil {
		return nil, err
	}
	attributes := map[string]string{
		"Policy":                 string(policy),
		"MessageRetentionPeriod": seconds(t.lease),
		"VisibilityTimeout":      seconds(holdTime),
	}
	if src.fifo() {
		// The topic has deduplicated already, perhaps within each group only: the
		// queue must not drop more than it.
		attributes["FifoQueue"] = "true"
		attributes["ContentBasedDeduplication"] = "true"
		attributes["DeduplicationScope"] = "messageGroup"
		attributes["FifoThroughputLimit"] = "perMessageGroupId"
	}
	return attributes, nil
}

// confirmed fails where the owner of another account's topic has to confirm the
// subscription first. Within one account there is nothing to confirm.
func (t *tap) confirmed(ctx context.Context, src source, endpoint arn.ARN, made thing) error {
	if endpoint.AccountID == src.topic.AccountID {
		return nil
	}
	out, err := t.on.sns.GetSubscriptionAttributes(ctx, &sns.GetSubscriptionAttributesInput{SubscriptionArn: aws.String(made.subscription)})
	if err != nil {
		return failure(ctx, "the subscription to "+src.topic.Resource+" (sns:GetSubscriptionAttributes)", err)
	}
	if out.Attributes["PendingConfirmation"] == "true" {
		return fmt.Errorf("the subscription to %s waits for a confirmation: %w", src.topic.Resource, brokers.ErrRefused)
	}
	return nil
}

// start begins to read. All channels are armed by then.
func (t *tap) start() {
	for _, r := range t.readers {
		r.start()
	}
	if len(t.current()) > 0 {
		t.wg.Go(t.renewLease)
	}
}

// undo removes everything after a failure, even one of ctx.
func (t *tap) undo(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	return t.Close(ctx)
}

// Close implements brokers.Tap. What could not be removed the first time is
// tried again by the next call.
func (t *tap) Close(ctx context.Context) error {
	t.cancel()
	var errs []error
	for _, r := range t.readers {
		errs = append(errs, r.close(ctx))
	}
	t.wg.Wait()
	errs = append(errs, t.remove(ctx))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close tap: %w", err)
	}
	t.on.forget(t)
	return nil
}

// remove takes away what was created: the subscription first, so that nothing is
// delivered to a queue that is gone.
func (t *tap) remove(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var left []thing
	var errs []error
	for _, made := range t.things {
		err := t.on.removeThing(ctx, &made)
		if err != nil {
			left, errs = append(left, made), append(errs, fmt.Errorf("left behind: queue %s: %w", made.queue, err))
		}
	}
	t.things = left
	return errors.Join(errs...)
}

// removeThing removes subscription and queue; what is gone already is no error.
func (s *session) removeThing(ctx context.Context, made *thing) error {
	if made.topic != "" && made.subscription == "" {
		made.subscription = s.subscriptionOf(ctx, made.queue, made.topic)
	}
	if made.subscription != "" {
		_, err := s.sns.Unsubscribe(ctx, &sns.UnsubscribeInput{SubscriptionArn: aws.String(made.subscription)})
		if err != nil && !isAbsent(err) {
			return failure(ctx, "unsubscribe "+made.subscription+" (sns:Unsubscribe)", err)
		}
		made.topic, made.subscription = "", ""
	}
	_, err := s.sqs.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: aws.String(made.queue)})
	if err != nil && !isAbsent(err) {
		return failure(ctx, "delete queue (sqs:DeleteQueue)", err)
	}
	return nil
}
