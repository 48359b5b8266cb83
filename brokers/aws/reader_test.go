package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// While nobody takes the events, the messages at hand stay hidden, beyond the
// time for which they were received.
func TestSlowReceiverSeesEachMessageOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, e *emulator) {
		ch := brokers.Channel{Name: "q", SQS: fresh("q"), Intrusive: true}
		url := e.queue(t, ch.SQS, nil)
		p := e.publisher(t)
		for i := range 3 {
			publish(t, p, ch, text(strconv.Itoa(i)))
		}
		events := make(chan message.Event)
		r := &reader{sqs: e.s.sqs, log: e.cfg.Log, channel: ch, url: url, hold: time.Second, events: events}
		r.start()
		t.Cleanup(func() {
			if err := r.close(timeout(t)); err != nil {
				t.Error(err)
			}
		})
		eventually(t, "all are at hand", func() string {
			c, _, err := count(timeout(t), e.s.sqs, url)
			if err != nil || c.inFlight != 3 {
				return fmt.Sprintf("%+v (%v)", c, err)
			}
			return ""
		})
		// Another consumer waits longer than they were hidden for, in vain.
		out, err := e.s.sqs.ReceiveMessage(timeout(t), &sqs.ReceiveMessageInput{QueueUrl: aws.String(url), WaitTimeSeconds: 2})
		if err != nil || len(out.Messages) > 0 {
			t.Errorf("another consumer got %d messages (%v)", len(out.Messages), err)
		}
		seen := map[string]bool{}
		for range 3 {
			o := (<-events).Observation
			seen[string(o.Payload)] = true
			if o.Properties[propReceived] != "1" {
				t.Errorf("%+v", o)
			}
		}
		if len(seen) != 3 {
			t.Errorf("seen %v", seen)
		}
		eventually(t, "all are deleted", func() string {
			c, _, err := count(timeout(t), e.s.sqs, url)
			if err != nil || c.total() != 0 {
				return fmt.Sprintf("%+v (%v)", c, err)
			}
			return ""
		})
	})
}

func TestManyMessagesAreReadSideBySide(t *testing.T) {
	e := ministack(t)
	name := fresh("mail")
	e.topic(t, name)
	ch := brokers.Channel{Name: "mails", SNS: name}
	w := e.arm(t, ch)
	p := e.publisher(t)
	for i := range 300 {
		publish(t, p, ch, text(strconv.Itoa(i)))
	}
	seen := map[string]int{}
	for _, o := range w.take(t, 300) {
		seen[string(o.Payload)]++
	}
	if len(seen) != 300 {
		t.Errorf("%d different ones of 300", len(seen))
	}
	if more := w.rest(t); len(more) != 0 {
		t.Errorf("%d more came", len(more))
	}
}

// sentAt is a message that SQS took so long after the epoch.
func sentAt(d time.Duration) types.Message {
	return types.Message{Attributes: map[string]string{propSent: strconv.FormatInt(d.Milliseconds(), 10)}}
}

func newIdleReader() *reader {
	return &reader{goals: map[*goal]bool{}, atHand: map[*[]types.Message]bool{}}
}

func TestGoalIsReachedWhenOnlyNewerMessagesCome(t *testing.T) {
	old, newer := sentAt(time.Second), sentAt(3*time.Second)
	r := newIdleReader()
	before := r.taken([]types.Message{old}) // at hand when the goal is set
	g := &goal{before: time.UnixMilli(2000), left: 3}
	r.goals[g] = true
	deliver := func(handed int, messages ...types.Message) { r.taken(messages)(handed) }

	deliver(3, old, old, old) // one of them was sent after the call
	for range helpers + 2 {
		deliver(1, newer)
	}
	if g.left != 0 || r.reached(g) {
		t.Errorf("with one at hand: %+v", g)
	}
	before(1)
	if r.reached(g) {
		t.Errorf("just after an old one: %+v", g)
	}
	for range helpers + 1 {
		deliver(1, newer)
	}
	if r.reached(g) {
		t.Errorf("one batch too early: %+v", g)
	}
	deliver(1, newer)
	if !r.reached(g) {
		t.Errorf("all was handed on: %+v", g)
	}
	g.left = 1 // SQS had counted one too many
	for range manyNewer - helpers - 2 {
		deliver(1, newer)
	}
	if r.reached(g) {
		t.Errorf("against the count, too early: %+v", g)
	}
	deliver(1, newer)
	if !r.reached(g) {
		t.Errorf("against the count: %+v", g)
	}
	deliver(0, old) // and was not handed on
	if r.reached(g) {
		t.Errorf("an old one came back: %+v", g)
	}
}

// With a receiver so slow that the queue never empties, a CatchUp returns all
// the same, once what was there has been handed on.
func TestCatchUpWhileMessagesKeepComing(t *testing.T) {
	e := ministack(t)
	ch := brokers.Channel{Name: "mails", SNS: fresh("mail")}
	e.topic(t, ch.SNS)
	events := make(chan message.Event)
	made, err := e.tapper(t).Tap(timeout(t), brokers.TapConfig{Channels: []brokers.Channel{ch}, Events: events})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	p := e.publisher(t)
	for i := range 20 {
		publish(t, p, ch, text(strconv.Itoa(i)))
	}
	go publishEvery(ctx, p, ch, 5*time.Millisecond)
	caught := make(chan error, 1)
	go func() {
		_, err := made.CatchUp(timeout(t))
		caught <- err
	}()
	seen := map[string]bool{}
	slow := time.NewTicker(8 * time.Millisecond)
	defer slow.Stop()
	for done := false; !done; {
		select {
		case err := <-caught:
			done = true
			if err != nil {
				t.Error(err)
			}
		case <-slow.C:
			select {
			case o := <-events:
				seen[string(o.Observation.Payload)] = true
			default:
			}
		}
	}
	for i := range 20 {
		if !seen[strconv.Itoa(i)] {
			t.Errorf("number %d was not handed on", i)
		}
	}
	c, _, err := count(timeout(t), e.s.sqs, made.(*tap).current()[0].queue)
	if err != nil || c.total() == 0 {
		t.Errorf("the queue was to be busy: %+v (%v)", c, err)
	}
}

