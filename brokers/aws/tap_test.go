package aws

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/google/go-cmp/cmp"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

func TestTopicTapUnwrapsTheEnvelope(t *testing.T) {
	e := ministack(t)
	name := fresh("mail")
	topic := e.topic(t, name)
	ch := brokers.Channel{Name: "mails", SNS: name}
	w := e.arm(t, ch)
	began := time.Now().Add(-time.Second)
	receipt := publish(t, e.publisher(t), ch, message.Message{
		Headers:    []message.Header{{Name: "z", Value: "last"}, {Name: "n", Value: int64(7)}, {Name: "a", Value: "first"}},
		Properties: map[string]any{"Subject": "hello"},
		Payload:    []byte(`{"to":"x@example.com"}`),
	})
	o := w.take(t, 1)[0]
	if got := string(o.Payload); got != `{"to":"x@example.com"}` {
		t.Errorf("payload %s", got)
	}
	want := []message.Header{{Name: "a", Value: "first"}, {Name: "n", Value: "7"}, {Name: "z", Value: "last"}}
	if diff := cmp.Diff(want, o.Headers); diff != "" {
		t.Error(diff)
	}
	if o.Position != receipt.Position || o.Position.Kind != message.Opaque {
		t.Errorf("position %v, Publish said %v", o.Position, receipt.Position)
	}
	wantProps := map[string]any{"MessageId": o.Position.ID, "TopicArn": topic, "Subject": "hello"}
	if diff := cmp.Diff(wantProps, o.Properties); diff != "" {
		t.Errorf("properties of the tap's own queue, or too few: %s", diff)
	}
	if o.Time.Before(began) || o.Time.After(time.Now()) || o.Key != nil || o.Redelivered {
		t.Errorf("time %v, key %q, redelivered %v", o.Time, o.Key, o.Redelivered)
	}
}

func TestTopicTapKeepsTheEnvelopeIfAskedTo(t *testing.T) {
	e := ministack(t)
	name := fresh("mail")
	e.topic(t, name)
	ch := brokers.Channel{Name: "mails", SNS: name, Envelope: true}
	w := e.arm(t, ch)
	receipt := publish(t, e.publisher(t), ch, message.Message{
		Headers: []message.Header{{Name: "a", Value: "b"}}, Payload: []byte("hi"),
	})
	o := w.take(t, 1)[0]
	got, ok := parseEnvelope(o.Payload)
	if !ok || *got.Message != "hi" || got.MessageAttributes["a"].Value != "b" {
		t.Errorf("payload %s", o.Payload)
	}
	if o.Position != receipt.Position || len(o.Headers) != 0 {
		t.Errorf("position %v, headers %v", o.Position, o.Headers)
	}
}

// A raw subscription would lose this message on AWS.
func TestTopicTapSeesMoreThanTenAttributes(t *testing.T) {
	e := ministack(t)
	name := fresh("mail")
	e.topic(t, name)
	ch := brokers.Channel{Name: "mails", SNS: name}
	w := e.arm(t, ch)
	m := text("many")
	for _, n := range strings.Split("a b c d e f g h i j k l", " ") {
		m.Headers = append(m.Headers, message.Header{Name: n, Value: n})
	}
	publish(t, e.publisher(t), ch, m)
	o := w.take(t, 1)[0]
	if diff := cmp.Diff(m.Headers, o.Headers); diff != "" {
		t.Error(diff)
	}
	if raw := e.tapSubscription(t, name)["RawMessageDelivery"]; raw == "true" {
		t.Error("the tap asks for raw delivery")
	}
}

// tapSubscription is the one subscription of a topic that leads to a tap.
func (e *emulator) tapSubscription(t *testing.T, topic string) map[string]string {
	t.Helper()
	a, err := e.s.topicARN(timeout(t), topic)
	if err != nil {
		t.Fatal(err)
	}
	all, err := e.s.subscriptions(timeout(t), a)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if strings.Contains(aws.ToString(s.Endpoint), ":"+namePrefix) {
			out, err := e.s.sns.GetSubscriptionAttributes(timeout(t), &sns.GetSubscriptionAttributesInput{SubscriptionArn: s.SubscriptionArn})
			if err != nil {
				t.Fatal(err)
			}
			return out.Attributes
		}
	}
	t.Fatal("the topic has no subscription of a tap")
	return nil
}

