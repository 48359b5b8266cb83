// Package kafka taps and publishes on Apache Kafka, by IBM/sarama.
//
// A tap reads the partitions by itself: no consumer group, no commit, nothing
// created. It fetches through sarama's Broker and not through its Consumer,
// because CatchUp has to know how far the tap has read beyond what it showed:
// control records and aborted transactions are never shown.
//
//	Tapper.Tap ─ metadata, start offsets ─→ one partition each
//	keeper: new partitions, lost leaders, topics made anew ─→ partitions to readers
//	reader, one per leading broker: Fetch → sift → Observation → Events
//	CatchUp: the ends by the brokers' word ─ waits for the readers to pass them
//
// A publisher is sarama's AsyncProducer, idempotent, acknowledged by all
// replicas in sync.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
)

// clientID is the name that brokers see in their logs, metrics and quotas.
const clientID = "flowcheck"

// Adapter is the adapter for Kafka, from 0.11 on.
func Adapter() brokers.Adapter {
	return brokers.Adapter{
		Kind:        "kafka",
		Schemes:     []string{"kafka"},
		Check:       check,
		CheckConfig: checkConfig,
		OpenTapper: func(ctx context.Context, cfg brokers.Config) (brokers.Tapper, error) {
			return openTapper(ctx, cfg, usual())
		},
		OpenPublisher: func(ctx context.Context, cfg brokers.Config) (brokers.Publisher, error) {
			return openPublisher(ctx, cfg, usual())
		},
	}
}

// tuning is what tests change. usual is what users get.
type tuning struct {
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
	connect  time.Duration // for one connection
	open     time.Duration // for OpenTapper and OpenPublisher, where ctx allows more
	poll     time.Duration // how long a fetch waits at the broker for a message
	refresh  time.Duration // between two looks for new partitions
	absent   time.Duration // how long a topic is away before it counts as deleted
	patience time.Duration // of CatchUp, for an open transaction
	outage   time.Duration // of CatchUp, for a broker that does not answer
}

func usual() tuning {
	dialer := &net.Dialer{KeepAlive: 15 * time.Second}
	return tuning{
		dial:     dialer.DialContext,
		connect:  5 * time.Second,
		open:     10 * time.Second,
		poll:     250 * time.Millisecond,
		refresh:  5 * time.Second,
		absent:   3 * time.Second,
		patience: time.Second,
		outage:   10 * time.Second,
	}
}

// topicName is what Kafka allows (org.apache.kafka.common.internals.Topic).
var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// check reports what is wrong with a channel on Kafka.
func check(ch brokers.Channel) error {
	var errs []error
	if ch.Topic == "" && ch.Reply != "" {
		errs = append(errs, errors.New("flowcheck makes no topics: name the topic of the replies beside reply: true"))
	} else if ch.Topic == "" {
		errs = append(errs, errors.New("a channel on kafka needs a topic"))
	} else if !topicName.MatchString(ch.Topic) || ch.Topic == "." || ch.Topic == ".." {
		errs = append(errs, fmt.Errorf("%q is no topic name: up to 249 of a-z A-Z 0-9 . _ -", ch.Topic))
	}
	for _, no := range []struct {
		set bool
		key string
	}{
		{ch.Exchange != "", "exchange"},
		{len(ch.RoutingKeys) > 0, "routing-key"},
		{ch.Queue != "", "queue"},
		{ch.Stream != "", "stream"},
		{ch.SNS != "", "sns"},
		{ch.SQS != "", "sqs"},
		{ch.Firehose, "tap: firehose"},
		{ch.Intrusive, "intrusive"},
		{ch.Envelope, "envelope"},
	} {
		if no.set {
			errs = append(errs, fmt.Errorf("kafka has no %s: a channel there is a topic", no.key))
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("channel %s: %w", ch.Name, errors.Join(errs...))
	}
	return nil
}
