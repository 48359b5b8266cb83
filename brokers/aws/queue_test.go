package aws

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// onBoth runs a test on each emulator of SQS.
func onBoth(t *testing.T, test func(t *testing.T, e *emulator)) {
	t.Run("ministack", func(t *testing.T) { test(t, ministack(t)) })
	t.Run("elasticmq", func(t *testing.T) { test(t, elasticMQ(t)) })
}

func TestPlainQueueIsNotTappable(t *testing.T) {
	onBoth(t, func(t *testing.T, e *emulator) {
		name := fresh("work")
		url := e.queue(t, name, nil)
		for _, ref := range []string{name, url, "arn:aws:sqs:eu-west-1:000000000000:" + name} {
			_, err := e.tapper(t).Tap(timeout(t), brokers.TapConfig{
				Channels: []brokers.Channel{{Name: "work", SQS: ref}}, Events: make(chan message.Event),
			})
			if !errors.Is(err, brokers.ErrNotTappable) || !strings.Contains(err.Error(), "intrusive: true") {
				t.Errorf("%s: %v", ref, err)
			}
		}
	})
}

func TestDeadLettersByRedrivePolicy(t *testing.T) {
	onBoth(t, func(t *testing.T, e *emulator) {
		deadName, workName := fresh("dead"), fresh("work")
		dead := e.queue(t, deadName, nil)
		work := e.queue(t, workName, map[string]string{
			"VisibilityTimeout": "0",
			"RedrivePolicy":     asJSON(t, map[string]any{"deadLetterTargetArn": e.arnOf(t, dead), "maxReceiveCount": 2}),
		})
		ch := brokers.Channel{Name: "dead", SQS: deadName, Intrusive: true}
		w := e.arm(t, ch)
		receipt := publish(t, e.publisher(t), brokers.Channel{Name: "work", SQS: workName}, message.Message{
			Headers:    []message.Header{{Name: "traceparent", Value: "00-x"}, {Name: "raw", Value: "\x00\xff"}},
			Properties: map[string]any{"AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793"},
			Payload:    []byte(`{"orderId":"o-1"}`),
		})
		for range 2 {
			e.receive(t, work, 0)
		}
		// The next look at the queue moves the message.
		if _, err := e.s.sqs.ReceiveMessage(timeout(t), &sqs.ReceiveMessageInput{QueueUrl: aws.String(work)}); err != nil {
			t.Fatal(err)
		}
		o := w.take(t, 1)[0]
		if string(o.Payload) != `{"orderId":"o-1"}` || !o.Redelivered || o.Time.IsZero() {
			t.Errorf("payload %s, redelivered %v, time %v", o.Payload, o.Redelivered, o.Time)
		}
		if o.Position != receipt.Position {
			t.Errorf("position %v, sent as %v: both emulators keep the id", o.Position, receipt.Position)
		}
		want := []message.Header{{Name: "raw", Value: "\x00\xff"}, {Name: "traceparent", Value: "00-x"}}
		if diff := cmp.Diff(want, o.Headers); diff != "" {
			t.Error(diff)
		}
		if got := o.Properties[propReceived]; got != "3" {
			t.Errorf("%s is %v", propReceived, got)
		}
		if got, _ := o.Properties["DeadLetterQueueSourceArn"].(string); !strings.HasSuffix(got, ":"+workName) {
			t.Errorf("DeadLetterQueueSourceArn is %q", got)
		}
		if got := o.Properties["AWSTraceHeader"]; got != "Root=1-5759e988-bd862e3fe1be46a994272793" {
			t.Errorf("AWSTraceHeader is %v", got)
		}
		for _, name := range []string{"SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp", "MessageId"} {
			if s, ok := o.Properties[name].(string); !ok || s == "" {
				t.Errorf("property %s is %v", name, o.Properties[name])
			}
		}
		w.rest(t)
		if c, _, err := count(timeout(t), e.s.sqs, dead); err != nil || c.total() != 0 {
			t.Errorf("an intrusive tap consumes, and %+v (%v) are left", c, err)
		}
	})
}