// publishEvery publishes at a steady rate until ctx ends.
func publishEvery(ctx context.Context, p brokers.Publisher, ch brokers.Channel, d time.Duration) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_, _ = p.Publish(ctx, ch, brokers.Outgoing{Message: text("more")})
		}
	}
}

func TestTapThatIsFarBehindReportsAGap(t *testing.T) {
	now := time.Unix(100000, 0)
	for _, tt := range []struct {
		name     string
		lastRead time.Duration // before now
		sent     time.Duration // before now
		own      bool
		want     bool
	}{
		{"in time", time.Second, time.Minute, true, false},
		{"an old message", time.Second, 55 * time.Minute, true, true},
		{"not read for long", 2 * time.Hour, time.Second, true, true},
		{"the system's queue", 2 * time.Hour, 2 * time.Hour, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			events := make(chan message.Event, 1)
			r := newIdleReader()
			r.channel.Name, r.events, r.stop, r.own, r.retention = "mails", events, make(chan struct{}), tt.own, time.Hour
			r.lastRead = now.Add(-tt.lastRead)
			r.checkAge([]types.Message{sentAt(time.Duration(now.Add(-tt.sent).UnixNano()))}, now)
			if len(events) > 0 != tt.want {
				t.Fatalf("%d marks", len(events))
			}
			if !tt.want {
				return
			}
			if m := (<-events).Mark; m == nil || m.Kind != message.MarkGap || m.Channel != "mails" || !strings.Contains(m.Reason, "1h0m0s") {
				t.Errorf("%+v", m)
			}
		})
	}
}

// trip is a RoundTripper in a func.
type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// body tells whether it was closed.
type body struct {
	io.Reader
	closed bool
}

func (b *body) Close() error {
	b.closed = true
	return nil
}

func TestWholeBodyIsSentFromMemory(t *testing.T) {
	b := &body{Reader: strings.NewReader("hello")}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:1", b)
	if err != nil {
		t.Fatal(err)
	}
	res, err := wholeBody{trip(func(r *http.Request) (*http.Response, error) {
		again, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		for _, from := range []io.Reader{r.Body, again} {
			if got, err := io.ReadAll(from); string(got) != "hello" || err != nil {
				t.Errorf("body %q (%v)", got, err)
			}
		}
		if r == req {
			t.Error("the request itself was changed")
		}
		return nil, context.Canceled
	})}.RoundTrip(req)
	if !errors.Is(err, context.Canceled) || !b.closed {
		t.Errorf("error %v, closed %v", err, b.closed)
	}
	if res != nil {
		res.Body.Close()
	}
}

func TestPlan(t *testing.T) {
	e := ministack(t)
	topic, queue, dead := e.topic(t, fresh("mail")), fresh("mails"), fresh("dead")
	e.subscribe(t, topic, e.queue(t, queue, nil), map[string]string{"FilterPolicy": `{"kind":["in"]}`, "FilterPolicyScope": "MessageBody"})
	e.queue(t, dead, nil)
	tapper := e.tapper(t)
	actions, err := tapper.Plan(timeout(t), brokers.TapConfig{Channels: []brokers.Channel{{Name: "mails", SNS: topic, SQS: queue}, {Name: "dead", SQS: dead, Intrusive: true}}})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, a := range actions {
		all = append(all, a.Verb+" "+a.Object+" ("+a.Permission+")")
	}
	text := strings.Join(all, "\n")
	made := "queue flowcheck-" + e.cfg.RunID + "-mails-…"
	for _, want := range []string{
		"ask topic " + topic + " (sns:GetTopicAttributes)",
		"ask the filter of " + queue,
		"create " + made + " (sqs:CreateQueue",
		"subscribe " + made + " to topic " + topic + `, filter {"kind":["in"]} on MessageBody (sns:Subscribe`,
		"read " + made + " (sqs:GetQueueAttributes, sqs:ReceiveMessage",
		"read queue " + dead + ": its messages are received and DELETED",
		"sqs:ListQueues",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the plan lacks %q:\n%s", want, text)
		}
	}
	durable, err := tapper.Plan(timeout(t), brokers.TapConfig{Durable: true, Channels: []brokers.Channel{{Name: "mails", SNS: topic}}})
	if err != nil || !slices.ContainsFunc(durable, func(a brokers.Action) bool {
		return a.Object == made+", which keeps messages for 24h0m0s and is removed when nobody has read it for as long"
	}) {
		t.Errorf("the plan of a durable tap is %+v (%v)", durable, err)
	}
	if queues, subs := e.leftovers(t, e.cfg.RunID, topic); len(queues) != 0 || subs != 0 {
		t.Errorf("planning made %v and %d subscriptions", queues, subs)
	}
}

func TestIdentify(t *testing.T) {
	for name, e := range map[string]*emulator{"000000000000/eu-west-1": ministack(t), "": elasticMQ(t)} {
		if name == "" {
			name = e.cfg.Endpoint + "/eu-west-1"
		}
		id, err := e.tapper(t).Identify(timeout(t))
		if err != nil || id != (message.BrokerIdentity{Kind: "aws", ID: name}) {
			t.Errorf("%+v (%v), want %s", id, err, name)
		}
	}
}
