// Package oracle judges messages as slowly and as plainly as can be, to prove
// the engine right. It is for tests only: no part of flowcheck imports it.
//
// The way of the data:
//
//	generator → Flow, Run ──→ Judge ─────────────────────────→ Report ─┐
//	               └──→ a flow file and events → flows.Audit → Result ─┴→ the same?
//
// It is written from semantics.md and shares no code with the engine: the whole
// list of events is at hand, everything may be looked at as often as one likes,
// and expressions are a handful of forms that are Go functions here and text in
// the flow file. Where semantics.md leaves something open, the reading that both
// follow is in docs/correctness.md.
package oracle

import (
	"math"
	"strconv"
	"time"
)

// None is the time of what has no time.
const None = math.MinInt64

// The defaults of a flow file.
const (
	DefaultSkew    = 10 * time.Millisecond
	DefaultTimeout = 30 * time.Second
)

// Flow is a flow file.
type Flow struct {
	// Timeout, Skew and ProducerSkew as in the file; 0 is the default.
	Timeout, Skew, ProducerSkew time.Duration

	Channels []Channel
	IDs      []ID
	Steps    []Step
	Outcomes []Outcome
	Rules    []Rule
}

// Broker is a kind of broker.
type Broker int

// The brokers.
const (
	Kafka Broker = iota // partition@offset, a time
	AMQP                // a queue's count, no time
	SNS                 // names, a time
)

// Channel is a channel of the flow; channels are named by their index.
type Channel struct {
	Broker Broker
	// Ours: the channel has `when: body.foreign != true`.
	Ours bool
	Only bool
	JSON bool // format: json
	// DeadLetters and Retries are channels.
	DeadLetters, Retries []int
	Copy                 string // "", "body" or "none"
	Redeliveries         string // "", "allow" or "same-id"
	MessageID            bool   // message-id: body.mid
	Clock                string // "", "seen" or "body.at"
}

// Name is the channel's name.
func (f *Flow) Name(channel int) string { return "c" + strconv.Itoa(channel) }

// ID is an entry of correlate; ids are named by their index.
type ID struct {
	Loose bool // ties: false
	Key   bool // the message's key, else a field of the body
}

// Step is a step of the flow; steps are named by their index.
type Step struct {
	Channel int
	Type    string // when: body.t == Type; "" for any
	AtLeast int    // and body.n >= AtLeast; 0 for no such condition
	After   []int
	Within  time.Duration
	// Count; nil is exactly once, and then the step is no list.
	Count    *Count
	Optional bool
	Checks   []Check
}

// StepName is the step's name.
func (f *Flow) StepName(step int) string { return "s" + strconv.Itoa(step) }

// Count is how often a step may occur.
type Count struct {
	Min, Max int // Max -1: no bound
	// Form is "" for the bounds; else the count is an expression on Step: "field"
	// body.c, "lines" len(body.l), "messages" len(step).
	Form string
	Step int
}

// Check is one of the forms of check.
type Check struct {
	Form CheckForm
	Step int // the other step
	K    int
}

// CheckForm is what a check says.
type CheckForm int

// The forms, with the text of each. K is a number and S a step.
const (
	OwnIs      CheckForm = iota // body.n == K
	OwnLeast                    // body.n >= K
	SameAs                      // body.n == S.body.n
	StepIs                      // S.body.n == K
	LenIs                       // len(S) == K
	AllLeast                    // all(S, .body.n >= K)
	FirstIs                     // S[0].body.n == K
	AbsentOr                    // S == nil or S.body.n == K
	Attempts                    // death.attempts == K
	Rejected                    // death.reason == "rejected"
	checkForms                  // how many there are
)

// Outcome is an outcome of the flow; outcomes are named by their index.
type Outcome struct {
	Steps  []int
	Checks []Check
}

// OutcomeName is the name that reports have.
func (f *Flow) OutcomeName(outcome int) string {
	if len(f.Outcomes) == 0 {
		return "all steps"
	}
	return "o" + strconv.Itoa(outcome)
}

// Rule is a rule across chains. Its name is its kind and index.
type Rule struct {
	Kind     string // ordered, unique, never, every, latency
	Channel  int
	Keyed    bool // per: body.k
	Gapless  bool
	Within   time.Duration
	From, To int
	Limits   []Limit
}

// Limit is a percentile and what it may be at most.
type Limit struct {
	Key            string // p95
	PerTenThousand int    // 9500
	Max            time.Duration
}

// RuleName is the name that its findings bear.
func (f *Flow) RuleName(rule int) string { return f.Rules[rule].Kind + strconv.Itoa(rule) }

func (f *Flow) timeout() int64 { return int64(orDefault(f.Timeout, DefaultTimeout)) }
func (f *Flow) skew() int64    { return int64(orDefault(f.Skew, DefaultSkew)) }

func (f *Flow) producerSkew() int64 {
	return int64(orDefault(f.ProducerSkew, time.Duration(f.skew())))
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// outcomes are the sets of steps in which a chain may end.
func (f *Flow) outcomes() []Outcome {
	if len(f.Outcomes) > 0 {
		return f.Outcomes
	}
	all := Outcome{}
	for s := range f.Steps {
		all.Steps = append(all.Steps, s)
	}
	return []Outcome{all}
}

// Run is what taps saw.
type Run struct {
	Mode    string // verify or shadow
	Started int64  // when the taps were armed; None where that is not known
	Events  []Event
}

// Event is a message, a gap or the end. Times are nanoseconds from the
// generator's epoch.
type Event struct {
	Message *Message
	Gap     *Gap
	End     bool
	At      int64 // of the end
}

// Gap is a tap's word that it may have lost messages.
type Gap struct {
	Channel int
	At      int64
	Reason  string
}

// Message is a message that a tap saw.
type Message struct {
	Channel   int // -1: one that the flow lacks
	Partition int32
	Offset    int64 // the queue's count with AMQP, the name with SNS
	Time      int64 // the broker's; None where it has none
	Seen      int64
	Producer  bool // Time is the producer's
	HasKey    bool
	Key       string
	Body      Body
	Death     *Death
	MessageID string // AMQP's property, or the header ce_id
}

// Body is what a message's body may hold; nil and "" are not in it.
type Body struct {
	Type    string
	IDs     [][]string // by id; nil: none
	Listed  []bool     // whether that id is a list, even of one
	N       *int
	Count   any // nil, int, float64, bool or string
	Lines   int // -1: none
	Seq     *int
	K, U    string
	MID     string
	Foreign bool
	At      int64
	Noise   int // makes another body of it
	// Broken: the body is cut off. Tombstone: there is none.
	Broken, Tombstone bool
}

// Death is what failure headers say.
type Death struct {
	Dialect   string // "x-original", "spring" or "x-death"; "" for no headers at all
	Origin    int    // channel; -1 for one that the flow lacks
	Placed    bool   // they tell the position
	Partition int32
	Offset    int64
	Attempts  int // 0: not told
	Reason    string
}

// Report is what there is to say of a run.
type Report struct {
	State                           string
	Seen, Matched                   int
	Chains, Pass, Fail, Unknown     int
	Outcomes                        map[string]int
	Undecided, Redelivered, Retried int
	Findings                        []Finding
	// Unknowns are the chains about which something is not known, each once; ""
	// is the whole run.
	Unknowns []string
}

// Finding is one violation.
type Finding struct {
	Kind, Chain, Step, Rule string
	Evidence                []string // channel and position
	// Anomaly is the finding's name as an anomaly of a log; Weak says that it is
	// not quite proven.
	Anomaly string
	Weak    bool
}
