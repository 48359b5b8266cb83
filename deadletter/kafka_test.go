package deadletter

import (
	"testing"
	"time"
)

func TestSpringKafka(t *testing.T) {
	const wrapper = "org.springframework.kafka.listener.ListenerExecutionFailedException"
	dlt := headers(
		"traceparent", "00-a-b-01",
		"kafka_dlt-original-topic", "orders",
		"kafka_dlt-original-partition", "\x00\x00\x00\x03",
		"kafka_dlt-original-offset", "\x00\x00\x00\x00\x00\x00\x04\x12",
		"kafka_dlt-original-timestamp", "\x00\x00\x01\x9a\xa9\x00\x00\x00",
		"kafka_dlt-original-timestamp-type", "CreateTime",
		"kafka_dlt-original-consumer-group", "shop",
		"kafka_dlt-exception-fqcn", wrapper,
		"kafka_dlt-exception-cause-fqcn", "shop.PaymentRefused",
		"kafka_dlt-exception-message", "Listener failed; card expired",
		"kafka_dlt-exception-stacktrace", "at shop.Listener",
	)
	want := Death{
		Dialect: "spring-kafka", Origin: topic("orders", 3, 1042),
		ErrorClass: "shop.PaymentRefused", ErrorText: "Listener failed; card expired",
	}
	delivered := want
	delivered.Attempts = ptr(3)
	retried := headers(
		"kafka_original-topic", "orders", "kafka_original-partition", i32(3), "kafka_original-offset", i64(1042),
		"kafka_original-timestamp", i64(1763800000000), "kafka_original-timestamp-type", "CreateTime",
		"kafka_dlt-original-consumer-group", "shop",
		"retry_topic-original-timestamp", "\x01\x9a\xa9\x00\x00\x00", "retry_topic-backoff-timestamp", "\x01\x9a\xa9\x00\x03\xe8",
		"kafka_exception-fqcn", wrapper, "kafka_exception-cause-fqcn", "shop.PaymentRefused", "kafka_exception-message", "Listener failed; card expired",
		"retry_topic-attempts", i32(2), "retry_topic-attempts", i32(3), "retry_topic-attempts", i32(4),
	)
	again := append(headers(), dlt...)
	again = append(again, headers(
		"kafka_dlt-original-topic", "orders-dlt", "kafka_dlt-original-partition", i32(0), "kafka_dlt-original-offset", i64(5),
		"kafka_deliveryAttempt", i32(1), "kafka_deliveryAttempt", i32(3),
	)...)
	check(t, []golden{
		{name: "DLT", headers: dlt, want: want, stays: []string{"traceparent"}},
		{name: "the oldest origin, the newest attempt", headers: again, want: delivered, stays: []string{"traceparent"}},
		{name: "DLT of retry topics, three attempts", headers: retried, want: delivered},
		{
			name:    "first retry topic, one attempt",
			headers: headers("kafka_original-topic", "orders", "retry_topic-attempts", i32(2)),
			want:    Death{Dialect: "spring-kafka", Origin: Origin{Topic: "orders"}, Attempts: ptr(1)},
		},
		{
			name:    "attempts in one byte, as they once were",
			headers: headers("kafka_original-topic", "orders", "retry_topic-attempts", "\x04"),
			want:    Death{Dialect: "spring-kafka", Origin: Origin{Topic: "orders"}, Attempts: ptr(3)},
		},
		{
			name: "a key that cannot be read, attempts unknown",
			headers: headers(
				"kafka_dlt-original-topic", "orders",
				"kafka_dlt-key-exception-fqcn", "DeserializationException", "kafka_dlt-key-exception-message", "no key",
			),
			want: Death{Dialect: "spring-kafka", Origin: Origin{Topic: "orders"}, ErrorClass: "DeserializationException", ErrorText: "no key"},
		},
	})
}

