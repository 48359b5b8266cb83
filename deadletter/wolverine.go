package deadletter

import "strings"

// Wolverine. The names are so common that two of them must be there.
//
// Source: JasperFx/wolverine DeadLetterQueueConstants.
var wolverine = dialect{
	name:  "wolverine",
	marks: []string{"exception-type"},
	proof: func(l letter) bool { return l.has("failed-at") },
	also: []string{
		"exception-message", "exception-stack", "failed-at", "attempts",
		"original-destination", "original-partition", "original-offset",
	},
	read: func(l letter) (Death, bool) {
		d := Death{
			Attempts:   attempts(l.last("attempts"), 0),
			ErrorClass: l.text("exception-type"),
			ErrorText:  l.text("exception-message"),
			At:         millis(l.last("failed-at")),
		}
		if from := l.text("original-destination"); strings.HasPrefix(from, "kafka://") {
			d.Origin.Topic = lastSegment(from)
			d.Origin.Partition = partition(l.last("original-partition"))
			d.Origin.Offset = offset(l.last("original-offset"))
		} else {
			d.Origin.Queue = lastSegment(from)
		}
		return d, true
	},
}