// A dead letter of a queue that is subscribed without raw delivery is an
// envelope; it has to compare equal to what the topic's tap saw.
func TestDeadLetterInAnEnvelopeIsUnwrapped(t *testing.T) {
	e := ministack(t)
	topic, queue := e.topic(t, fresh("mail")), fresh("mails")
	e.subscribe(t, topic, e.queue(t, queue, nil), nil)
	origin := brokers.Channel{Name: "mails", SNS: topic}
	w := e.arm(t, origin, brokers.Channel{Name: "dead", SQS: queue, Intrusive: true})
	publish(t, e.publisher(t), origin, message.Message{Headers: []message.Header{{Name: "a", Value: "b"}}, Payload: []byte("hello")})
	got := w.take(t, 2)
	if diff := cmp.Diff(got[0].Payload, got[1].Payload); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(got[0].Headers, got[1].Headers); diff != "" {
		t.Error(diff)
	}
	if got[0].Position == got[1].Position || got[0].Properties[propMessageID] != got[1].Properties[propMessageID] {
		t.Errorf("positions %v and %v, ids %v and %v", got[0].Position, got[1].Position, got[0].Properties, got[1].Properties)
	}
}

func TestIntrusiveTapSaysThatTheQueueIsNotEmpty(t *testing.T) {
	e := elasticMQ(t)
	var log strings.Builder
	e.cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	ch := brokers.Channel{Name: "dead", SQS: fresh("dead"), Intrusive: true}
	e.queue(t, ch.SQS, nil)
	publish(t, e.publisher(t), ch, text("from yesterday"))
	w := e.arm(t, ch)
	if got := bodies(w.take(t, 1)); got[0] != "from yesterday" {
		t.Errorf("%q", got)
	}
	if err := w.tap.Close(timeout(t)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "not empty") || !strings.Contains(log.String(), "messages=1") {
		t.Errorf("log: %s", log.String())
	}
}

// What a closing intrusive tap holds and nobody took goes back to the queue at
// once.
func TestIntrusiveTapGivesBackWhatNobodyTook(t *testing.T) {
	onBoth(t, func(t *testing.T, e *emulator) {
		ch := brokers.Channel{Name: "dead", SQS: fresh("dead"), Intrusive: true}
		url := e.queue(t, ch.SQS, nil)
		p := e.publisher(t)
		for range 5 {
			publish(t, p, ch, text("x"))
		}
		events := make(chan message.Event)
		made, err := e.tapper(t).Tap(timeout(t), brokers.TapConfig{Channels: []brokers.Channel{ch}, Events: events})
		if err != nil {
			t.Fatal(err)
		}
		<-events
		<-events
		if err := made.Close(timeout(t)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "three of five go back", func() string {
			c, _, err := count(timeout(t), e.s.sqs, url)
			if err != nil || c != (counts{waiting: 3}) {
				return asJSON(t, c.total()) + " are there"
			}
			return ""
		})
	})
}

func TestTwoChannelsOnOneIntrusiveQueue(t *testing.T) {
	e := elasticMQ(t)
	name := fresh("dead")
	url := e.queue(t, name, nil)
	_, err := e.tapper(t).Tap(timeout(t), brokers.TapConfig{
		Channels: []brokers.Channel{{Name: "a", SQS: name, Intrusive: true}, {Name: "b", SQS: url, Intrusive: true}},
		Events:   make(chan message.Event),
	})
	if err == nil || !strings.Contains(err.Error(), "channel a consumes queue "+name) {
		t.Error(err)
	}
}

