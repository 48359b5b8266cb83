package flows

import (
	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/message"
)

// Result is what an audit found: all that a report says.
type Result struct {
	Flow, About string
	// Mode is run, verify, shadow, replay or diff.
	Mode      string
	State     State
	Messages  MessageCounts
	Chains    ChainCounts
	Channels  []ChannelCount
	Scenarios []ScenarioResult
	Findings  []Finding
	Unknowns  []Unknown
	// Warnings are worth knowing and no verdict.
	Warnings []string
	// Undecided, Redelivered and Retried are as in Verdict, of all chains.
	Undecided, Redelivered, Retried int
	// Timelines are the messages of the chains that have findings or unknowns, by
	// the chain's name; of the first maxTimelines of them.
	Timelines map[string][]Moment
	// NearMisses are, for missing steps, messages that came close: by chain and
	// step.
	NearMisses map[NearKey]NearMiss
	// Spreads are the times of the steps, over all chains judged.
	Spreads []Spread
	// Compared is nil but for a comparison.
	Compared *Compared
}

// Conclude sorts the findings, and sets the state that findings and unknowns amount
// to.
func (r *Result) Conclude() {
	SortFindings(r.Findings)
	switch {
	case len(r.Findings) > 0:
		r.State = Fail
	case len(r.Unknowns) > 0:
		r.State = NotKnown
	default:
		r.State = Pass
	}
}

// MessageCounts counts the messages that the taps saw.
type MessageCounts struct{ Seen, Matched, Unmatched int }

// ChainCounts counts the chains judged.
type ChainCounts struct {
	Total, Pass, Fail, Unknown int
	Outcomes                   map[string]int
}

// ChannelCount is how many messages the tap of a channel saw.
type ChannelCount struct {
	Name string
	Seen int
}

// ScenarioResult is the verdict of one scenario.
type ScenarioResult struct {
	Name  string
	State State
	// Mark says what was sent and expected first; nil where nothing was.
	Mark *message.Mark
	// Chains are the names of its chains.
	Chains []string
	// Probes are those that were asked for, and those that the file switches off.
	Probes []ProbeResult
}

// ProbeResult is the verdict of one probe: the worst of its tries.
type ProbeResult struct {
	Name  string
	State State
	// Off: the file switches it off, for the Reason. It is not counted.
	Off bool
	// Reason says why it is not known, where it was not tried at all.
	Reason string
	Tries  []TryResult
	// Noise are the fields that vary between plain runs of the scenario, and were
	// left out of the comparison: "paid body.at".
	Noise []string
}

// TryResult is one variation of a probe: an instance of its scenario.
type TryResult struct {
	Name  string
	State State
	// Chains are the names of its chains.
	Chains []string
	// Did is what flowcheck did beyond the scenario's own trigger, in that order.
	Did []Deed
	// Text says what came of it.
	Text string
}

// Deed is something that a probe did: a message sent, to a channel and, where the
// broker told, at a position; or, without a channel, something else.
type Deed struct {
	What, Channel string
	Position      message.Position
}

// Moment is a message on a chain's timeline. Step is "" for a stray.
type Moment struct {
	Channel, Step string
	Position      message.Position
	Time, Seen    correlate.Instant
	// Payload is the message's, where the audit keeps whole messages; else nil.
	Payload []byte
	// Note says what is odd about it: a copy, a double.
	Note string
}

// NearKey names a missing step of a chain.
type NearKey struct{ Chain, Step string }

// NearMiss is a message that was nearly the missing one.
type NearMiss struct {
	Evidence Evidence
	// Why it is not the step: the parts of its `when` that do not hold.
	Parts []Part
	Text  string
}

// maxTimelines bounds the timelines that a result keeps.
const maxTimelines = 100