func TestTopicTapCopiesTheFilterOfTheNamedQueue(t *testing.T) {
	e := ministack(t)
	for _, tt := range []struct {
		name       string
		attributes map[string]string
		want       []string
	}{
		{"attributes", map[string]string{"FilterPolicy": `{"kind":["in"]}`}, []string{`{"kind":"out"}`}},
		{"body", map[string]string{"FilterPolicy": `{"kind":["in"]}`, "FilterPolicyScope": "MessageBody"}, []string{`{"kind":"in"}`}},
		{"none", nil, []string{`{"kind":"in"}`, `{"kind":"out"}`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name, queue := fresh("mail"), fresh("mails")
			topic := e.topic(t, name)
			e.subscribe(t, topic, e.queue(t, fresh("other"), nil), map[string]string{"FilterPolicy": `{"kind":["nothing"]}`})
			e.subscribe(t, topic, e.queue(t, queue, nil), tt.attributes)
			ch := brokers.Channel{Name: "mails", SNS: topic, SQS: queue}
			w := e.arm(t, ch)
			p := e.publisher(t)
			// What the attribute says is the opposite of what the body says.
			publish(t, p, ch, message.Message{Headers: []message.Header{{Name: "kind", Value: "out"}}, Payload: []byte(`{"kind":"in"}`)})
			publish(t, p, ch, message.Message{Headers: []message.Header{{Name: "kind", Value: "in"}}, Payload: []byte(`{"kind":"out"}`)})
			if diff := cmp.Diff(tt.want, bodies(w.rest(t))); diff != "" {
				t.Error(diff)
			}
			got := e.tapSubscription(t, topic)
			for _, a := range filterAttributes {
				if got[a] != tt.attributes[a] {
					t.Errorf("%s is %q, the system's %q", a, got[a], tt.attributes[a])
				}
			}
		})
	}
}

func TestTopicTapOfAQueueThatIsNotSubscribed(t *testing.T) {
	e := ministack(t)
	topic, queue := e.topic(t, fresh("mail")), fresh("mails")
	e.queue(t, queue, nil)
	_, err := e.tapper(t).Tap(timeout(t), brokers.TapConfig{
		Channels: []brokers.Channel{{Name: "mails", SNS: topic, SQS: queue}}, Events: make(chan message.Event),
	})
	if !errors.Is(err, brokers.ErrAbsent) || !strings.Contains(err.Error(), queue) {
		t.Error(err)
	}
}

func TestFIFOTopicIsTappedByAFIFOQueueInOrder(t *testing.T) {
	e := ministack(t)
	name := fresh("orders") + fifoSuffix
	e.topic(t, name)
	ch := brokers.Channel{Name: "orders", SNS: name}
	w := e.arm(t, ch)
	if queue := w.tap.current()[0].queue; !strings.HasSuffix(queue, fifoSuffix) {
		t.Errorf("the tap's queue is %s", queue)
	}
	e.hasAttributes(t, w.tap.current()[0].queue, map[string]string{
		"FifoQueue": "true", "DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId", "ContentBasedDeduplication": "true",
	})
	p := e.publisher(t)
	var want []string
	for i := range 25 {
		body := strings.Repeat("x", i+1)
		want = append(want, body)
		publish(t, p, ch, message.Message{Key: []byte("account-1"), Payload: []byte(body), Properties: map[string]any{"MessageDeduplicationId": body}})
	}
	got := w.take(t, 25)
	if diff := cmp.Diff(want, bodies(got)); diff != "" {
		t.Error(diff)
	}
	if string(got[3].Key) != "account-1" || got[3].Properties["MessageGroupId"] != "account-1" || got[3].Properties["MessageDeduplicationId"] != "xxxx" {
		t.Errorf("key %q, properties %v", got[3].Key, got[3].Properties)
	}
}

