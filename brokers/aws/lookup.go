package aws

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/flowcheck/flowcheck/brokers"
)

// topicARN completes a topic's name by the account of the login, or by the list
// of topics where the account cannot be had. It does not ask whether the topic
// exists.
func (s *session) topicARN(ctx context.Context, ref string) (arn.ARN, error) {
	if arn.IsARN(ref) {
		topic, err := arn.Parse(ref)
		if err != nil {
			return arn.ARN{}, err
		}
		if topic.Region != s.region {
			return arn.ARN{}, fmt.Errorf("topic %s is in %s, the broker %s in %s: declare a broker aws://%s for it",
				topic.Resource, topic.Region, s.cfg.Name, s.region, topic.Region)
		}
		return topic, nil
	}
	me, err := s.caller(ctx)
	if err == nil {
		return arn.ARN{Partition: me.Partition, Service: "sns", Region: s.region, AccountID: me.AccountID, Resource: ref}, nil
	}
	found, listErr := s.topicByList(ctx, ref)
	if listErr != nil {
		return arn.ARN{}, fmt.Errorf("which topic is %s? %w (and %s); an ARN needs neither", ref, listErr, plain(err))
	}
	return found, nil
}

// caller is the ARN of the login; to ask for it takes no permission.
func (s *session) caller(ctx context.Context) (arn.ARN, error) {
	if me := s.me.Load(); me != nil {
		return *me, nil
	}
	out, err := s.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}, func(o *sts.Options) { o.RetryMaxAttempts = 2 })
	if err != nil {
		return arn.ARN{}, failure(ctx, "ask STS for the account", err)
	}
	me, err := arn.Parse(aws.ToString(out.Arn))
	if err != nil {
		return arn.ARN{}, fmt.Errorf("ask STS for the account: %w", err)
	}
	s.me.Store(&me)
	return me, nil
}

func (s *session) topicByList(ctx context.Context, name string) (arn.ARN, error) {
	pages := sns.NewListTopicsPaginator(s.sns, &sns.ListTopicsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return arn.ARN{}, failure(ctx, "list topics", err)
		}
		for _, t := range page.Topics {
			if a, err := arn.Parse(aws.ToString(t.TopicArn)); err == nil && a.Resource == name {
				return a, nil
			}
		}
	}
	return arn.ARN{}, fmt.Errorf("topic %s: %w", name, brokers.ErrAbsent)
}

// topicExists fails with ErrAbsent if it does not.
func (s *session) topicExists(ctx context.Context, topic arn.ARN) error {
	_, err := s.sns.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: aws.String(topic.String())})
	if err != nil {
		return failure(ctx, fmt.Sprintf("topic %s in %s (sns:GetTopicAttributes)", topic.Resource, s.region), err)
	}
	return nil
}

// subscriptions are all of a topic.
func (s *session) subscriptions(ctx context.Context, topic arn.ARN) ([]snstypes.Subscription, error) {
	var all []snstypes.Subscription
	pages := sns.NewListSubscriptionsByTopicPaginator(s.sns, &sns.ListSubscriptionsByTopicInput{TopicArn: aws.String(topic.String())})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failure(ctx, "subscriptions of "+topic.Resource+" (sns:ListSubscriptionsByTopic)", err)
		}
		all = append(all, page.Subscriptions...)
	}
	return all, nil
}

// filterAttributes are the attributes of a subscription that decide what it
// lets through.
var filterAttributes = []string{"FilterPolicy", "FilterPolicyScope"}

// filterOf copies the filter of the queue's subscription to the topic. It is
// empty where that subscription has none.
func (s *session) filterOf(ctx context.Context, topic arn.ARN, queue queueRef) (map[string]string, error) {
	all, err := s.subscriptions(ctx, topic)
	if err != nil {
		return nil, err
	}
	for _, sub := range all {
		if aws.ToString(sub.Protocol) != "sqs" || !queue.matches(aws.ToString(sub.Endpoint)) {
			continue
		}
		out, err := s.sns.GetSubscriptionAttributes(ctx, &sns.GetSubscriptionAttributesInput{SubscriptionArn: sub.SubscriptionArn})
		if err != nil {
			return nil, failure(ctx, "the filter of "+queue.name+"'s subscription (sns:GetSubscriptionAttributes)", err)
		}
		filter := map[string]string{}
		for _, name := range filterAttributes {
			if v := out.Attributes[name]; v != "" {
				filter[name] = v
			}
		}
		if filter["FilterPolicy"] == "" {
			return map[string]string{}, nil // a scope alone is refused
		}
		return filter, nil
	}
	return nil, fmt.Errorf("queue %s among the %d subscriptions of topic %s: %w", queue.name, len(all), topic.Resource, brokers.ErrAbsent)
}

// queueURL finds the URL of a queue. Where the channel gives it, nobody is asked.
func (s *session) queueURL(ctx context.Context, q queueRef) (string, error) {
	if q.url != "" {
		return q.url, nil
	}
	if q.region != "" && q.region != s.region {
		return "", fmt.Errorf("queue %s is in %s, the broker %s in %s: declare a broker aws://%s for it",
			q.name, q.region, s.cfg.Name, s.region, q.region)
	}
	in := &sqs.GetQueueUrlInput{QueueName: aws.String(q.name)}
	if q.account != "" {
		in.QueueOwnerAWSAccountId = aws.String(q.account)
	}
	out, err := s.sqs.GetQueueUrl(ctx, in)
	if err != nil {
		return "", failure(ctx, fmt.Sprintf("queue %s in %s (sqs:GetQueueUrl)", q.name, s.region), err)
	}
	return aws.ToString(out.QueueUrl), nil
}

// counts are SQS's approximate counts of a queue.
type counts struct{ waiting, inFlight, delayed int }

func (c counts) total() int { return c.waiting + c.inFlight + c.delayed }

// countAttributes ask for what counts holds.
var countAttributes = []sqstypes.QueueAttributeName{
	sqstypes.QueueAttributeNameApproximateNumberOfMessages,
	sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
	sqstypes.QueueAttributeNameApproximateNumberOfMessagesDelayed,
}

// count asks SQS how many messages a queue has, and what time it is there; zero
// if it does not say.
func count(ctx context.Context, client *sqs.Client, url string) (counts, time.Time, error) {
	out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: aws.String(url), AttributeNames: countAttributes})
	if err != nil {
		return counts{}, time.Time{}, err
	}
	var n [3]int
	for i, name := range countAttributes {
		if n[i], err = strconv.Atoi(out.Attributes[string(name)]); err != nil {
			return counts{}, time.Time{}, fmt.Errorf("the answer's %s is %q, no number", name, out.Attributes[string(name)])
		}
	}
	now, _ := middleware.GetServerTime(out.ResultMetadata)
	return counts{waiting: n[0], inFlight: n[1], delayed: n[2]}, now, nil
}

// isDenied tells whether the broker knows the login but does not allow the
// request.
func isDenied(err error) bool {
	if !errors.Is(meaningOf(err), brokers.ErrRefused) {
		return false
	}
	code := strings.TrimSuffix(codeOf(err), "Exception")
	return code == "AccessDenied" || code == "AuthorizationError" || code == "NotAuthorized"
}
