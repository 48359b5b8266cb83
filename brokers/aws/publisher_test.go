package aws

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

func TestPublisherRefusesWhatAWSCannotCarry(t *testing.T) {
	e := elasticMQ(t)
	plain := brokers.Channel{Name: "plain", SQS: fresh("plain"), Intrusive: true}
	fifo := brokers.Channel{Name: "fifo", SQS: fresh("fifo") + fifoSuffix, Intrusive: true}
	url := e.queue(t, plain.SQS, nil)
	e.queue(t, fifo.SQS, nil)
	partition := int32(1)
	many := message.Message{Payload: []byte("x")}
	for _, n := range strings.Split("a b c d e f g h i j k", " ") {
		many.Headers = append(many.Headers, message.Header{Name: n, Value: n})
	}
	with := func(v any) message.Message {
		return message.Message{Payload: []byte("x"), Headers: []message.Header{{Name: "h", Value: v}}}
	}
	for _, tt := range []struct {
		name string
		ch   brokers.Channel
		m    brokers.Outgoing
		want string
	}{
		{"tombstone", plain, brokers.Outgoing{}, "no tombstones"},
		{"empty body", plain, brokers.Outgoing{Message: message.Message{Payload: []byte{}}}, "no empty body"},
		{"binary body", plain, brokers.Outgoing{Message: text("ab\x00")}, "byte 2 of the body"},
		{"no UTF-8", plain, brokers.Outgoing{Message: text("ab\xff")}, "byte 2 of the body"},
		{"partition", plain, brokers.Outgoing{Message: text("x"), Partition: &partition}, "no partitions"},
		{"eleven headers", plain, brokers.Outgoing{Message: many}, "11 headers, SQS takes 10"},
		{"empty header", plain, brokers.Outgoing{Message: with("")}, "header h: SNS and SQS take no empty value"},
		{"null header", plain, brokers.Outgoing{Message: with(nil)}, "header h: SNS and SQS have no null"},
		{"table", plain, brokers.Outgoing{Message: with(map[string]any{})}, "no lists and tables"},
		{"twice", plain, brokers.Outgoing{Message: message.Message{
			Payload: []byte("x"), Headers: []message.Header{{Name: "h", Value: "1"}, {Name: "h", Value: "2"}},
		}}, "header h occurs twice"},
		{"no group", fifo, brokers.Outgoing{Message: text("x")}, "needs a message group"},
		{"empty key", fifo, brokers.Outgoing{Message: message.Message{Key: []byte{}, Payload: []byte("x")}}, "the key is the message group"},
		{"number as group", fifo, brokers.Outgoing{Message: message.Message{
			Payload: []byte("x"), Properties: map[string]any{"MessageGroupId": int64(1)},
		}}, "the property MessageGroupId"},
		{"property of AMQP", plain, brokers.Outgoing{Message: message.Message{
			Payload: []byte("x"), Properties: map[string]any{"correlation-id": "c"},
		}}, "no property correlation-id: make it a header"},
		{"no address", brokers.Channel{Name: "nowhere"}, brokers.Outgoing{Message: text("x")}, "name an sns topic or an sqs queue"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := e.publisher(t).Publish(timeout(t), tt.ch, tt.m)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "unknown") {
				t.Errorf("got %v, want … %s …", err, tt.want)
			}
		})
	}
	if c, _, err := count(timeout(t), e.s.sqs, url); err != nil || c.total() != 0 {
		t.Errorf("%+v (%v) came all the same", c, err)
	}
}

func TestPublishedValuesArriveAsText(t *testing.T) {
	onBoth(t, func(t *testing.T, e *emulator) {
		ch := brokers.Channel{Name: "q", SQS: fresh("q"), Intrusive: true}
		e.queue(t, ch.SQS, nil)
		w := e.arm(t, ch)
		publish(t, e.publisher(t), ch, message.Message{Payload: []byte("x"), Headers: []message.Header{
			{Name: "bool", Value: true},
			{Name: "float", Value: 2.5},
			{Name: "int", Value: int64(9007199254740993)},
		}})
		got := map[string]any{}
		for _, h := range w.take(t, 1)[0].Headers {
			got[h.Name] = h.Value
		}
		for name, want := range map[string]string{"bool": "true", "float": "2.5", "int": "9007199254740993"} {
			if got[name] != want {
				t.Errorf("%s is %v", name, got[name])
			}
		}
	})
}

// On a standard queue a message group makes no order: it is what fair queues go
// by. It is the key all the same.
func TestKeyOfAStandardQueueIsItsMessageGroup(t *testing.T) {
	e := ministack(t)
	ch := brokers.Channel{Name: "q", SQS: fresh("q"), Intrusive: true}
	e.queue(t, ch.SQS, nil)
	w := e.arm(t, ch)
	publish(t, e.publisher(t), ch, message.Message{Key: []byte("tenant-1"), Payload: []byte("x")})
	if o := w.take(t, 1)[0]; string(o.Key) != "tenant-1" {
		t.Errorf("key %q", o.Key)
	}
}

func TestPublishToWhatDoesNotExist(t *testing.T) {
	e := ministack(t)
	p := e.publisher(t)
	for _, ch := range []brokers.Channel{
		{Name: "a", SNS: fresh("absent")},
		{Name: "b", SQS: fresh("absent")},
		{Name: "c", SQS: "https://sqs.eu-west-1.amazonaws.com/000000000000/" + fresh("absent")},
	} {
		if _, err := p.Publish(timeout(t), ch, brokers.Outgoing{Message: text("x")}); !errors.Is(err, brokers.ErrAbsent) {
			t.Errorf("%+v: %v", ch, err)
		}
	}
}

// What was seen can be published again as it is.
func TestObservationIsPublishedAgain(t *testing.T) {
	e := ministack(t)
	name := fresh("orders") + fifoSuffix
	e.topic(t, name)
	ch := brokers.Channel{Name: "orders", SNS: name}
	w := e.arm(t, ch)
	p := e.publisher(t)
	publish(t, p, ch, message.Message{
		Key: []byte("g"), Headers: []message.Header{{Name: "a", Value: "b"}}, Payload: []byte("x"), Properties: map[string]any{"Subject": "s"},
	})
	first := w.take(t, 1)[0].Message
	delete(first.Properties, propDedup) // else SNS swallows it
	publish(t, p, ch, first)
	second := w.take(t, 1)[0].Message
	for _, volatile := range []string{propMessageID, propDedup} {
		delete(first.Properties, volatile)
		delete(second.Properties, volatile)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
}
