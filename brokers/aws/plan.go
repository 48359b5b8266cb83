package aws

import (
	"context"
	"fmt"
	"strings"

	"github.com/flowcheck/flowcheck/brokers"
)

// Plan implements brokers.Tapper. It asks what Tap asks, and creates nothing.
func (t *tapper) Plan(ctx context.Context, cfg brokers.TapConfig) ([]brokers.Action, error) {
	var actions []brokers.Action
	topics := false
	for _, ch := range cfg.Channels {
		src, err := t.source(ctx, ch)
		if err != nil {
			return nil, fmt.Errorf("plan %s: %w", ch.Name, err)
		}
		if src.url != "" {
			actions = append(actions, planQueue(src)...)
			continue
		}
		topics = true
		actions = append(actions, t.planTopic(src, cfg.Durable)...)
	}
	if topics {
		actions = append(actions, brokers.Action{
			Verb: "ask", Object: "for queues " + namePrefix + "… of abandoned taps, and remove them (goes without)",
			Permission: "sqs:ListQueues, sqs:ListQueueTags, sns:ListSubscriptionsByTopic, sns:Unsubscribe, sqs:DeleteQueue",
		})
	}
	return actions, nil
}

// planTopic is what the tap of a topic does.
func (t *tapper) planTopic(src source, durable bool) []brokers.Action {
	topic := "topic " + src.topic.String()
	queue := tapQueueName(t.cfg.RunID, src.channel.Name, src.fifo())
	stem := strings.TrimSuffix(queue, fifoSuffix)
	queue = "queue " + stem[:len(stem)-8] + "…" // Tap will draw the last eight digits afresh
	stays := ""
	if durable {
		stays = fmt.Sprintf(", which keeps messages for %v and is removed when nobody has read it for as long", durableLease)
	}
	actions := []brokers.Action{{Verb: "ask", Object: topic, Permission: "sns:GetTopicAttributes"}}
	filter := "no filter"
	if src.channel.SQS != "" {
		actions = append(actions, brokers.Action{
			Verb: "ask", Object: "the filter of " + src.queue.name + "'s subscription to " + topic,
			Permission: "sns:ListSubscriptionsByTopic, sns:GetSubscriptionAttributes",
		})
		if policy := src.filter["FilterPolicy"]; policy != "" {
			filter = "filter " + policy
			if scope := src.filter["FilterPolicyScope"]; scope != "" {
				filter += " on " + scope
			}
		}
	}
	return append(actions,
		brokers.Action{Verb: "create", Object: queue + stays, Permission: "sqs:CreateQueue, sqs:TagQueue, sqs:DeleteQueue"},
		brokers.Action{Verb: "subscribe", Object: queue + " to " + topic + ", " + filter, Permission: "sns:Subscribe, sns:Unsubscribe"},
		brokers.Action{
			Verb: "read", Object: queue,
			Permission: "sqs:GetQueueAttributes, sqs:ReceiveMessage, sqs:DeleteMessage, sqs:ChangeMessageVisibility",
		})
}

// planQueue is what an intrusive tap does.
func planQueue(src source) []brokers.Action {
	return []brokers.Action{
		{Verb: "ask", Object: "queue " + src.queue.name, Permission: "sqs:GetQueueUrl, sqs:GetQueueAttributes"},
		{
			Verb: "read", Object: "queue " + src.queue.name + ": its messages are received and DELETED (intrusive: true)",
			Permission: "sqs:ReceiveMessage, sqs:DeleteMessage, sqs:ChangeMessageVisibility",
		},
	}
}
