package flows

import "github.com/flowcheck/flowcheck/correlate"

// Anomaly is an anomaly of a log, by the names that Jepsen's tests of Kafka use.
// "" is none: most findings are about what a system should have done, not about
// what a log did.
type Anomaly string

// The anomalies that a tap can see. Jepsen's others need what no tap has: which
// sends were acknowledged or aborted, and what each consumer polled.
const (
	InconsistentOffsets Anomaly = "inconsistent-offsets" // an offset has two contents
	DuplicateID         Anomaly = "duplicate"            // an id stands at two offsets
	LostWrite           Anomaly = "lost-write"           // a value below others that came, and it did not
	Unseen              Anomaly = "unseen"               // what was sent was not read by the end
	NonmonotonicSend    Anomaly = "nonmonotonic-send"    // a later send has a lower offset
)

// Why a finding proves less than its anomaly's name says.
const (
	weakerNoID       = "without a message id nobody can tell one message sent twice from two"
	weakerNoAck      = "a tap sees no acknowledgement: it may never have been sent"
	weakerNoSequence = "without a sequence number nobody can tell in which order they were sent"
	weakerByTime     = "no offset orders them, only the broker's time"
)

// call gives a finding the name of its anomaly, and says why it is weaker.
func (f *Finding) call(a Anomaly, weaker string) { f.Anomaly, f.Weaker = a, weaker }

// callDouble names the message e of a step, beyond those that it may have: the same
// id at another offset. One with an id of its own is another message.
func (f *Finding) callDouble(e *correlate.Entry, earlier []*correlate.Entry) {
	unnamed := e.ID == 0
	for _, o := range earlier {
		if e.ID != 0 && o.ID == e.ID {
			f.call(DuplicateID, "")
			return
		}
		unnamed = unnamed || o.ID == 0
	}
	if unnamed {
		f.call(DuplicateID, weakerNoID)
	}
}

// callOrder names a message that came before one that it must follow. Only within
// one queue is that an anomaly of the log.
func (f *Finding) callOrder(e, last *correlate.Entry) {
	if e.Channel == last.Channel && e.Position.Ordered(last.Position) {
		f.call(NonmonotonicSend, weakerNoSequence)
	}
}

// callSequence names a value that came after a higher one.
func (f *Finding) callSequence(m, higher place) {
	if m.at.Ordered(higher.at) {
		f.call(NonmonotonicSend, "")
		return
	}
	f.call(NonmonotonicSend, weakerByTime)
}
