package deadletter

// Watermill's poison queue middleware.
//
// Source: ThreeDotsLabs/watermill message/router/middleware/poison.go.
var watermill = dialect{
	name:  "watermill",
	marks: []string{"reason_poisoned"},
	also:  []string{"topic_poisoned", "handler_poisoned", "subscriber_poisoned"},
	read: func(l letter) (Death, bool) {
		return Death{
			Origin:    Origin{Topic: l.text("topic_poisoned")},
			Reason:    l.text("reason_poisoned"),
			ErrorText: l.text("reason_poisoned"),
		}, true
	},
}
