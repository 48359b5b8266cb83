package shop

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/IBM/sarama"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// Clear takes out of env's brokers what a shop that was closed has left undone, so
// that the next shop does not begin with it. No shop may be running.
func Clear(ctx context.Context, env Environment) error {
	return errors.Join(skipTopics(env), purgeQueues(ctx, env), purgeMails(ctx, env))
}

// groups are the shop's consumer groups, with their topics.
var groups = map[string]string{
	groupBilling: topicOrders, groupShipping: topicPayments, groupProfiles: topicAddresses, groupProfilesRetry: topicAddressesRetry,
}

// skipTopics commits the end of each partition.
func skipTopics(env Environment) error {
	e, err := openEvents(strings.Split(env.Kafka, ","), env.Prefix, nil)
	if err != nil {
		return err
	}
	for group, topic := range groups {
		if skipErr := e.skip(env.Prefix+group, env.Prefix+topic); skipErr != nil {
			err = errors.Join(err, fmt.Errorf("shop: clear the group %s: %w", group, skipErr))
		}
	}
	return errors.Join(err, e.close())
}

func (e *events) skip(group, topic string) error {
	offsets, err := sarama.NewOffsetManagerFromClient(group, e.client)
	if err != nil {
		return err
	}
	defer offsets.Close()
	for p := range int32(partitions) {
		end, err := e.client.GetOffset(topic, p, sarama.OffsetNewest)
		if err != nil {
			return err
		}
		at, err := offsets.ManagePartition(topic, p)
		if err != nil {
			return err
		}
		at.MarkOffset(end, "")
	}
	offsets.Commit()
	return nil
}

func purgeQueues(ctx context.Context, env Environment) error {
	r := &rabbitTasks{url: env.Rabbit, prefix: env.Prefix}
	err := r.Declare(ctx)
	if err != nil {
		return err
	}
	ch, err := r.channel()
	for _, q := range []string{queueWork, queueRetry, queueParked, queueOther} {
		if err == nil {
			_, err = ch.QueuePurge(r.prefix+q, false)
		}
	}
	return errors.Join(err, r.close())
}

func purgeMails(ctx context.Context, env Environment) error {
	m, err := connectAWS(ctx, env)
	if err != nil {
		return err
	}
	if err := m.Declare(ctx, MailOptions{Visible: visible}); err != nil {
		return err
	}
	_, err = m.sqs.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: &m.queueURL})
	return err
}
