package flows

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/message"
)

// Kind is the kind of a finding.
type Kind string

// The kinds of findings; what each means stands in the contracts.
const (
	Missing       Kind = "missing"
	Late          Kind = "late"
	OutOfOrder    Kind = "out-of-order"
	SequenceGap   Kind = "gap"
	Duplicate     Kind = "duplicate"
	WrongOutcome  Kind = "wrong-outcome"
	Unexpected    Kind = "unexpected"
	Mismatch      Kind = "mismatch"
	Conflict      Kind = "conflict"
	DeadLettered  Kind = "dead-lettered"
	Altered       Kind = "altered"
	Malformed     Kind = "malformed"
	Slow          Kind = "slow"
	Forbidden     Kind = "forbidden"
	NotIdempotent Kind = "not-idempotent"
	NotReplayed   Kind = "not-replayed"
	Changed       Kind = "changed"
)

// Finding is one violation with its evidence.
type Finding struct {
	Kind Kind
	// Chain is the value of the chain's first id, in the order of correlate; ""
	// for what belongs to no chain. IDs are all its ids by name.
	Chain string
	IDs   map[string]string
	// Step and Rule name what was violated; "" where it does not apply.
	Step, Rule string
	// Text says it in a sentence, Expected and Actual in parts.
	Text, Expected, Actual string
	Evidence               []Evidence
	// Anomaly is what the finding is called where it is an anomaly of a log; Weaker
	// says why it proves less than that name says, "" where it proves it.
	Anomaly Anomaly
	Weaker  string
	// Parts are the values that a failed check compared.
	Parts []Part
	// Probe names the probe in whose try it was found, with the try: "duplicate, at
	// once"; "" where there was none.
	Probe string

	window string // in which a Live found it, where it judges by windows
	rests  Rests
}

// Rests is what a finding of a rule rests on beside its evidence.
type Rests struct {
	// On are messages: what a Live had seen of the chain by then; of a gap, the last
	// one before it.
	On []Evidence
	// From and Until are the time in which it was found; zero where it is not judged
	// by windows of time.
	From, Until time.Time
}

// Rests is what the finding rests on beside its evidence.
func (f *Finding) Rests() Rests { return f.rests }

// Evidence is a message that a finding rests on, by its place.
type Evidence struct {
	Channel  string
	Position message.Position
}

// Part is a piece of a failed check: its source and what it came to.
type Part struct{ Source, Value string }

// Unknown is something that could not be judged. Chain is "" for the whole run.
type Unknown struct {
	Chain, Reason string
	// Probe names the probe that says nothing for the reason; "" where there is none.
	Probe string
	// OfScenario is true where a scenario's trigger is in no chain: that scenario's
	// state says it already.
	OfScenario bool
}

// State is the three-valued verdict. The worst wins: Fail, then NotKnown, then Pass.
type State uint8

// The verdicts, from the best to the worst.
const (
	Pass State = iota
	NotKnown
	Fail
)

// String returns pass, unknown or fail.
func (s State) String() string {
	switch s {
	case Fail:
		return "fail"
	case NotKnown:
		return "unknown"
	default:
		return "pass"
	}
}

// SortFindings orders findings as reports have them: by chain, step, kind,
// position, and then by what makes the order total.
func SortFindings(all []Finding) {
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(
			strings.Compare(a.Chain, b.Chain),
			strings.Compare(a.Step, b.Step),
			strings.Compare(string(a.Kind), string(b.Kind)),
			comparePositions(a.Evidence, b.Evidence),
			strings.Compare(a.Rule, b.Rule),
			strings.Compare(a.Text, b.Text),
		)
	})
}

func comparePositions(a, b []Evidence) int {
	if len(a) == 0 || len(b) == 0 {
		return cmp.Compare(len(a), len(b))
	}
	p, q := a[0].Position, b[0].Position
	return cmp.Or(
		strings.Compare(a[0].Channel, b[0].Channel),
		cmp.Compare(p.Kind, q.Kind),
		cmp.Compare(p.Partition, q.Partition),
		cmp.Compare(p.Offset, q.Offset),
		strings.Compare(p.ID, q.ID),
	)
}

func sortUnknowns(all []Unknown) []Unknown {
	slices.SortStableFunc(all, func(a, b Unknown) int {
		return cmp.Or(strings.Compare(a.Chain, b.Chain), strings.Compare(a.Reason, b.Reason), strings.Compare(a.Probe, b.Probe))
	})
	return slices.Compact(all)
}
