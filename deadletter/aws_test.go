package deadletter

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flowcheck/flowcheck/message"
)

func TestAWS(t *testing.T) {
	redriven := func(count any) map[string]any {
		return map[string]any{
			"DeadLetterQueueSourceArn": "arn:aws:sqs:eu-west-1:000000000000:mails", "ApproximateReceiveCount": count,
			"SentTimestamp": "1795364925860", "ApproximateFirstReceiveTimestamp": "1795364925900",
		}
	}
	failed := map[string]string{
		"NServiceBus.FailedQ": "mails", "NServiceBus.ExceptionInfo.ExceptionType": "Shop.Refused", "NServiceBus.ExceptionInfo.Message": "no address",
		"NServiceBus.TimeOfFailure": "2026-11-22 10:00:00:123456 Z",
	}
	nsb := Death{
		Dialect: "nservicebus", Origin: Origin{Queue: "mails"}, ErrorClass: "Shop.Refused", ErrorText: "no address", At: utc("2026-11-22T10:00:00.123456Z"),
	}
	nsbJSON := `{"NServiceBus.MessageId":"m-1"`
	for _, name := range []string{"NServiceBus.FailedQ", "NServiceBus.ExceptionInfo.ExceptionType", "NServiceBus.ExceptionInfo.Message", "NServiceBus.TimeOfFailure"} {
		nsbJSON += `,"` + name + `":"` + failed[name] + `"`
	}
	nsbJSON += "}"
	check(t, []golden{
		{
			name: "redrive: three attempts, and this look", properties: redriven("4"), headers: headers("k", "v"), stays: []string{"k"},
			want: Death{Dialect: "sqs", Origin: Origin{Queue: "mails"}, Attempts: ptr(3)},
		},
		{
			name: "redrive by an emulator that counts anew", properties: redriven("1"),
			want: Death{Dialect: "sqs", Origin: Origin{Queue: "mails"}},
		},
		{
			name: "EventBridge",
			headers: headers("ERROR_CODE", "SDK_CLIENT_ERROR", "ERROR_MESSAGE", "no such queue", "EXHAUSTED_RETRY_CONDITION", "MaximumRetryAttempts",
				"RETRY_ATTEMPTS", "2", "RULE_ARN", "arn:aws:events:rule", "TARGET_ARN", "arn:aws:sqs:target", "k", "v"),
			want: Death{
				Dialect: "eventbridge", Attempts: ptr(3), Reason: "MaximumRetryAttempts", ErrorClass: "SDK_CLIENT_ERROR", ErrorText: "no such queue",
			},
			stays: []string{"k"},
		},
		{
			name:    "Lambda, asynchronous",
			headers: headers("RequestID", "r-1", "ErrorCode", "200", "ErrorMessage", "boom", "k", "v"),
			want:    Death{Dialect: "lambda", ErrorClass: "200", ErrorText: "boom"},
			stays:   []string{"k"},
		},
		{
			name: "Lambda, a Kafka batch of one", notCopy: true,
			body: `{"requestContext":{"requestId":"r","functionArn":"arn:f","condition":"RetryAttemptsExhausted","approximateInvokeCount":3},` +
				`"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},"version":"1.0","timestamp":"2019-11-14T00:38:06.021Z",` +
				`"KafkaBatchInfo":{"batchSize":1,"eventSourceArn":"arn:k","recordsInfo":{"my-orders-3":{"firstRecordOffset":"1042","lastRecordOffset":"1042"}}}}`,
			want: Death{
				Dialect: "lambda", Origin: topic("my-orders", 3, 1042), Attempts: ptr(3), Reason: "RetryAttemptsExhausted", ErrorText: "Unhandled",
				At: utc("2019-11-14T00:38:06.021Z"),
			},
		},
		{
			name: "Lambda, two partitions, no response", notCopy: true,
			body: `{"requestContext":{"condition":"MaximumPayloadSizeExceeded"},"responseContext":null,"KafkaBatchInfo":{"recordsInfo":{` +
				`"orders-0":{"firstRecordOffset":1,"lastRecordOffset":2},"orders-1":{"firstRecordOffset":1,"lastRecordOffset":2}}}}`,
			want: Death{Dialect: "lambda", Reason: "MaximumPayloadSizeExceeded"},
		},
		{
			name: "Lambda, a batch of several", notCopy: true,
			body: `{"requestContext":{"condition":"RetryAttemptsExhausted"},"KafkaBatchInfo":{"recordsInfo":{"orders-0":{"firstRecordOffset":1,"lastRecordOffset":2}}}}`,
			want: Death{Dialect: "lambda", Origin: Origin{Topic: "orders", Partition: ptr(int32(0))}, Reason: "RetryAttemptsExhausted"},
		},
		{
			name: "NServiceBus in one attribute", headers: headers("k", "v", nsbEnvelope, nsbJSON), want: nsb, stays: []string{"k", nsbEnvelope},
		},
		{
			name: "NServiceBus around the body", body: `{"Headers":` + nsbJSON + `,"Body":"e30="}`, want: nsb, notCopy: true,
		},
	})
	for _, h := range Strip(headers(nsbEnvelope, nsbJSON)) {
		if h.Value != `{"NServiceBus.MessageId":"m-1"}` {
			t.Errorf("stripped attribute: %s", h.Value)
		}
	}
}

