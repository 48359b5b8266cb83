package aws

import (
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/brokers"
)

func TestCheck(t *testing.T) {
	long := strings.Repeat("x", 81)
	for _, tt := range []struct {
		name string
		ch   brokers.Channel
		want string // a part of the error; "" is none
	}{
		{"topic", brokers.Channel{SNS: "mail"}, ""},
		{"FIFO topic", brokers.Channel{SNS: "mail.fifo"}, ""},
		{"topic by ARN", brokers.Channel{SNS: "arn:aws:sns:eu-west-1:123456789012:mail"}, ""},
		{"topic in China", brokers.Channel{SNS: "arn:aws-cn:sns:cn-north-1:123456789012:mail"}, ""},
		{"topic and queue", brokers.Channel{SNS: "mail", SQS: "mails"}, ""},
		{"queue to send to", brokers.Channel{SQS: "mails"}, ""},
		{"queue by ARN", brokers.Channel{SQS: "arn:aws:sqs:eu-west-1:123456789012:mails", Intrusive: true}, ""},
		{"queue by URL", brokers.Channel{SQS: "https://sqs.eu-west-1.amazonaws.com/123456789012/mails"}, ""},
		{"envelope", brokers.Channel{SNS: "mail", Envelope: true}, ""},
		{"nothing", brokers.Channel{}, "name an sns topic or an sqs queue"},
		{"ARN of a queue as topic", brokers.Channel{SNS: "arn:aws:sqs:eu-west-1:123456789012:mails"}, "no ARN of a topic"},
		{"ARN of a subscription", brokers.Channel{SNS: "arn:aws:sns:eu-west-1:123456789012:mail:0-1"}, "no ARN of a topic"},
		{"ARN of a topic as queue", brokers.Channel{SQS: "arn:aws:sns:eu-west-1:123456789012:mail"}, "no ARN of a queue"},
		{"ARN of a topic cut off", brokers.Channel{SNS: "arn:aws:sns:eu-west-1"}, `the name "arn:aws:sns:eu-west-1"`},
		{"URL without account", brokers.Channel{SQS: "https://sqs.eu-west-1.amazonaws.com/mails"}, "no URL of a queue"},
		{"long name", brokers.Channel{SQS: long}, "81 characters, at most 80"},
		{"slash", brokers.Channel{SQS: "a/b"}, `'/'`},
		{"dot", brokers.Channel{SNS: "a.b"}, `'.'`},
		{"suffix alone", brokers.Channel{SNS: ".fifo"}, "empty"},
		{"intrusive topic", brokers.Channel{SNS: "mail", Intrusive: true}, "intrusive is for a queue alone"},
		{"envelope of a queue", brokers.Channel{SQS: "mails", Envelope: true}, "envelope is for what is tapped"},
		{"Kafka", brokers.Channel{SNS: "mail", Topic: "mail"}, "topic does not belong on AWS"},
		{"RabbitMQ", brokers.Channel{SNS: "mail", Firehose: true}, "firehose"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.ch.Name = "mails"
			err := check(tt.ch)
			if (tt.want == "") != (err == nil) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if err != nil && (!strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "channel mails")) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestTapQueueName(t *testing.T) {
	for _, tt := range []struct {
		run, channel string
		fifo         bool
		want         string // up to the random end
	}{
		{"r1", "mails", false, "flowcheck-r1-mails-"},
		{"r1", "mails", true, "flowcheck-r1-mails-"},
		{"", "mails", false, "flowcheck-mails-"},
		{"r1", "kunden/größe", false, "flowcheck-r1-kunden-gr--e-"},
		{"r1", strings.Repeat("x", 100), false, "flowcheck-r1-" + strings.Repeat("x", 58) + "-"},
		{"r1", strings.Repeat("x", 100), true, "flowcheck-r1-" + strings.Repeat("x", 53) + "-"},
	} {
		got := tapQueueName(tt.run, tt.channel, tt.fifo)
		if err := checkName(got, maxQueueName); err != nil {
			t.Error(err)
		}
		stem := strings.TrimSuffix(got, fifoSuffix)
		if isFIFO(got) != tt.fifo || len(stem) < 8 || stem[:len(stem)-8] != tt.want {
			t.Errorf("got %s, want %s…", got, tt.want)
		}
		if again := tapQueueName(tt.run, tt.channel, tt.fifo); again == got {
			t.Errorf("twice the same name: %s", got)
		}
	}
}
