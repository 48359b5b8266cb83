// Package deadletter reads any framework's failure headers into one record.
package deadletter

import (
	"time"

	"github.com/flowcheck/flowcheck/message"
)

// Death is what the failure headers of a dead-lettered message say. A field
// that the dialect does not carry is nil, "" or the zero time.
type Death struct {
	// Dialect names the framework whose headers these are.
	Dialect string
	Origin  Origin
	// Attempts is how often the message was tried.
	Attempts *int
	Reason   string
	// ErrorClass and ErrorText are the error of the last attempt.
	ErrorClass, ErrorText string
	At                    time.Time
}

// Origin is where a dead-lettered message came from.
type Origin struct {
	Topic      string
	Partition  *int32
	Offset     *int64
	Exchange   string
	RoutingKey string
	Queue      string
}

// Read returns the record of a dead-lettered message; false where no failure
// header is known.
func Read(o *message.Observation) (Death, bool) { return Death{}, false }

// IsCopy reports whether the headers name the message a retry or dead-letter
// copy of another.
func IsCopy(o *message.Observation) bool { return false }
