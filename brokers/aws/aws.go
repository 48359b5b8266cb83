// Package aws is the adapter for Amazon SNS and SQS, and for emulators of them.
//
// A topic is tapped by a queue and a subscription of the tap's own, so that the
// system's queues and their receive counts stay as they are:
//
//	topic → subscription (filter copied) → queue flowcheck-… → reader → message.Event
//
// The subscription asks for SNS's envelope, which the reader unwraps: raw
// delivery discards a message with more than ten attributes, and hides the
// topic's own message id and time. A queue has no honest tap, because a receive
// hides the message and counts; it is read only where its channel says that
// consuming it is allowed.
package aws

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/flowcheck/flowcheck/brokers"
)

// kind is the adapter's short name and its URL scheme.
const kind = "aws"

// Adapter returns the adapter for URLs of the form aws://region, or aws:// for
// the region that the environment names. Config.Endpoint leads to an emulator;
// Config.Username and Config.Password are an access key and its secret, without
// them the SDK's default chain finds the credentials.
func Adapter() brokers.Adapter {
	return brokers.Adapter{
		Kind:          kind,
		Schemes:       []string{kind},
		CheckConfig:   checkConfig,
		Check:         check,
		OpenTapper:    openTapper,
		OpenPublisher: openPublisher,
		Purge:         purge,
	}
}

// check reports what is wrong with a channel without asking AWS.
func check(ch brokers.Channel) error {
	if alien := alienKey(ch); alien != "" {
		return fmt.Errorf("channel %s: %s does not belong on AWS: name an sns topic or an sqs queue", ch.Name, alien)
	}
	switch {
	case ch.SNS == "" && ch.SQS == "":
		return fmt.Errorf("channel %s: name an sns topic or an sqs queue", ch.Name)
	case ch.Intrusive && ch.SNS != "":
		return fmt.Errorf("channel %s: intrusive is for a queue alone: a topic is tapped without disturbing anybody", ch.Name)
	case ch.Envelope && ch.SNS == "" && !ch.Intrusive:
		return fmt.Errorf("channel %s: envelope is for what is tapped: an sns topic, or an intrusive sqs queue", ch.Name)
	}
	if ch.SNS != "" {
		if err := checkTopic(ch.SNS); err != nil {
			return fmt.Errorf("channel %s: sns: %w", ch.Name, err)
		}
	}
	if ch.SQS != "" {
		if _, err := parseQueue(ch.SQS); err != nil {
			return fmt.Errorf("channel %s: sqs: %w", ch.Name, err)
		}
	}
	return nil
}

// alienKey names a field that other kinds of brokers have, if ch sets one.
func alienKey(ch brokers.Channel) string {
	for _, k := range []struct {
		name string
		set  bool
	}{
		{"topic", ch.Topic != ""},
		{"exchange", ch.Exchange != ""},
		{"routing-key", len(ch.RoutingKeys) > 0},
		{"queue", ch.Queue != ""},
		{"stream", ch.Stream != ""},
		{"tap: firehose", ch.Firehose},
		{"reply", ch.Reply != ""},
	} {
		if k.set {
			return k.name
		}
	}
	return ""
}

// checkTopic reports what is wrong with a topic's name or ARN.
func checkTopic(ref string) error {
	if !arn.IsARN(ref) {
		return checkName(ref, maxTopicName)
	}
	a, err := arn.Parse(ref)
	if err != nil || a.Service != "sns" || a.Region == "" || a.AccountID == "" || strings.Contains(a.Resource, ":") {
		return fmt.Errorf("%q is no ARN of a topic: arn:aws:sns:region:account:name", ref)
	}
	return checkName(a.Resource, maxTopicName)
}

// The longest names that SNS and SQS take, .fifo included.
const (
	maxTopicName = 256
	maxQueueName = 80
)

// fifoSuffix ends the name of each FIFO topic and queue, and of no other.
const fifoSuffix = ".fifo"

// checkName reports what is wrong with the name of a topic or queue.
func checkName(name string, longest int) error {
	switch {
	case name == "" || name == fifoSuffix:
		return errors.New("the name is empty")
	case len(name) > longest:
		return fmt.Errorf("the name %.20s… has %d characters, at most %d are allowed", name, len(name), longest)
	}
	for _, r := range strings.TrimSuffix(name, fifoSuffix) {
		if !nameRune(r) {
			return fmt.Errorf("the name %q has %q in it: letters, digits, - and _ are allowed, and .fifo at the end", name, r)
		}
	}
	return nil
}

// nameRune tells whether the name of a topic or queue may hold r.
func nameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}
