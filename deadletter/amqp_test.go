package deadletter

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flowcheck/flowcheck/message"
)

// entry is an entry of x-death.
func entry(queue, reason string, count int64) map[string]any {
	return map[string]any{
		"count": count, "reason": reason, "queue": queue, "time": utc("2026-11-22T10:00:00Z"),
		"exchange": "shipping", "routing-keys": []any{"shipment.post", "cc"},
	}
}

func deaths(entries ...any) []message.Header { return headers("x-death", entries) }

// deathLoop: twice refused, twice waited, then parked by the application.
func deathLoop() []message.Header {
	return deaths(entry("work.wait", "expired", 2), entry("work", "rejected", 2))
}

func TestRabbitMQ(t *testing.T) {
	origin := Origin{Exchange: "shipping", RoutingKey: "shipment.post", Queue: "work"}
	dead := func(reason string, attempts *int) Death {
		return Death{Dialect: "rabbitmq", Origin: origin, Reason: reason, Attempts: attempts}
	}
	once := dead("rejected", ptr(1))
	once.At = utc("2026-11-22T10:00:00Z")
	expired, limit := dead("expired", nil), dead("delivery_limit", nil)
	expired.At, limit.At = once.At, once.At
	limited := limit
	limited.Attempts = ptr(3)
	ambiguous := once
	ambiguous.Attempts = nil
	task := once
	task.Attempts = ptr(4)
	first := headers("x-first-death-exchange", "shipping", "x-first-death-queue", "work", "x-first-death-reason", "rejected")
	check(t, []golden{
		{
			name:    "refused once",
			headers: append(append(deaths(entry("work", "rejected", 1)), first...), headers("x-last-death-queue", "work", "k", "v")...),
			want:    once, stays: []string{"k"},
		},
		{name: "refused three times, waited twice", headers: deaths(entry("work", "rejected", 3), entry("work.wait", "expired", 2)), want: dead("rejected", ptr(3))},
		{name: "refused twice, waited twice: three attempts", headers: deathLoop(), want: dead("rejected", ptr(3))},
		{name: "refused once, waited once: two, or a store of dead letters", headers: deaths(entry("work.wait", "expired", 1), entry("work", "rejected", 1)), want: ambiguous},
		{name: "never delivered", headers: deaths(entry("work", "expired", 1)), want: expired},
		{name: "pushed out", headers: deaths(entry("work", "maxlen", 2)), want: dead("maxlen", nil)},
		{name: "first delayed, then refused", headers: deaths(entry("work", "rejected", 1), entry("delay", "expired", 1)), want: once},
		{name: "delivery limit: the entry counts 1 whatever came before", headers: deaths(entry("work", "delivery_limit", 1)), want: limit},
		{
			name:    "delivery limit with its count",
			headers: append(deaths(entry("work", "delivery_limit", 1)), headers("x-delivery-count", int64(3))...), want: limited,
		},
		{
			name:    "published anew by Spring",
			headers: append(deaths(entry("work", "rejected", 1)), headers("retry-count", int64(2))...), want: ambiguous,
		},
		{
			name:    "Celery's retries are publishes of their own",
			headers: append(deaths(entry("work", "rejected", 1)), headers("task", "ship", "id", "t", "root_id", "t", "retries", int64(3))...),
			want:    task, stays: []string{"task", "id", "root_id"},
		},
		{
			name:    "dramatiq counts in the body",
			headers: deaths(entry("work", "rejected", 1)), want: task,
			body: `{"queue_name":"work","actor_name":"ship","args":[],"kwargs":{},"options":{"retries":3},"message_id":"m-1"}`,
		},
		{
			name: "x-death as JSON text",
			headers: headers("x-death", `[{"count":2,"reason":"expired","queue":"work.wait"},`+
				`{"count":2,"reason":"rejected","queue":"work","exchange":"shipping","routing-keys":["shipment.post"],"time":1763800000}]`),
			want: dead("rejected", ptr(3)),
		},
		{
			name:    "x-death as a recording's JSON text",
			headers: headers("x-death", `[{"count":1,"reason":"rejected","queue":"work","exchange":"shipping","routing-keys":["shipment.post"],"time":{"time":"2026-11-22T10:00:00Z"}}]`),
			want:    once,
		},
		{name: "x-first-death alone", headers: first, want: Death{Dialect: "rabbitmq", Origin: Origin{Exchange: "shipping", Queue: "work"}, Reason: "rejected"}},
		{
			name:    "x-death that is no list",
			headers: append(headers("x-death", "[{"), first...),
			want:    Death{Dialect: "rabbitmq", Origin: Origin{Exchange: "shipping", Queue: "work"}, Reason: "rejected"},
		},
		{
			name:    "entries that are no tables",
			headers: deaths("x", nil, []any{}, map[string]any{"queue": "work", "reason": "rejected", "count": int64(1) << 62}),
			want:    Death{Dialect: "rabbitmq", Origin: Origin{Queue: "work"}, Reason: "rejected"},
		},
	})
}

func TestSecondsAreATime(t *testing.T) {
	got, _ := Read(&message.Observation{Message: message.Message{Headers: headers("x-death", `[{"count":1,"reason":"rejected","queue":"q","time":1763800000}]`)}})
	if want := utc("2025-11-22T08:26:40Z"); !got.At.Equal(want) {
		t.Errorf("got %v, want %v", got.At, want)
	}
}

