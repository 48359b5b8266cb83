package aws

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// armDurable taps as a process would that was there before and has those fences.
func (e *emulator) armDurable(t *testing.T, tp *tapper, ch brokers.Channel, fences []message.Mark) *watch {
	t.Helper()
	events := make(chan message.Event, 1000)
	made, err := tp.Tap(timeout(t), brokers.TapConfig{Channels: []brokers.Channel{ch}, Events: events, Durable: true, Resume: fences})
	if err != nil {
		t.Fatal(err)
	}
	return &watch{tap: made.(*tap), events: events}
}

// ids takes events until there are n ids of messages, and keeps what comes before
// the first so many fences.
func (w *watch) ids(t *testing.T, n, kept int, ids map[string]bool) (fences []message.Mark) {
	t.Helper()
	deadline := time.After(patience)
	for len(ids) < n {
		select {
		case e := <-w.events:
			switch {
			case e.Observation != nil:
				ids[e.Observation.Position.ID] = true
			case e.Mark.Kind == message.MarkFence:
				fences = append(fences, *e.Mark)
				if e.Mark.Kept != nil && len(fences) <= kept {
					e.Mark.Kept()
				}
			default:
				t.Fatalf("a mark: %+v", *e.Mark)
			}
		case <-deadline:
			t.Fatalf("%d of %d messages came", len(ids), n)
		}
	}
	return fences
}

// TestADurableTapDeletesWhatIsKept: what was handed on and not kept comes again to
// the next process, and what came meanwhile, too.
func TestADurableTapDeletesWhatIsKept(t *testing.T) {
	e := ministack(t)
	ch := brokers.Channel{Name: "mails", SNS: e.topic(t, fresh("mail"))}
	p, tp := e.publisher(t), e.tapper(t)
	w := e.armDurable(t, tp, ch, nil)
	for i := range 25 {
		publish(t, p, ch, text(fmt.Sprint(i)))
	}
	first := map[string]bool{}
	fences := w.ids(t, 25, 2, first) // of one batch
	if err := w.tap.Detach(timeout(t)); err != nil {
		t.Fatal(err)
	}
	publish(t, p, ch, text("25"))
	w = e.armDurable(t, tp, ch, fences)
	again := map[string]bool{}
	w.ids(t, 26-batch, 1000, again) // the batch that was kept may have been smaller
	maps.Copy(first, again)
	w.ids(t, 26, 1000, first)
	if err := w.tap.Close(timeout(t)); err != nil {
		t.Fatal(err)
	}
	if queues, subs := e.leftovers(t, tp.cfg.RunID, ch.SNS); len(queues)+subs > 0 {
		t.Fatalf("left: %q, %d subscriptions", queues, subs)
	}
}

// TestADurableQueueThatIsGoneIsAGap: another one takes its place.
func TestADurableQueueThatIsGoneIsAGap(t *testing.T) {
	e := ministack(t)
	ch := brokers.Channel{Name: "mails", SNS: e.topic(t, fresh("mail"))}
	p, tp := e.publisher(t), e.tapper(t)
	w := e.armDurable(t, tp, ch, nil)
	publish(t, p, ch, text("0"))
	fences := w.ids(t, 1, 9, map[string]bool{})
	if err := w.tap.Detach(timeout(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := e.s.sqs.DeleteQueue(timeout(t), &sqs.DeleteQueueInput{QueueUrl: aws.String(fences[0].ID)}); err != nil {
		t.Fatal(err)
	}
	w = e.armDurable(t, tp, ch, fences)
	gap := <-w.events
	if gap.Mark == nil || gap.Mark.Kind != message.MarkGap {
		t.Fatalf("first came %+v", gap)
	}
	publish(t, p, ch, text("1"))
	ids := map[string]bool{}
	if after := w.ids(t, 1, 9, ids); len(after) == 0 || slices.ContainsFunc(fences, func(m message.Mark) bool { return m.ID == after[0].ID }) {
		t.Fatalf("the fences are %+v", after)
	}
	if err := w.tap.Close(timeout(t)); err != nil {
		t.Fatal(err)
	}
}
