package deadletter

import "strings"

// Kafka Connect's sinks (errors.deadletterqueue.context.headers.enable). All
// texts; on repeats they are appended.
//
// Source: apache/kafka, connect/runtime DeadLetterQueueReporter.
var connect = dialect{
	name:  "kafka-connect",
	marks: []string{"__connect.errors.*"},
	read: func(l letter) (Death, bool) {
		const prefix = "__connect.errors."
		return Death{
			Origin:     l.oldest(prefix),
			ErrorClass: l.text(prefix + "exception.class.name"),
			ErrorText:  l.text(prefix + "exception.message"),
		}, true
	},
}

// Kafka Streams (KIP-1034). The header `exception` is Java's "class: message".
//
// Source: apache/kafka, streams ExceptionHandlerUtils.
var streams = dialect{
	name:  "kafka-streams",
	marks: []string{"__streams.errors.*"},
	read: func(l letter) (Death, bool) {
		const prefix = "__streams.errors."
		class, _, _ := strings.Cut(l.text(prefix+"exception"), ":")
		return Death{
			Origin:     l.oldest(prefix),
			ErrorClass: class,
			ErrorText:  l.text(prefix + "message"),
		}, true
	},
}

// Share groups (KIP-1191). The copy may lack the payload.
//
// Source: apache/kafka, server-common ShareGroupDLQStateManager.
var shareGroup = dialect{
	name:  "kafka-share-group",
	marks: []string{"__dlq.errors.*"},
	read: func(l letter) (Death, bool) {
		const prefix = "__dlq.errors."
		return Death{
			Origin:    l.oldest(prefix),
			Attempts:  attempts(l.last(prefix+"delivery.count"), 0),
			Reason:    l.text(prefix + "message"),
			ErrorText: l.text(prefix + "message"),
		}, true
	},
}