func TestXOriginal(t *testing.T) {
	want := Death{
		Dialect: "x-original", Origin: topic("orders", 3, 1042),
		ErrorClass: "shop.PaymentRefused", ErrorText: "card expired",
	}
	rest := headers("x-original-timestamp-type", "CreateTime", "x-exception-fqcn", "shop.PaymentRefused", "x-exception-message", "card expired",
		"x-exception-stacktrace", "at shop", "id", "1")
	check(t, []golden{
		{
			name: "Spring Cloud Stream, binary",
			headers: append(headers("x-original-topic", "orders", "x-original-partition", "\x00\x00\x00\x03",
				"x-original-offset", "\x00\x00\x00\x00\x00\x00\x04\x12", "x-original-timestamp", i64(1763800000000)), rest...),
			want: want, stays: []string{"id"},
		},
		{
			name:    "by hand, decimal",
			headers: append(headers("x-original-topic", "orders", "x-original-partition", "3", "x-original-offset", "1042"), rest...),
			want:    want, stays: []string{"id"},
		},
		{
			name:    "by hand, decimal of four and eight digits",
			headers: headers("x-original-topic", "orders", "x-original-partition", "1000", "x-original-offset", "10000000"),
			want:    Death{Dialect: "x-original", Origin: topic("orders", 1000, 10000000)},
		},
		{
			name:    "bytes that are nothing",
			headers: headers("x-original-topic", "orders", "x-original-partition", "\xff\xff\xff\xff", "x-original-offset", "three"),
			want:    Death{Dialect: "x-original", Origin: Origin{Topic: "orders"}},
		},
	})
}

func TestKafkasOwn(t *testing.T) {
	check(t, []golden{
		{
			name: "Connect, twice",
			headers: headers(
				"__connect.errors.topic", "orders", "__connect.errors.partition", "3", "__connect.errors.offset", "1042",
				"__connect.errors.connector.name", "sink", "__connect.errors.task.id", "0", "__connect.errors.stage", "VALUE_CONVERTER",
				"__connect.errors.class.name", "org.apache.kafka.connect.json.JsonConverter",
				"__connect.errors.exception.class.name", "org.apache.kafka.connect.errors.DataException",
				"__connect.errors.exception.message", "no JSON", "__connect.errors.exception.stacktrace", "at",
				"__connect.errors.topic", "orders-dlq", "__connect.errors.exception.message", "still no JSON", "k", "v",
			),
			want: Death{
				Dialect: "kafka-connect", Origin: topic("orders", 3, 1042),
				ErrorClass: "org.apache.kafka.connect.errors.DataException", ErrorText: "still no JSON",
			},
			stays: []string{"k"},
		},
		{
			name: "Streams",
			headers: headers(
				"k", "v", "__streams.errors.exception", "java.lang.IllegalStateException: boom: at last", "__streams.errors.message", "boom: at last",
				"__streams.errors.stacktrace", "at", "__streams.errors.topic", "orders", "__streams.errors.partition", "3", "__streams.errors.offset", "1042",
			),
			want: Death{
				Dialect: "kafka-streams", Origin: topic("orders", 3, 1042),
				ErrorClass: "java.lang.IllegalStateException", ErrorText: "boom: at last",
			},
			stays: []string{"k"},
		},
		{
			name: "share group",
			headers: headers(
				"__dlq.errors.topic", "orders", "__dlq.errors.partition", "3", "__dlq.errors.offset", "1042", "__dlq.errors.group", "shop",
				"__dlq.errors.delivery.count", "5", "__dlq.errors.message", "Offset delivery count exceeded the threshold.",
			),
			want: Death{
				Dialect: "kafka-share-group", Origin: topic("orders", 3, 1042), Attempts: ptr(5),
				Reason: "Offset delivery count exceeded the threshold.", ErrorText: "Offset delivery count exceeded the threshold.",
			},
		},
	})
}