func TestTopicTapLeavesTheSystemsQueueAlone(t *testing.T) {
	e := ministack(t)
	name := fresh("mail")
	topic := e.topic(t, name)
	dead := e.queue(t, fresh("dead"), nil)
	url := e.queue(t, fresh("mails"), map[string]string{
		"RedrivePolicy": asJSON(t, map[string]any{"deadLetterTargetArn": e.arnOf(t, dead), "maxReceiveCount": 1}),
	})
	e.subscribe(t, topic, url, nil)
	ch := brokers.Channel{Name: "mails", SNS: name}
	w := e.arm(t, ch)
	p := e.publisher(t)
	for range 12 {
		publish(t, p, ch, text("hello"))
	}
	w.take(t, 12)
	w.rest(t)
	if err := w.tap.Close(timeout(t)); err != nil {
		t.Fatal(err)
	}
	c, _, err := count(timeout(t), e.s.sqs, url)
	if err != nil || c != (counts{waiting: 12}) {
		t.Errorf("the system's queue has %+v (%v), 12 waiting were to be there", c, err)
	}
	if got := e.receive(t, url, 30).Attributes[propReceived]; got != "1" {
		t.Errorf("the system's first receive counts as number %s", got)
	}
	if c, _, err := count(timeout(t), e.s.sqs, dead); err != nil || c.total() != 0 {
		t.Errorf("dead letters: %+v (%v)", c, err)
	}
}

// On AWS nothing proves that a subscription delivers already, or that all has
// come; the tap says so. (This is ministack, taken for AWS.)
func TestTapSaysWhatItCannotProveOnAWS(t *testing.T) {
	e := ministack(t)
	var log strings.Builder
	e.cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	name, dead := fresh("mail"), fresh("dead")
	e.topic(t, name)
	e.queue(t, dead, nil)
	tapper := e.tapper(t)
	tapper.real = true
	events := make(chan message.Event, 10)
	made, err := tapper.Tap(timeout(t), brokers.TapConfig{Events: events, Channels: []brokers.Channel{
		{Name: "mails", SNS: name}, {Name: "dead", SQS: dead, Intrusive: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "AWS does not say when it delivers") || strings.Count(log.String(), "level=WARN") != 1 {
		t.Errorf("log: %s", log.String())
	}
	p := e.publisher(t)
	publish(t, p, brokers.Channel{Name: "mails", SNS: name}, text("x"))
	publish(t, p, brokers.Channel{Name: "dead", SQS: dead}, text("y"))
	caught, err := made.CatchUp(timeout(t))
	if err != nil || caught.Exact || !strings.Contains(caught.Reason, "when a new subscription takes effect") {
		t.Errorf("%+v (%v)", caught, err)
	}
	if len(events) != 2 {
		t.Errorf("%d events", len(events))
	}
	if err := made.Close(timeout(t)); err != nil {
		t.Error(err)
	}
}

func TestTopicOfAnotherAccount(t *testing.T) {
	theirs := ministack(t).cfg
	theirs.Username = "111111111111" // ministack takes such a key for the account
	owner := emulatorOf(t, theirs)
	e := ministack(t)
	topic := owner.topic(t, fresh("mail"))
	if !strings.Contains(topic, ":111111111111:") {
		t.Fatalf("the topic is %s", topic)
	}
	w := e.arm(t, brokers.Channel{Name: "mails", SNS: topic})
	publish(t, owner.publisher(t), brokers.Channel{Name: "mails", SNS: topic}, text("x"))
	if got := bodies(w.take(t, 1)); got[0] != "x" {
		t.Errorf("%q", got)
	}
	if err := w.tap.Close(timeout(t)); err != nil {
		t.Fatal(err)
	}
	if queues, subs := owner.leftovers(t, "", topic); len(queues) != 0 || subs != 0 {
		t.Errorf("queues %v and %d subscriptions are left with the other", queues, subs)
	}
}

func TestTopicsOfAnotherRegionWantTheirOwnBroker(t *testing.T) {
	e := ministack(t)
	for _, ch := range []brokers.Channel{
		{Name: "c", SNS: "arn:aws:sns:us-east-1:000000000000:mail"},
		{Name: "c", SQS: "arn:aws:sqs:us-east-1:000000000000:mails", Intrusive: true},
	} {
		_, err := e.tapper(t).Tap(timeout(t), brokers.TapConfig{Channels: []brokers.Channel{ch}, Events: make(chan message.Event)})
		if err == nil || !strings.Contains(err.Error(), "declare a broker aws://us-east-1") {
			t.Errorf("%v", err)
		}
	}
}
