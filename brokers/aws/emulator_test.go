package aws

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/internal/await"
	"github.com/flowcheck/flowcheck/internal/testbroker"
	"github.com/flowcheck/flowcheck/message"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

// emulator is an emulator of AWS with clients of the system under test.
type emulator struct {
	cfg brokers.Config
	s   *session
}

// ministack is the emulator of SNS and SQS; elasticMQ has SQS alone.
func ministack(t testing.TB) *emulator { return emulatorAt(t, testbroker.Ministack(t)) }
func elasticMQ(t testing.TB) *emulator { return emulatorAt(t, testbroker.ElasticMQ(t)) }

// ministackIn is ministack with a region of the test's own, which nobody else
// sees into.
func ministackIn(t testing.TB, region string) *emulator {
	t.Helper()
	cfg := configAt(testbroker.Ministack(t))
	cfg.URL = "aws://" + region
	return emulatorOf(t, cfg)
}

func emulatorAt(t testing.TB, endpoint string) *emulator { return emulatorOf(t, configAt(endpoint)) }

func emulatorOf(t testing.TB, cfg brokers.Config) *emulator {
	t.Helper()
	s, err := connect(timeout(t), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.disconnect)
	return &emulator{cfg: cfg, s: s}
}

func configAt(endpoint string) brokers.Config {
	return brokers.Config{
		Name: "cloud", URL: "aws://eu-west-1", Endpoint: endpoint, Username: "test", Password: "not-so-secret",
		RunID: "t" + strings.ReplaceAll(uuid.NewString(), "-", "")[:10], Log: slog.New(slog.DiscardHandler),
	}
}

// timeout is a context that ends when the tests' patience does.
func timeout(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	t.Cleanup(cancel)
	return ctx
}

// fresh is a name that nobody has.
func fresh(stem string) string { return stem + "-" + uuid.NewString()[:8] }

// topic makes a topic and returns its ARN.
func (e *emulator) topic(t testing.TB, name string) string {
	t.Helper()
	in := &sns.CreateTopicInput{Name: aws.String(name)}
	if isFIFO(name) {
		in.Attributes = map[string]string{"FifoTopic": "true"}
	}
	out, err := e.s.sns.CreateTopic(timeout(t), in)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = e.s.sns.DeleteTopic(timeout(t), &sns.DeleteTopicInput{TopicArn: out.TopicArn}) })
	return aws.ToString(out.TopicArn)
}

// queue makes a queue of the system and returns its URL.
func (e *emulator) queue(t testing.TB, name string, attributes map[string]string) string {
	t.Helper()
	all := map[string]string{}
	if isFIFO(name) {
		all["FifoQueue"] = "true"
	}
	for k, v := range attributes {
		all[k] = v
	}
	out, err := e.s.sqs.CreateQueue(timeout(t), &sqs.CreateQueueInput{QueueName: aws.String(name), Attributes: all})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = e.s.sqs.DeleteQueue(timeout(t), &sqs.DeleteQueueInput{QueueUrl: out.QueueUrl}) })
	return aws.ToString(out.QueueUrl)
}