func TestAMQPFrameworks(t *testing.T) {
	check(t, []golden{
		{
			name: "Spring AMQP's recoverer, after RabbitMQ's own retries",
			headers: append(headers("k", "v", "x-exception-stacktrace", "at", "x-exception-message", "card expired",
				"x-original-exchange", "shipping", "x-original-routingKey", "shipment.post", "retry-count", int64(1)), deathLoop()...),
			want:  Death{Dialect: "spring-amqp", Origin: Origin{Exchange: "shipping", RoutingKey: "shipment.post"}, ErrorText: "card expired"},
			stays: []string{"k"},
		},
		{
			name: "MassTransit",
			headers: headers("MT-Reason", "fault", "MT-Fault-ExceptionType", "Shop.Refused", "MT-Fault-Message", "card expired",
				"MT-Fault-Timestamp", "2026-11-22T10:00:00.5080760Z", "MT-Fault-StackTrace", "at", "MT-Fault-InputAddress", "rabbitmq://localhost/shop/ship%20it?durable=true",
				"MT-Fault-ConsumerType", "Shop.Consumer", "MT-Fault-MessageType", "Shop.Ship", "MT-Fault-RetryCount", int64(4),
				"MT-Host-MachineName", "m", "MT-OriginalMessageId", "id"),
			want: Death{
				Dialect: "masstransit", Origin: Origin{Queue: "ship it"}, Attempts: ptr(5), Reason: "fault",
				ErrorClass: "Shop.Refused", ErrorText: "card expired", At: utc("2026-11-22T10:00:00.508076Z"),
			},
			stays: []string{"MT-OriginalMessageId"},
		},
		{
			name:    "MassTransit without retries",
			headers: headers("MT-Reason", "fault", "MT-Fault-ExceptionType", "Shop.Refused"),
			want:    Death{Dialect: "masstransit", Attempts: ptr(1), Reason: "fault", ErrorClass: "Shop.Refused"},
		},
		{
			name:    "MassTransit with redeliveries",
			headers: headers("MT-Reason", "fault", "MT-Fault-ExceptionType", "Shop.Refused", "MT-Redelivery-Count", "2", "MT-Fault-RetryCount", "4"),
			want:    Death{Dialect: "masstransit", Reason: "fault", ErrorClass: "Shop.Refused"},
		},
		{
			name:    "MassTransit, skipped",
			headers: headers("MT-Reason", "dead-letter"),
			want:    Death{Dialect: "masstransit", Reason: "dead-letter"},
		},
		{
			name: "NServiceBus",
			headers: headers("NServiceBus.MessageId", "m", "NServiceBus.FailedQ", "ship@machine", "NServiceBus.TimeOfFailure", "2026-11-22 10:00:00:123456 Z",
				"NServiceBus.ExceptionInfo.ExceptionType", "Shop.Refused", "NServiceBus.ExceptionInfo.Message", "card expired",
				"NServiceBus.ExceptionInfo.StackTrace", "at", "NServiceBus.FLRetries", "2"),
			want: Death{
				Dialect: "nservicebus", Origin: Origin{Queue: "ship"}, ErrorClass: "Shop.Refused", ErrorText: "card expired", At: utc("2026-11-22T10:00:00.123456Z"),
			},
			stays: []string{"NServiceBus.MessageId"},
		},
		{
			name:    "ActiveMQ",
			headers: headers("dlqDeliveryFailureCause", "java.lang.Throwable: Exceeded redelivery policy limit", "k", "v"),
			want: Death{
				Dialect: "activemq", Reason: "java.lang.Throwable: Exceeded redelivery policy limit", ErrorText: "java.lang.Throwable: Exceeded redelivery policy limit",
			},
			stays: []string{"k"},
		},
		{
			name:    "Artemis",
			headers: headers("_AMQ_ORIG_ADDRESS", "shipping", "_AMQ_ORIG_QUEUE", "work", "_AMQ_ORIG_MESSAGE_ID", int64(7)),
			want:    Death{Dialect: "artemis", Origin: Origin{Exchange: "shipping", Queue: "work"}},
		},
		{
			name:    "Artemis by AMQP 1.0",
			headers: headers("x-opt-ORIG-ADDRESS", "shipping", "x-opt-ORIG-QUEUE", "work"),
			want:    Death{Dialect: "artemis", Origin: Origin{Exchange: "shipping", Queue: "work"}},
		},
		{
			name:    "Celery's retry",
			headers: headers("task", "ship", "id", "t", "root_id", "t", "parent_id", "t", "retries", int64(2), "eta", "2026-11-22T10:00:00Z"),
			want:    Death{Dialect: "celery", Attempts: ptr(2)},
			stays:   []string{"task", "id", "root_id", "parent_id", "eta"},
		},
	})
}

func TestARecordingKeepsXDeath(t *testing.T) {
	h := deathLoop()
	o := &message.Observation{Channel: "dead", Seen: utc("2026-11-22T10:00:00Z"), Message: message.Message{Headers: h, Payload: []byte("{}")}}
	want, _ := Read(o)
	got, ok := Read(recorded(t, o))
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Errorf("%v (-want +got):\n%s", ok, diff)
	}
}
