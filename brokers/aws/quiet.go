package aws

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/flowcheck/flowcheck/brokers"
)

// errNotTold: the broker does not say whether a subscriber has work left.
var errNotTold = errors.New("SNS does not tell")

// Quiet implements brokers.Watcher: are the queues empty, by SQS's approximate
// counts, that a channel names or that are subscribed to its topic? Queues of
// taps do not count.
func (t *tapper) Quiet(ctx context.Context, channels []brokers.Channel) (brokers.Quiescence, error) {
	var busy, unknown []string
	asked, left := 0, 0
	for _, ch := range channels {
		queues, err := t.consumersOf(ctx, ch)
		for _, q := range queues {
			c, countErr := t.countOf(ctx, q)
			switch {
			case countErr != nil:
				err = errors.Join(err, countErr)
			case c.total() > 0:
				left += int(c.total())
				busy = append(busy, fmt.Sprintf("queue %s: %d waiting, %d in flight, %d delayed", q.name, c.waiting, c.inFlight, c.delayed))
			}
			asked++
		}
		if ctx.Err() != nil {
			return brokers.Quiescence{}, ctx.Err()
		}
		if errors.Is(err, brokers.ErrUnreachable) {
			return brokers.Quiescence{}, err
		}
		if err != nil {
			unknown = append(unknown, fmt.Sprintf("channel %s: %v", ch.Name, err))
		}
	}
	switch {
	case len(busy) > 0:
		return brokers.Quiescence{Known: true, Reason: strings.Join(busy, "; "), Left: left}, nil
	case len(unknown) > 0:
		return brokers.Quiescence{Reason: strings.Join(unknown, "; ")}, nil
	case asked == 0:
		return brokers.Quiescence{Reason: "no queue takes these channels' messages: there is nothing to ask"}, nil
	default:
		return brokers.Quiescence{Known: true, Quiet: true, Reason: fmt.Sprintf("%d queues are empty by SQS's approximate counts", asked)}, nil
	}
}

// consumersOf are the queues through which the system takes a channel's
// messages. With errNotTold there are other subscribers besides.
func (t *tapper) consumersOf(ctx context.Context, ch brokers.Channel) ([]queueRef, error) {
	if err := check(ch); err != nil {
		return nil, err
	}
	if ch.SQS != "" {
		q, err := parseQueue(ch.SQS)
		return []queueRef{q}, err
	}
	topic, err := t.topicARN(ctx, ch.SNS)
	if err != nil {
		return nil, err
	}
	all, err := t.subscriptions(ctx, topic)
	if err != nil {
		return nil, err
	}
	var queues []queueRef
	var others []string
	for _, sub := range all {
		protocol, endpoint := aws.ToString(sub.Protocol), aws.ToString(sub.Endpoint)
		switch protocol {
		case "sqs":
			q, err := parseQueue(endpoint)
			if err == nil && !strings.HasPrefix(q.name, namePrefix) {
				queues = append(queues, q)
			}
		case "email", "email-json", "sms", "application":
			// A person is told: the system does no work.
		default:
			others = append(others, protocol+" "+lastOf(endpoint))
		}
	}
	if len(others) > 0 {
		return queues, fmt.Errorf("%w whether %s is done", errNotTold, strings.Join(others, ", "))
	}
	return queues, nil
}

// lastOf shortens an ARN to its name and hides the login that a URL may hold.
func lastOf(endpoint string) string {
	if a, err := arn.Parse(endpoint); err == nil {
		return a.Resource
	}
	return "endpoint"
}

// countOf asks for the counts of a queue of the system.
func (t *tapper) countOf(ctx context.Context, q queueRef) (counts, error) {
	url, err := t.queueURL(ctx, q)
	if err != nil {
		return counts{}, err
	}
	c, _, err := count(ctx, t.sqs, url)
	if err != nil {
		return counts{}, failure(ctx, "queue "+q.name+" (sqs:GetQueueAttributes)", err)
	}
	return c, nil
}
