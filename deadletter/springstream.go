package deadletter

// Spring Cloud Stream's Kafka binder, and whatever hand-written code has taken
// over its names: partition and offset are big-endian with the one and decimal
// text with the others, which number tells apart.
//
// Source: spring-cloud-stream KafkaMessageChannelBinder.
var springStream = dialect{
	name:  "x-original",
	marks: []string{"x-original-topic", "x-original-partition", "x-original-offset"},
	also:  []string{"x-original-timestamp", "x-original-timestamp-type", "x-exception-*"},
	read: func(l letter) (Death, bool) {
		return Death{
			Origin:     l.oldest("x-original-"),
			ErrorClass: l.text("x-exception-fqcn"),
			ErrorText:  l.text("x-exception-message"),
		}, true
	},
}

// Spring AMQP's RepublishMessageRecoverer. It says neither attempts nor a
// class.
//
// Source: spring-amqp RepublishMessageRecoverer.
var springAMQP = dialect{
	name:  "spring-amqp",
	marks: []string{"x-original-exchange", "x-original-routingKey"},
	also:  []string{"x-exception-*", "retry-count"},
	read: func(l letter) (Death, bool) {
		return Death{
			Origin: Origin{
				Exchange:   l.text("x-original-exchange"),
				RoutingKey: l.text("x-original-routingKey"),
			},
			ErrorText: l.text("x-exception-message"),
		}, true
	},
}
