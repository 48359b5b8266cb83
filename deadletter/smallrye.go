package deadletter

// SmallRye Reactive Messaging (Quarkus): dead-letter-queue and
// delayed-retry-topic. All texts. It writes its own headers before those that
// the record had, so that of repeated ones the last is the oldest; only the
// retry count is appended. The count is of the retries that were, 0 on the
// first retry topic, so that the attempts are one more.
//
// Source: smallrye-reactive-messaging, kafka/fault KafkaDeadLetterQueue and
// KafkaDelayedRetryTopic.
var smallRye = dialect{
	name:  "smallrye",
	marks: []string{"dead-letter-*", "delayed-retry-*"},
	read: func(l letter) (Death, bool) {
		d := Death{Origin: l.smallRyeOrigin(), Attempts: attempts(l.last("delayed-retry-count"), 1)}
		prefix := "delayed-retry-"
		if l.has("dead-letter-exception-class-name") || l.has("dead-letter-reason") {
			prefix = "dead-letter-"
		}
		d.ErrorClass = text(l.first(prefix + "exception-class-name"))
		d.ErrorText = text(l.first(prefix + "reason"))
		d.Reason = d.ErrorText
		return d, true
	},
}

// smallRyeOrigin is where the message was before its first retry.
func (l letter) smallRyeOrigin() Origin {
	prefix := "dead-letter-"
	if l.has("delayed-retry-topic") {
		prefix = "delayed-retry-"
	}
	return Origin{
		Topic:     text(l.last(prefix + "topic")),
		Partition: partition(l.last(prefix + "partition")),
		Offset:    offset(l.last(prefix + "offset")),
	}
}
