package message

import "time"

// RecordingHeader is a recording's first line.
type RecordingHeader struct {
	Flow    string
	Started time.Time
	Brokers map[string]BrokerIdentity
	// Channels are those that were tapped, nil where that is not said. What is not
	// among them may have been, and nobody saw it.
	Channels []string
	// Probes tells that probes are among the marks, so that a reader must keep
	// whole messages to compare what they set off.
	Probes bool
}

// BrokerIdentity tells which broker a recording came from.
type BrokerIdentity struct {
	Kind string
	ID   string
	// Hosts are where it was reached, as host:port, with commas between; "" where
	// that is not known.
	Hosts string
}

// MarkKind names a line of a recording that is no message.
type MarkKind string

// The marks that a recording may hold.
const (
	MarkScenario MarkKind = "scenario"
	MarkGap      MarkKind = "gap"
	MarkEnd      MarkKind = "end"
	MarkProbe    MarkKind = "probe"
	MarkSchema   MarkKind = "schema"
	// MarkUnsent tells that the trigger of the scenario whose ID it has was not
	// sent, or not all of it, and the Reason.
	MarkUnsent MarkKind = "unsent"
	// MarkFence is a durable tap's word that it has told everything of a partition
	// or queue that comes before Position. ID names it, where the tap can find it
	// again in the queue.
	MarkFence MarkKind = "fence"
	// MarkAway tells that a tap has not read a channel since Since, and what it
	// reads from now on may have waited; MarkBack, that nothing waits any more.
	MarkAway MarkKind = "away"
	MarkBack MarkKind = "back"
)

// Mark is a line of a recording that is no message.
type Mark struct {
	Kind MarkKind
	Seen time.Time

	// Channel belongs to what a tap says. Reason belongs to a gap, to what is unsent, and to a schema: that ID names in the
	// channel's registry. Of a schema there is either what the registry has (JSON
	// types), or the reason why it is not known.
	Channel string
	Reason  string
	Schema  map[string]any

	// Position belongs to a fence: the one that the next message will have. Kept,
	// where it is set, is to be called once all events before the fence are kept
	// for good: then the broker may forget them. It may be called from any
	// goroutine, and never blocks for long.
	Position Position
	Kept     func()
	// Since belongs to MarkAway.
	Since time.Time

	// The rest belongs to a scenario, but for the ID of a fence: what a run sent and
	// expected. ID is the scenario's fresh id and Case its case (JSON types), so that a verify can
	// judge the scenario's checks again.
	Name    string
	IDs     map[string]string
	Outcome string
	ID      string
	Case    map[string]any

	// Probe is what a probe did. A scenario's mark has one where probes were asked
	// for; only its Kinds are set then.
	Probe *ProbeMark
}

// Event is one line of a recording after the header, or one word of a tap:
// exactly one of Observation and Mark is set.
type Event struct {
	Observation *Observation
	Mark        *Mark
}
