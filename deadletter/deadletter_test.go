package deadletter

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flowcheck/flowcheck/message"
)

// golden is what a framework writes, and what it means.
type golden struct {
	name       string
	headers    []message.Header
	properties map[string]any
	body       string
	want       Death
	// stays are the headers that Strip leaves; all others are failure headers.
	stays []string
	// notCopy: the record is no copy of a message, or cannot be told by headers.
	notCopy bool
}

func check(t *testing.T, cases []golden) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := &message.Observation{Message: message.Message{Headers: c.headers, Properties: c.properties, Payload: []byte(c.body)}}
			got, ok := Read(o)
			if !ok {
				t.Fatal("not recognised")
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if IsCopy(o) == c.notCopy {
				t.Errorf("IsCopy says %v", !c.notCopy)
			}
			var stays []string
			for _, h := range Strip(c.headers) {
				stays = append(stays, h.Name)
			}
			if diff := cmp.Diff(c.stays, stays); diff != "" {
				t.Errorf("stripped (-want +got):\n%s", diff)
			}
			if clean := (&message.Observation{Message: message.Message{Headers: Strip(c.headers)}}); IsCopy(clean) {
				t.Error("stripped, and still a copy")
			}
		})
	}
}

// headers makes headers of pairs of a name and a value.
func headers(pairs ...any) []message.Header {
	var all []message.Header
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, message.Header{Name: pairs[i].(string), Value: pairs[i+1]})
	}
	return all
}

func i32(n int32) string { return string(binary.BigEndian.AppendUint32(nil, uint32(n))) }
func i64(n int64) string { return string(binary.BigEndian.AppendUint64(nil, uint64(n))) }

func ptr[T any](v T) *T { return &v }

func utc(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

func topic(name string, partition int32, offset int64) Origin {
	return Origin{Topic: name, Partition: ptr(partition), Offset: ptr(offset)}
}

func TestOrdinaryMessagesAreNoCopies(t *testing.T) {
	for _, h := range [][]message.Header{
		nil,
		headers("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "content-type", "application/json", "", "nameless"),
		headers("kafka_correlationId", "\x00\x01", "kafka_replyTopic", "r", "x-request-id", "1", "retry", "no", "x-delivery-count", int64(1)),
		headers("exception-type", "a business field", "TARGET_ARN", "arn:x", "RequestID", "r"),
		headers("id", "t-1", "root_id", "t-1", "task", "shop.ship", "retries", int64(0)),
		headers("retries", int64(5)),
		headers("NServiceBus.AmazonSQS.Headers", `{"NServiceBus.MessageId":"m-1"}`, "NServiceBus.CorrelationId", "c"),
		headers("CamelRedelivered", true, "CamelRedeliveryCounter", int64(2)),
	} {
		o := &message.Observation{Message: message.Message{
			Headers: h, Properties: map[string]any{"MessageId": "m", "ApproximateReceiveCount": "3"}, Payload: []byte(`{"requestContext":{},"a":1}`),
		}}
		if d, ok := Read(o); ok {
			t.Errorf("%v: read as %+v", h, d)
		}
		if IsCopy(o) {
			t.Errorf("%v: taken for a copy", h)
		}
	}
}

func TestStripTakesCountersAndLeavesTheRest(t *testing.T) {
	before := headers("a", "1", "x-delivery-count", int64(3), "b", "2", "x-acquired-count", int64(3), "CamelRedelivered", true, "a", "3")
	kept := append([]message.Header(nil), before...)
	got := Strip(before)
	if diff := cmp.Diff(headers("a", "1", "b", "2", "a", "3"), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(kept, before); diff != "" {
		t.Errorf("the headers given were changed:\n%s", diff)
	}
	if got := Strip(nil); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestNumbersAreToldByLengthAndCharset(t *testing.T) {
	cases := []struct {
		v    any
		want int64
		ok   bool
	}{
		{"42", 42, true},
		{"1042", 1042, true}, // four bytes, and yet text
		{"12345678", 12345678, true},
		{"-7", -7, true},
		{i32(42), 42, true},
		{i32(-1), -1, true},
		{i64(1042), 1042, true},
		{"\x00\x05", 5, true},
		{"\x03", 3, true},
		{int64(9), 9, true},
		{3.0, 3, true},
		{3.5, 0, false},
		{"", 0, false},
		{"-", '-', true}, // one byte
		{"--", 0x2d2d, true},
		{"---", 0, false},
		{"abc", 0, false},
		{"99999999999999999999", 0, false},
		{nil, 0, false},
		{true, 0, false},
	}
	for _, c := range cases {
		if got, ok := number(c.v); ok != c.ok || ok && got != c.want {
			t.Errorf("%q: got %d %v, want %d %v", c.v, got, ok, c.want, c.ok)
		}
	}
	for _, v := range []any{i32(-1), i64(-1), "-1", i64(1 << 40)} {
		if partition(v) != nil {
			t.Errorf("%q is taken for a partition", v)
		}
	}
	if offset(i64(-1)) != nil || attempts("-1", 0) != nil || attempts(int64(0), -1) != nil || attempts(int64(1)<<40, 0) != nil {
		t.Error("nonsense is taken for an offset or a count")
	}
}

func TestAMessageWithoutFailureHeadersAllocatesNothing(t *testing.T) {
	o := &message.Observation{Message: message.Message{
		Headers: headers("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "ce_id", "1", "x-request-id", "r-1"),
		Payload: []byte(`{"orderId":"o-1"}`),
	}}
	if n := testing.AllocsPerRun(100, func() {
		if _, ok := Read(o); ok || IsCopy(o) {
			t.Fatal("taken for a copy")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkIsCopy(b *testing.B) {
	o := &message.Observation{Message: message.Message{
		Headers: headers("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "content-type", "application/json", "ce_id", "1"),
	}}
	b.ReportAllocs()
	for b.Loop() {
		if IsCopy(o) {
			b.Fatal("taken for a copy")
		}
	}
}

func BenchmarkReadDeath(b *testing.B) {
	o := &message.Observation{Message: message.Message{Headers: deathLoop()}}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := Read(o); !ok {
			b.Fatal("not recognised")
		}
	}
}