func TestFIFOQueueKeepsTheOrderOfEachGroup(t *testing.T) {
	onBoth(t, func(t *testing.T, e *emulator) {
		ch := brokers.Channel{Name: "orders", SQS: fresh("orders") + fifoSuffix, Intrusive: true}
		e.queue(t, ch.SQS, nil)
		p := e.publisher(t)
		w := e.arm(t, ch)
		want := map[string]string{}
		for i := range 40 {
			group := string(rune('a' + i%3))
			want[group] += string(rune('0' + i))
			publish(t, p, ch, message.Message{Key: []byte(group), Payload: []byte{byte('0' + i)}})
		}
		got := map[string]string{}
		for _, o := range w.take(t, 40) {
			got[string(o.Key)] += string(o.Payload)
			if o.Properties[propGroup] != string(o.Key) || o.Properties[propDedup] == "" || o.Properties[propSequence] == "" {
				t.Fatalf("properties %v", o.Properties)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestFIFOQueueDropsWhatHasTheSameDeduplicationID(t *testing.T) {
	onBoth(t, func(t *testing.T, e *emulator) {
		ch := brokers.Channel{Name: "orders", SQS: fresh("orders") + fifoSuffix, Intrusive: true}
		e.queue(t, ch.SQS, nil)
		p := e.publisher(t)
		w := e.arm(t, ch)
		for _, dedup := range []any{"d-1", "d-1", nil, nil} {
			publish(t, p, ch, message.Message{Key: []byte("g"), Payload: []byte("same"), Properties: map[string]any{"MessageDeduplicationId": dedup}})
		}
		// One of the first two is swallowed, as SQS does; without an id each is a
		// message of its own.
		w.take(t, 3)
		if more := w.rest(t); len(more) > 0 {
			t.Errorf("%d more came", len(more))
		}
	})
}

// A topic tap needs the queue that it made; when somebody deletes that, the loss
// is told.
func TestDeletedTapQueueIsAGap(t *testing.T) {
	e := ministack(t)
	w := e.arm(t, brokers.Channel{Name: "mails", SNS: e.topic(t, fresh("mail"))})
	r := w.tap.readers[0]
	if _, err := e.s.sqs.DeleteQueue(timeout(t), &sqs.DeleteQueueInput{QueueUrl: aws.String(r.url)}); err != nil {
		t.Fatal(err)
	}
	r.die(errors.New("the queue was deleted")) // run does, after the time of grace
	if got := (<-w.events).Mark; got == nil || got.Kind != message.MarkGap || got.Channel != "mails" || got.Seen.IsZero() {
		t.Errorf("mark %+v", got)
	}
	if _, err := w.tap.CatchUp(timeout(t)); err == nil || !strings.Contains(err.Error(), "deleted") {
		t.Errorf("catch-up: %v", err)
	}
	if err := w.tap.Close(timeout(t)); err != nil {
		t.Errorf("close: %v", err)
	}
}

// endpointOf makes a subscription that is no queue's.
func (e *emulator) subscribeURL(t *testing.T, topic string) {
	t.Helper()
	_, err := e.s.sns.Subscribe(timeout(t), &sns.SubscribeInput{
		TopicArn: aws.String(topic), Protocol: aws.String("http"), Endpoint: aws.String("http://user:secret@127.0.0.1:1/hook"),
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestQuiet(t *testing.T) {
	e := ministack(t)
	name := fresh("mail")
	topic := e.topic(t, name)
	queue := fresh("mails")
	url := e.queue(t, queue, nil)
	e.subscribe(t, topic, url, nil)
	byTopic, byQueue := brokers.Channel{Name: "mails", SNS: name}, brokers.Channel{Name: "mails", SNS: name, SQS: queue}
	w := e.arm(t, byTopic)
	ask := func(ch brokers.Channel) brokers.Quiescence {
		t.Helper()
		q, err := w.tap.on.Quiet(timeout(t), []brokers.Channel{ch})
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	if q := ask(byTopic); !q.Known || !q.Quiet {
		t.Errorf("before: %+v", q)
	}
	publish(t, e.publisher(t), byTopic, text("x"))
	for _, ch := range []brokers.Channel{byTopic, byQueue} {
		if q := ask(ch); !q.Known || q.Quiet || !strings.Contains(q.Reason, "queue "+queue+": 1 waiting") {
			t.Errorf("waiting: %+v", q)
		}
	}
	m := e.receive(t, url, 30)
	if q := ask(byTopic); !q.Known || q.Quiet || !strings.Contains(q.Reason, "1 in flight") {
		t.Errorf("in flight: %+v", q)
	}
	if _, err := e.s.sqs.DeleteMessage(timeout(t), &sqs.DeleteMessageInput{QueueUrl: aws.String(url), ReceiptHandle: m.ReceiptHandle}); err != nil {
		t.Fatal(err)
	}
	if q := ask(byTopic); !q.Known || !q.Quiet {
		t.Errorf("after: %+v", q)
	}
	e.subscribeURL(t, topic)
	if q := ask(byTopic); q.Known || !strings.Contains(q.Reason, "http") || strings.Contains(q.Reason, "secret") {
		t.Errorf("with an HTTP subscriber: %+v", q)
	}
	if q := ask(byQueue); !q.Known || !q.Quiet {
		t.Errorf("with the queue named: %+v", q)
	}
	if q := ask(brokers.Channel{Name: "nobody", SNS: e.topic(t, fresh("nobody"))}); q.Known || q.Reason == "" {
		t.Errorf("without a subscriber: %+v", q)
	}
}
