// Package source reads flow files: from bytes to a typed structure in which
// each scalar knows its place, and every error at once.
//
//	bytes → YAML nodes → File + Errors
//
// It knows the syntax: keys, types, durations, names and what refers to what.
// Expressions stay text; package flows compiles them, and reports what is
// wrong with them through the same Errors, at Text.At.
package source

import "time"

// Version of the language that this package reads: the value of flowcheck:.
const Version = 1

// File is a flow file with all that it uses merged in. What several files
// define stands in this order: the file's own, then that of each used file.
type File struct {
	// Name is the file's name as given to Load.
	Name string
	// Incomplete: a part could not be read, so that names may be missing from
	// File which the author did define. Errors says what.
	Incomplete bool

	Flow  Text
	About Text
	Use   []Text
	Vars  []Var

	Skew        Skew
	Settle      Duration
	Timeout     Duration
	Remember    Duration
	PartitionBy Text   // the name of an id, or an expression
	Mask        []Text // paths: body.card.number, headers["authorization"], key
	Noise       []Text // paths of what varies by nature, of any message or of one step

	Brokers   []Broker
	Channels  []Channel
	Correlate []ID
	Steps     []Step
	Outcomes  []Outcome
	Rules     []Rule
	Scenarios []Scenario
	Hooks     []Hook
	Setup     []Call
	Cleanup   []Call
}

// Var is a named value: of vars:, at the top or in a scenario.
type Var struct {
	Name  Text
	Value Data
}

// Skew tells how far clocks may differ. A Duration that is not set has its
// default.
type Skew struct {
	Broker   Duration // between the times of brokers
	Producer Duration // where a time is the producer's
}

// Duration is a length of time. Its text may hold ${…}: then Value is 0 until
// the text is evaluated and given to ParseDuration.
type Duration struct {
	Text    Text
	Value   time.Duration
	Dynamic bool // the text holds ${…}
}

// IsSet reports whether the duration is in the file.
func (d Duration) IsSet() bool { return d.Text.IsSet() }
