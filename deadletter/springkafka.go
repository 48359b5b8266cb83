package deadletter

// Spring for Apache Kafka. A plain DLT has kafka_dlt-*; retry topics, and the
// DLT behind them, have kafka_original-*, kafka_exception-* and retry_topic-*.
// Partitions are int32, offsets int64, big-endian. Where the originals repeat,
// the first are the oldest.
//
// retry_topic-attempts is the number of the next attempt, appended at each hop;
// a redrive that leaves it on goes on counting. kafka_deliveryAttempt, where it
// is switched on, is the number of the attempt that was made.
//
// The exception itself is nearly always the listener's wrapper; its cause says
// more.
//
// Source: spring-kafka KafkaHeaders, DeadLetterPublishingRecoverer.
var springKafka = dialect{
	name: "spring-kafka",
	marks: []string{
		"kafka_dlt-*", "kafka_original-*", "kafka_exception-*", "kafka_key-exception-*", "retry_topic-*",
	},
	also: []string{"kafka_deliveryAttempt"},
	read: func(l letter) (Death, bool) {
		origin := "kafka_original-"
		if !l.has("kafka_original-topic") {
			origin = "kafka_dlt-original-"
		}
		d := Death{Origin: l.oldest(origin), Attempts: attempts(l.last("retry_topic-attempts"), -1)}
		if d.Attempts == nil {
			d.Attempts = attempts(l.last("kafka_deliveryAttempt"), 0)
		}
		for _, prefix := range []string{"kafka_dlt-exception-", "kafka_exception-", "kafka_dlt-key-exception-", "kafka_key-exception-"} {
			if d.ErrorClass = l.text(prefix + "cause-fqcn"); d.ErrorClass == "" {
				d.ErrorClass = l.text(prefix + "fqcn")
			}
			if d.ErrorText = l.text(prefix + "message"); d.ErrorClass != "" || d.ErrorText != "" {
				break
			}
		}
		return d, true
	},
}
