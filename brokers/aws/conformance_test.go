package aws

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/brokertest"
	"github.com/flowcheck/flowcheck/internal/testbroker"
	"github.com/flowcheck/flowcheck/message"
)

// claims are what SNS and SQS carry, on AWS as on the emulators.
func claims() brokertest.Claims {
	return brokertest.Claims{
		BrokerTime: true, Positions: message.Opaque, Receipts: true, BinaryHeaders: true, Quiet: true, Identity: true,
	}
}

// nobody listens there: the port is one that only root may use.
func unreachableConfig() brokers.Config {
	cfg := configAt("http://127.0.0.1:1")
	cfg.RunID = ""
	return cfg
}

func TestTopicOnMinistack(t *testing.T) {
	e := ministackIn(t, "topic-conformance-1")
	c := claims()
	c.MaxMessage = 256 << 10
	brokertest.Run(t, brokertest.Subject{
		Adapter: Adapter(), Config: e.cfg, Unreachable: unreachableConfig(), Refused: strictMinistack(t).wrong,
		NewChannel:  e.newTopicChannel,
		NewConsumer: e.newTopicConsumer,
		Untappable: func(t testing.TB) []brokers.Channel {
			name := fresh("plain")
			return []brokers.Channel{{SQS: name}, {SQS: e.queue(t, name, nil)}}
		},
		Observe: e.observe,
		Claims:  c,
		Unserved: map[string]string{
			"binary-headers": "its envelope leaves the values of Binary attributes out",
		},
	})
}

// An intrusive tap is the consumer of its queue: what the suite asks of a tap
// beside other readers is not for it.
var intrusiveUnserved = map[string]string{
	"starts-at-end":      "an intrusive tap consumes and shows what is in its queue already: SQS cannot tell it from what comes later",
	"two-taps":           "an intrusive tap is the queue's one consumer",
	"competing-consumer": "an intrusive tap is the queue's one consumer",
	"quiet":              "an intrusive tap is the queue's one consumer: no other can take messages beside it",
	"undisturbed":        "an intrusive tap consumes: its channel said that it may",
}

func queueSubject(t *testing.T, e *emulator) brokertest.Subject {
	c := claims()
	c.StartBeginning, c.MaxMessage = true, 1<<20
	return brokertest.Subject{
		Adapter: Adapter(), Config: e.cfg, Unreachable: unreachableConfig(), Refused: strictMinistack(t).wrong,
		NewChannel: e.newQueueChannel,
		Untappable: func(t testing.TB) []brokers.Channel {
			name := fresh("plain")
			return []brokers.Channel{{SQS: name}, {SQS: e.queue(t, name, nil)}}
		},
		Observe:  e.observe,
		Claims:   c,
		Unserved: intrusiveUnserved,
	}
}

func TestIntrusiveQueueOnMinistack(t *testing.T) {
	brokertest.Run(t, queueSubject(t, ministackIn(t, "queue-conformance-1")))
}

func TestIntrusiveQueueOnElasticMQ(t *testing.T) {
	brokertest.Run(t, queueSubject(t, elasticMQ(t)))
}

// newTopicChannel makes a topic; a live one has a queue of the system's.
func (e *emulator) newTopicChannel(t testing.TB, o brokertest.ChannelOptions) brokers.Channel {
	t.Helper()
	name := fresh("topic")
	ch := brokers.Channel{SNS: name}
	if o.State == brokertest.Absent {
		return ch
	}
	topic := e.topic(t, name)
	if o.State == brokertest.Live {
		e.subscribe(t, topic, e.queue(t, name+"-consumer", nil), map[string]string{"RawMessageDelivery": "true"})
	}
	return ch
}

func (e *emulator) newQueueChannel(t testing.TB, o brokertest.ChannelOptions) brokers.Channel {
	t.Helper()
	name := fresh("queue")
	if o.State != brokertest.Absent {
		e.queue(t, name, nil)
	}
	return brokers.Channel{SQS: name, Intrusive: true}
}

// consumer takes messages from a queue of the system.
type consumer struct {
	e   *emulator
	url string
}

func (e *emulator) newTopicConsumer(t testing.TB, ch brokers.Channel) brokertest.Consumer {
	t.Helper()
	out, err := e.s.sqs.GetQueueUrl(timeout(t), &sqs.GetQueueUrlInput{QueueName: aws.String(ch.SNS + "-consumer")})
	if err != nil {
		t.Fatal(err)
	}
	return consumer{e, aws.ToString(out.QueueUrl)}
}

// Take implements brokertest.Consumer.
func (c consumer) Take(t testing.TB, n int) [][]byte {
	t.Helper()
	var got [][]byte
	for range n {
		m := c.e.receive(t, c.url, 30)
		_, err := c.e.s.sqs.DeleteMessage(timeout(t), &sqs.DeleteMessageInput{QueueUrl: aws.String(c.url), ReceiptHandle: m.ReceiptHandle})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, []byte(aws.ToString(m.Body)))
	}
	return got
}

// observe notes all queues, messages, receive counts and subscriptions of the
// emulator's region.
func (e *emulator) observe(t testing.TB) func() {
	t.Helper()
	before := e.snapshot(t)
	return func() {
		t.Helper()
		after := e.snapshot(t)
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("the system has changed: %s", diff)
		}
		for _, line := range after {
			if strings.Contains(line, namePrefix) {
				t.Errorf("left behind: %s", line)
			}
		}
	}
}

// snapshot is what the emulator holds, a line each.
func (e *emulator) snapshot(t testing.TB) []string {
	t.Helper()
	var lines []string
	queues, err := e.s.sqs.ListQueues(timeout(t), &sqs.ListQueuesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range queues.QueueUrls {
		c, _, err := count(timeout(t), e.s.sqs, url)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("queue %s: %+v", url, c))
	}
	if e.cfg.Endpoint == testbroker.Ministack(t) {
		lines = append(lines, e.subscriptionLines(t)...)
		lines = append(lines, e.messageLines(t)...)
	}
	sort.Strings(lines)
	return lines
}

func (e *emulator) subscriptionLines(t testing.TB) []string {
	t.Helper()
	var lines []string
	pages := sns.NewListSubscriptionsPaginator(e.s.sns, &sns.ListSubscriptionsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(timeout(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.Subscriptions {
			lines = append(lines, "subscription "+aws.ToString(s.Endpoint)+" of "+aws.ToString(s.TopicArn))
		}
	}
	return lines
}

// messageLines asks ministack, past SQS, for every message with its receive
// count.
func (e *emulator) messageLines(t testing.TB) []string {
	t.Helper()
	req, err := http.NewRequestWithContext(timeout(t), http.MethodGet, e.cfg.Endpoint+"/_ministack/sqs/messages?region="+e.s.region, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	type received struct {
		MessageID    string `json:"MessageId"`
		ReceiveCount int
		VisibleAt    int64
	}
	var answer struct {
		Messages map[string]map[string]map[string][]received
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	var lines []string
	for _, regions := range answer.Messages {
		for _, queues := range regions {
			for url, messages := range queues {
				for _, m := range messages {
					lines = append(lines, fmt.Sprintf("message %+v in %s", m, url))
				}
			}
		}
	}
	return lines
}
