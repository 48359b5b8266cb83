package memory_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/message"
)

// receive takes the next message of a queue.
func receive(t testing.TB, s *memory.Server, queue string) memory.Received {
	t.Helper()
	r, err := s.Receive(soon(t), queue)
	must(t, err)
	return r
}

// empty fails if the queue has a visible message.
func empty(t testing.TB, s *memory.Server, queue string) {
	t.Helper()
	if r, err := s.Receive(cancelled(), queue); err == nil {
		t.Errorf("%s has a message: %s", queue, r.Payload)
	}
}

func TestVisibility(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := server(memory.Options{})
		must(t, s.CreateSQS("mail", memory.SQSOptions{VisibilityTimeout: 10 * time.Second}))
		id, err := s.Send("mail", text("x"))
		must(t, err)
		first := receive(t, s, "mail")
		empty(t, s, "mail")
		began := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		second, err := s.Receive(ctx, "mail")
		must(t, err)
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("hidden for %s", took)
		}
		if first.ID != id || second.ID != id || first.Count != 1 || second.Count != 2 || !second.Sent.Equal(epoch) {
			t.Errorf("%+v, %+v", first, second)
		}
		wantError(t, s.Delete("mail", first.Handle), "received again or deleted")
		must(t, s.ChangeVisibility("mail", second.Handle, 0))
		third := receive(t, s, "mail")
		must(t, s.Delete("mail", third.Handle))
		wantError(t, s.Delete("mail", third.Handle), "received again or deleted")
		wantError(t, s.ChangeVisibility("mail", "", 0), "received again or deleted")
	})
}

func TestRedrive(t *testing.T) {
	s := server(memory.Options{})
	must(t, s.CreateSQS("dlq", memory.SQSOptions{}))
	must(t, s.CreateSQS("mail", memory.SQSOptions{DeadLetterQueue: "dlq", MaxReceiveCount: 2}))
	id, err := s.Send("mail", text("x"))
	must(t, err)
	for range 2 {
		must(t, s.ChangeVisibility("mail", receive(t, s, "mail").Handle, 0))
	}
	empty(t, s, "mail") // the third receive moves it
	r := receive(t, s, "dlq")
	want := map[string]any{
		"SentTimestamp": "1795341600700", "ApproximateReceiveCount": "1", "ApproximateFirstReceiveTimestamp": "1795341600700",
		"DeadLetterQueueSourceArn": "arn:aws:sqs:memory:000000000000:mail",
	}
	if diff := cmp.Diff(want, r.Properties); diff != "" || r.ID != id {
		t.Errorf("id %s, was %s; properties: %s", r.ID, id, diff)
	}
	wantError(t, s.CreateSQS("other", memory.SQSOptions{DeadLetterQueue: "absent"}), `SQS queue "absent" on memory://test does not exist`)
}

func TestFanOut(t *testing.T) {
	s := server(memory.Options{})
	s.CreateSNS("news")
	for _, name := range []string{"raw", "wrapped"} {
		must(t, s.CreateSQS(name, memory.SQSOptions{}))
		must(t, s.Subscribe("news", name, name == "raw"))
	}
	id, err := s.Notify("news", message.Message{
		Payload: []byte(`{"n":1}`), Headers: []message.Header{{Name: "a", Value: "b"}, {Name: "raw", Value: "\xff"}},
	})
	must(t, err)
	raw := receive(t, s, "raw")
	if string(raw.Payload) != `{"n":1}` || len(raw.Headers) != 2 || raw.ID == id {
		t.Errorf("raw: %+v", raw)
	}
	wrapped := receive(t, s, "wrapped")
	var got map[string]any
	must(t, json.Unmarshal(wrapped.Payload, &got))
	want := map[string]any{
		"Type": "Notification", "MessageId": id, "TopicArn": "arn:aws:sns:memory:000000000000:news", "Message": `{"n":1}`,
		"Timestamp": "2026-11-22T10:00:00.700Z",
		"MessageAttributes": map[string]any{
			"a": map[string]any{"Type": "String", "Value": "b"}, "raw": map[string]any{"Type": "Binary", "Value": "/w=="},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" || len(wrapped.Headers) != 0 {
		t.Errorf("headers %v; envelope: %s", wrapped.Headers, diff)
	}
	wantError(t, s.Subscribe("absent", "raw", true), `SNS topic "absent"`)
	wantError(t, s.Subscribe("news", "absent", true), `SQS queue "absent"`)
	s.DeleteSQS("raw")
	_, err = s.Notify("news", text("again"))
	must(t, err)
	receive(t, s, "wrapped")
	s.DeleteSNS("news")
	_, err = s.Notify("news", text("x"))
	if !errors.Is(err, brokers.ErrAbsent) {
		t.Errorf("Notify: %v", err)
	}
}

func TestWhatSQSTakes(t *testing.T) {
	s := server(memory.Options{MaxMessage: 10})
	must(t, s.CreateSQS("mail", memory.SQSOptions{}))
	many := make([]message.Header, 11)
	for i := range many {
		many[i] = message.Header{Name: string(rune('a' + i)), Value: "v"}
	}
	for part, m := range map[string]message.Message{
		"the body is empty":       text(""),
		"no UTF-8 text":           text("\xff"),
		"is no UTF-8":             text("\x01"),
		"the body is no":          text("\uffff"),
		"11 headers":              {Payload: []byte("x"), Headers: many},
		"message too large":       text("12345678901"),
		`header "empty"`:          {Payload: []byte("x"), Headers: []message.Header{{Name: "empty", Value: ""}}},
		`header "number"`:         {Payload: []byte("x"), Headers: []message.Header{{Name: "number", Value: int64(1)}}},
		`header "twice": an attr`: {Payload: []byte("x"), Headers: []message.Header{{Name: "twice", Value: "1"}, {Name: "twice", Value: "2"}}},
	} {
		_, err := s.Send("mail", m)
		wantError(t, err, part)
	}
	for _, body := range []string{"\t\r\n", "\ufffd", "grün"} {
		if _, err := s.Send("mail", text(body)); err != nil {
			t.Errorf("%q: %v", body, err)
		}
	}
	_, err := s.Send("absent", text("x"))
	wantError(t, err, `SQS queue "absent"`)
	_, err = s.Receive(soon(t), "absent")
	wantError(t, err, `SQS queue "absent"`)
	wantError(t, s.Delete("absent", "1"), `SQS queue "absent"`)
	wantError(t, s.ChangeVisibility("absent", "1", 0), `SQS queue "absent"`)
}
