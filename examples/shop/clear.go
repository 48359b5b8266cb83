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
	return errors.Join(skipTopics(strings.Split(env.Kafka, ",")), purgeQueues(ctx, env.Rabbit), purgeMails(ctx, env.AWSEndpoint))
}

// groups are the shop's consumer groups, with their topics.
var groups = map[string]string{
	groupBilling: topicOrders, groupShipping: topicPayments, groupProfiles: topicAddresses, groupProfilesRetry: topicAddressesRetry,
}

// skipTopics commits the end of each partition.
func skipTopics(addrs []string) error {
	e, err := openEvents(addrs, nil)
	if err != nil {
		return err
	}
	for group, topic := range groups {
		if skipErr := e.skip(group, topic); skipErr != nil {
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

func purgeQueues(ctx context.Context, url string) error {
	r := &rabbitTasks{url: url}
	err := r.Declare(ctx)
	if err != nil {
		return err
	}
	ch, err := r.channel()
	for _, q := range []string{queueWork, queueRetry, queueParked, queueOther} {
		if err == nil {
			_, err = ch.QueuePurge(q, false)
		}
	}
	return errors.Join(err, r.close())
}

func purgeMails(ctx context.Context, endpoint string) error {
	m, err := connectAWS(ctx, endpoint)
	if err != nil {
		return err
	}
	if err := m.Declare(ctx, MailOptions{Visible: visible}); err != nil {
		return err
	}
	_, err = m.sqs.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: &m.queueURL})
	return err
}
