package deadletter

import (
	"testing"

	"github.com/flowcheck/flowcheck/message"
)

// sane holds whatever is read against what a record may say.
func sane(t *testing.T, m message.Message) Death {
	d, ok := Read(&message.Observation{Message: m})
	if ok == (d.Dialect == "") {
		t.Fatalf("%v: %+v", ok, d)
	}
	if d.Attempts != nil && *d.Attempts < 0 || d.Origin.Partition != nil && *d.Origin.Partition < 0 || d.Origin.Offset != nil && *d.Origin.Offset < 0 {
		t.Fatalf("negative: %+v", d)
	}
	if y := d.At.Year(); !d.At.IsZero() && (y < 0 || y > 9999) {
		t.Fatalf("in the year %d: %+v", y, d)
	}
	rest := Strip(m.Headers)
	if IsCopy(&message.Observation{Message: message.Message{Headers: rest}}) {
		t.Fatalf("stripped, and still a copy: %v", rest)
	}
	return d
}

func FuzzXDeath(f *testing.F) {
	f.Add(`[{"count":1,"reason":"rejected","queue":"q","exchange":"e","time":1763800000,"routing-keys":["k"]}]`, "q", []byte(`{"actor_name":"a","options":{"retries":1}}`))
	f.Add(`[{"count":2,"reason":"expired","queue":"w"},{"count":2,"reason":"rejected","queue":"q"}]`, "", []byte(nil))
	f.Add(`[{"count":1e9,"reason":"delivery_limit","time":{"time":"2026-11-22T10:00:00Z"}}]`, "\x00", []byte("{"))
	f.Fuzz(func(t *testing.T, text, first string, body []byte) {
		m := message.Message{Headers: headers("x-death", text, "x-first-death-queue", first), Payload: body}
		asText := sane(t, m)
		table, err := message.ParseValue(text)
		if err != nil {
			return
		}
		m.Headers[0].Value = table
		if _, isList := table.([]any); isList && sane(t, m).Reason != asText.Reason {
			t.Fatalf("%s: as a table it says %+v, as text %+v", text, sane(t, m), asText)
		}
	})
}

func FuzzRedrive(f *testing.F) {
	f.Add("arn:aws:sqs:eu-west-1:0:q", "4", []byte(`{"KafkaBatchInfo":{"recordsInfo":{"a-0":{}}},"requestContext":{"condition":"c"}}`))
	f.Add("q", "0", []byte(`{"Headers":{"NServiceBus.FailedQ":"q","NServiceBus.TimeOfFailure":"2026-11-22 10:00:00:123456 Z"}}`))
	f.Fuzz(func(t *testing.T, arn, count string, body []byte) {
		sane(t, message.Message{Properties: map[string]any{"DeadLetterQueueSourceArn": arn, "ApproximateReceiveCount": count}, Payload: body})
	})
}

func FuzzSpring(f *testing.F) {
	f.Add("orders", "\x00\x00\x00\x03", "\x00\x00\x00\x00\x00\x00\x04\x12", "\x00\x00\x00\x04", "\x03")
	f.Add("", "3", "1042", "", "")
	f.Fuzz(func(t *testing.T, topic, partition, offset, attempts, earlier string) {
		for _, prefix := range []string{"kafka_dlt-original-", "kafka_original-"} {
			d := sane(t, message.Message{Headers: headers(
				"retry_topic-attempts", earlier, prefix+"topic", topic, prefix+"partition", partition, prefix+"offset", offset,
				"kafka_deliveryAttempt", earlier, "retry_topic-attempts", attempts,
			)})
			if d.Origin.Topic != topic {
				t.Fatalf("got %+v", d)
			}
		}
	})
}

func FuzzXOriginal(f *testing.F) {
	f.Add("orders", "\x00\x00\x00\x03", "\x00\x00\x00\x00\x00\x00\x04\x12")
	f.Add("orders", "3", "1042")
	f.Fuzz(func(t *testing.T, topic, partition, offset string) {
		d := sane(t, message.Message{Headers: headers("x-original-topic", topic, "x-original-partition", partition, "x-original-offset", offset)})
		if d.Origin.Topic != topic {
			t.Fatalf("got %+v", d)
		}
	})
}

func FuzzAnyHeaders(f *testing.F) {
	f.Add(nsbEnvelope, `{"NServiceBus.FailedQ":"q"}`, "MT-Fault-InputAddress", "rabbitmq://h/%zz")
	f.Add("exception-type", "E", "failed-at", "9223372036854775807")
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		sane(t, message.Message{
			Headers: headers(name1, value1, name2, value2, name1, value2), Properties: map[string]any{name1: value1, name2: value2},
		})
	})
}