func TestBodiesThatOnlyLookLikeReports(t *testing.T) {
	for _, body := range []string{
		`{"KafkaBatchInfo":`, `{"KafkaBatchInfo":{}}`, `["KafkaBatchInfo"]`, `{"a":"\"KafkaBatchInfo\""}`,
		`{"x":"NServiceBus.FailedQ"}`, `{"NServiceBus.FailedQ":1}`, `{"Headers":{"NServiceBus.FailedQ":5}}`, `"NServiceBus.FailedQ"`,
	} {
		if d, ok := Read(&message.Observation{Message: message.Message{Payload: []byte(body)}}); ok {
			t.Errorf("%s: read as %+v", body, d)
		}
	}
}

// recorded sends an observation through a recording.
func recorded(t interface{ Fatal(...any) }, o *message.Observation) *message.Observation {
	var file bytes.Buffer
	if err := message.NewWriter(&file, message.RecordingHeader{}).Write(message.Event{Observation: o}); err != nil {
		t.Fatal(err)
	}
	r, err := message.NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	e, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	return e.Observation
}

// Binary numbers that happen to be text come back from a recording as they were.
func TestARecordingKeepsBinaryHeaders(t *testing.T) {
	for _, n := range []int64{0, 5, 1042, 0x61626364, 0x7f7f7f7f} {
		h := headers("kafka_dlt-original-topic", "orders", "kafka_dlt-original-partition", i32(int32(n)), "kafka_dlt-original-offset", i64(n))
		o := &message.Observation{Channel: "dlt", Seen: utc("2026-11-22T10:00:00Z"), Message: message.Message{Headers: h}}
		got, _ := Read(recorded(t, o))
		if diff := cmp.Diff(topic("orders", int32(n), n), got.Origin); diff != "" {
			t.Errorf("%d (-want +got):\n%s", n, diff)
		}
	}
}

// What could be made quadratic takes milliseconds, not minutes.
func TestReadIsBounded(t *testing.T) {
	start := time.Now()
	deep := strings.Repeat(`[`, 1_000_000)
	long := "[" + strings.Repeat(`{"queue":"q","reason":"rejected","count":1},`, 100_000) + `{"queue":"q"}]`
	for _, v := range []any{deep, long} {
		o := &message.Observation{Message: message.Message{Headers: headers("x-death", v)}}
		d, _ := Read(o)
		if d.Attempts != nil && *d.Attempts > maxDeaths {
			t.Errorf("%d attempts", *d.Attempts)
		}
	}
	many := make([]message.Header, 200_000)
	for i := range many {
		many[i] = message.Header{Name: "exception-type", Value: "x"}
	}
	if IsCopy(&message.Observation{Message: message.Message{Headers: many}}) {
		t.Error("taken for a copy")
	}
	for i := range many {
		many[i] = message.Header{Name: "retry_topic-attempts", Value: i32(int32(i))}
	}
	if left := Strip(many); len(left) != 0 {
		t.Errorf("%d headers left", len(left))
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("took %v", d)
	}
}