// arnOf asks for the ARN of a queue.
func (e *emulator) arnOf(t testing.TB, url string) string {
	t.Helper()
	out, err := e.s.sqs.GetQueueAttributes(timeout(t), &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(url), AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Attributes["QueueArn"]
}

// subscribe subscribes a queue of the system to a topic.
func (e *emulator) subscribe(t testing.TB, topic, url string, attributes map[string]string) {
	t.Helper()
	_, err := e.s.sns.Subscribe(timeout(t), &sns.SubscribeInput{
		TopicArn: aws.String(topic), Protocol: aws.String("sqs"), Endpoint: aws.String(e.arnOf(t, url)), Attributes: attributes,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// receive takes the next message from a queue of the system and leaves it there.
func (e *emulator) receive(t testing.TB, url string, hide int32) sqstypes.Message {
	t.Helper()
	out, err := e.s.sqs.ReceiveMessage(timeout(t), &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(url), MaxNumberOfMessages: 1, WaitTimeSeconds: 5, VisibilityTimeout: hide,
		MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameAll},
		MessageAttributeNames:       []string{"All"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Messages) != 1 {
		t.Fatalf("%d messages in %s", len(out.Messages), url)
	}
	return out.Messages[0]
}

// leftovers are the names of the queues that flowcheck made for a run, and the
// number of subscriptions of the topic that lead to any queue of flowcheck's.
func (e *emulator) leftovers(t testing.TB, run, topic string) (queues []string, subscriptions int) {
	t.Helper()
	out, err := e.s.sqs.ListQueues(timeout(t), &sqs.ListQueuesInput{QueueNamePrefix: aws.String(namePrefix + run)})
	if err != nil {
		t.Fatal(err)
	}
	if topic == "" {
		return out.QueueUrls, 0
	}
	subs, err := e.s.sns.ListSubscriptionsByTopic(timeout(t), &sns.ListSubscriptionsByTopicInput{TopicArn: aws.String(topic)})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range subs.Subscriptions {
		if strings.Contains(aws.ToString(s.Endpoint), ":"+namePrefix) {
			subscriptions++
		}
	}
	return out.QueueUrls, subscriptions
}

// tapper connects a tapper that is closed at the end.
func (e *emulator) tapper(t testing.TB) *tapper {
	t.Helper()
	opened, err := openTapper(timeout(t), e.cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Errorf("closing the tapper: %v", err)
		}
	})
	return opened.(*tapper)
}

// publisher connects a publisher.
func (e *emulator) publisher(t testing.TB) brokers.Publisher {
	t.Helper()
	p, err := openPublisher(timeout(t), e.cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// watch is an armed tap.
type watch struct {
	tap    *tap
	events chan message.Event
}

// arm taps channels from their ends.
func (e *emulator) arm(t testing.TB, channels ...brokers.Channel) *watch {
	t.Helper()
	events := make(chan message.Event, 1000)
	made, err := e.tapper(t).Tap(timeout(t), brokers.TapConfig{Channels: channels, Events: events})
	if err != nil {
		t.Fatal(err)
	}
	return &watch{tap: made.(*tap), events: events}
}

// take receives the next n observations.
func (w *watch) take(t testing.TB, n int) []*message.Observation {
	t.Helper()
	var got []*message.Observation
	deadline := time.After(patience)
	for len(got) < n {
		select {
		case e := <-w.events:
			if e.Mark != nil {
				t.Fatalf("a mark where nothing was lost: %+v", *e.Mark)
			}
			got = append(got, e.Observation)
		case <-deadline:
			t.Fatalf("%d of %d messages came", len(got), n)
		}
	}
	return got
}

// rest receives what comes until the tap has caught up.
func (w *watch) rest(t testing.TB) []*message.Observation {
	t.Helper()
	if _, err := w.tap.CatchUp(timeout(t)); err != nil {
		t.Fatal(err)
	}
	return w.take(t, len(w.events))
}

// publish sends a text.
func publish(t testing.TB, p brokers.Publisher, ch brokers.Channel, m message.Message) brokers.Receipt {
	t.Helper()
	receipt, err := p.Publish(timeout(t), ch, brokers.Outgoing{Message: m})
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}

// text is a message with that body.
func text(body string) message.Message { return message.Message{Payload: []byte(body)} }

// bodies are the payloads as text.
func bodies(observations []*message.Observation) []string {
	var all []string
	for _, o := range observations {
		all = append(all, string(o.Payload))
	}
	return all
}

// eventually asks until the answer is "", and fails with the last one.
func eventually(t testing.TB, what string, ask func() string) {
	t.Helper()
	await.Silence(t, what, ask)
}

// asJSON is v as JSON.
func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// strict is a ministack that looks at logins and permissions.
type strict struct {
	*emulator
	wrong brokers.Config // a login that it does not know
}

// strictMinistack starts one for this test.
func strictMinistack(t *testing.T) strict {
	t.Helper()
	t.Setenv("AUTH", "true")
	t.Setenv("AWS_ACCESS_KEY_ID", "root")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "root-secret")
	own := testbroker.OwnMinistack(t)
	cfg := configAt(own.URL)
	cfg.Username, cfg.Password = "root", "root-secret"
	wrong := configAt(own.URL)
	wrong.Username, wrong.Password, wrong.RunID = "AKIAABCDEFGHIJKLMNOP", "a-secret-of-nobody", ""
	return strict{emulatorOf(t, cfg), wrong}
}
