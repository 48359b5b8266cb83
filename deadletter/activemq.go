package deadletter

// ActiveMQ Classic. The cause is a sentence.
var activeMQ = dialect{
	name:  "activemq",
	marks: []string{"dlqDeliveryFailureCause"},
	read: func(l letter) (Death, bool) {
		cause := l.text("dlqDeliveryFailureCause")
		return Death{Reason: cause, ErrorText: cause}, true
	},
}

// ActiveMQ Artemis; the second spelling is AMQP 1.0's.
var artemis = dialect{
	name:  "artemis",
	marks: []string{"_AMQ_ORIG_*", "x-opt-ORIG-*"},
	read: func(l letter) (Death, bool) {
		d := Death{Origin: Origin{Exchange: l.text("_AMQ_ORIG_ADDRESS"), Queue: l.text("_AMQ_ORIG_QUEUE")}}
		if d.Origin == (Origin{}) {
			d.Origin = Origin{Exchange: l.text("x-opt-ORIG-ADDRESS"), Queue: l.text("x-opt-ORIG-QUEUE")}
		}
		return d, true
	},
}
