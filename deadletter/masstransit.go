package deadletter

// MassTransit's _error and _skipped queues. The retry count is that of retries,
// left out where it is 0; a message that was redelivered as well was tried more
// often than that, nobody says how often.
//
// Source: MassTransit MessageHeaders.
var massTransit = dialect{
	name:  "masstransit",
	marks: []string{"MT-Fault-*", "MT-Reason", "MT-Redelivery-Count"},
	also:  []string{"MT-Host-*"},
	read: func(l letter) (Death, bool) {
		d := Death{
			Origin:     Origin{Queue: lastSegment(l.text("MT-Fault-InputAddress"))},
			Reason:     l.text("MT-Reason"),
			ErrorClass: l.text("MT-Fault-ExceptionType"),
			ErrorText:  l.text("MT-Fault-Message"),
			At:         rfc3339(l.last("MT-Fault-Timestamp")),
		}
		switch {
		case l.has("MT-Redelivery-Count") || l.has("MT-Fault-RedeliveryCount"):
		case l.has("MT-Fault-RetryCount"):
			d.Attempts = attempts(l.last("MT-Fault-RetryCount"), 1)
		case d.ErrorClass != "":
			d.Attempts = attempts(int64(0), 1)
		}
		return d, true
	},
}