func TestSmallRye(t *testing.T) {
	retry := func(count ...string) []any {
		var pairs []any
		for _, n := range count {
			pairs = append(pairs, "delayed-retry-count", n)
		}
		return pairs
	}
	check(t, []golden{
		{
			name: "DLQ of a DLQ: the new headers stand first",
			headers: headers(
				"dead-letter-exception-class-name", "java.lang.IllegalStateException", "dead-letter-cause-class-name", "java.io.IOException",
				"dead-letter-reason", "again", "dead-letter-cause", "disk", "dead-letter-topic", "orders-dlq", "dead-letter-partition", "0", "dead-letter-offset", "7",
				"k", "v",
				"dead-letter-exception-class-name", "shop.PaymentRefused", "dead-letter-reason", "card expired",
				"dead-letter-topic", "orders", "dead-letter-partition", "3", "dead-letter-offset", "1042",
			),
			want: Death{
				Dialect: "smallrye", Origin: topic("orders", 3, 1042), Reason: "again",
				ErrorClass: "java.lang.IllegalStateException", ErrorText: "again",
			},
			stays: []string{"k"},
		},
		{
			name: "first retry topic, one attempt",
			headers: headers(append([]any{
				"delayed-retry-exception-class-name", "shop.PaymentRefused", "delayed-retry-reason", "card expired",
				"delayed-retry-topic", "orders", "delayed-retry-partition", "3", "delayed-retry-offset", "1042",
				"delayed-retry-original-timestamp", "1763800000000", "delayed-retry-first-processing-timestamp", "1763800000001",
			}, retry("0")...)...),
			want: Death{
				Dialect: "smallrye", Origin: topic("orders", 3, 1042), Attempts: ptr(1), Reason: "card expired",
				ErrorClass: "shop.PaymentRefused", ErrorText: "card expired",
			},
		},
		{
			name: "after three retries",
			headers: headers(append([]any{
				"delayed-retry-reason", "last", "delayed-retry-topic", "orders_retry_50000", "delayed-retry-partition", "3", "delayed-retry-offset", "9",
				"delayed-retry-reason", "first", "delayed-retry-topic", "orders", "delayed-retry-partition", "3", "delayed-retry-offset", "1042",
			}, retry("0", "1", "2", "3")...)...),
			want: Death{Dialect: "smallrye", Origin: topic("orders", 3, 1042), Attempts: ptr(4), Reason: "last", ErrorText: "last"},
		},
	})
}

func TestGoAndDotNet(t *testing.T) {
	check(t, []golden{
		{
			name: "Watermill",
			headers: headers("_watermill_message_uuid", "u-1", "reason_poisoned", "card expired", "topic_poisoned", "orders",
				"handler_poisoned", "ship", "subscriber_poisoned", "kafka.Subscriber"),
			want:  Death{Dialect: "watermill", Origin: Origin{Topic: "orders"}, Reason: "card expired", ErrorText: "card expired"},
			stays: []string{"_watermill_message_uuid"},
		},
		{
			name: "Wolverine on Kafka",
			headers: headers("id", "1", "attempts", "3", "exception-type", "Shop.Refused", "exception-message", "card expired", "exception-stack", "at",
				"failed-at", "1763800000123", "original-destination", "kafka://topic/orders", "original-partition", "3", "original-offset", "1042"),
			want: Death{
				Dialect: "wolverine", Origin: topic("orders", 3, 1042), Attempts: ptr(3), ErrorClass: "Shop.Refused", ErrorText: "card expired",
				At: time.UnixMilli(1763800000123).UTC(),
			},
			stays: []string{"id"},
		},
		{
			name:    "Wolverine on RabbitMQ, older",
			headers: headers("exception-type", "Shop.Refused", "failed-at", "1763800000123", "original-destination", "rabbitmq://queue/orders"),
			want: Death{
				Dialect: "wolverine", Origin: Origin{Queue: "orders"}, ErrorClass: "Shop.Refused", At: time.UnixMilli(1763800000123).UTC(),
			},
		},
	})
}
