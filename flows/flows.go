// Package flows compiles flow files and judges chains by them.
//
// The way of the data:
//
//	observation → Intake → correlate.Message → correlate.Engine → Chain → Judge → Verdict
//	                 └──→ rules across chains ──────────────────────────────→ Finding
//
// Audit owns that way from end to end: it is fed the events of taps or of a
// recording and gives a Result. Judging is a pure function of the flow, the
// chain and the horizon: no clock, no I/O, no goroutine, so that a live run
// and a later verify say the same.
package flows

import (
	"maps"
	"slices"
	"time"

	"github.com/flowcheck/flowcheck/expression"
	"github.com/flowcheck/flowcheck/flows/source"
	"github.com/flowcheck/flowcheck/payload"
)

// Flow is a compiled flow file. It is safe for concurrent use, and immutable but
// for what it has learnt of schema registries.
type Flow struct {
	Name, About string
	Brokers     []Broker
	Channels    []Channel
	IDs         []IDName
	PartitionBy string // the name of an id that every step carries; "": not said
	Steps       []Step
	Outcomes    []Outcome
	Rules       []Rule
	Scenarios   []Scenario
	Mask        []Mask
	Noise       []Noise

	// Skew is how far the times of brokers may differ, ProducerSkew the same
	// where a time is a producer's.
	Skew, ProducerSkew time.Duration
	// Settle is how long a complete chain is watched for doubles, Timeout the
	// deadline of a required step that has no other, Remember how long a closed
	// chain is remembered.
	Settle, Timeout, Remember time.Duration

	// Draws is true where what scenarios send has test data, made from Options.Seed.
	Draws bool

	// Setup and Cleanup are called before anything is sent, and after all is over.
	Setup, Cleanup []*Call

	// unverifiedCalls are the hosts of calls with tls: insecure.
	unverifiedCalls []string

	variables map[string]bool // see Variables

	hooks    map[string]*callPlan
	maskSalt string
	book     *payload.Book // what is known of registries
	seed     uint64
	longest  time.Duration // the longest deadline of a step
}

// Variables are the names that --var may give a value: those that the file and the
// files of values define, and those that an expression names; not those that are a
// scenario's own. Sorted.
func (f *Flow) Variables() []string { return slices.Sorted(maps.Keys(f.variables)) }

// Broker is one broker of the flow, with every ${…} evaluated.
type Broker struct {
	// Proxy is where flowcheck listens for the system, "" for nowhere, and ProxyTo
	// where that passes on to.
	Proxy, ProxyTo                                      string
	Name, URL, Endpoint, Management, Username, Password string
	TLS                                                 *source.TLS
	SASL                                                SASL
	AWS                                                 AWS
	// At is where the file has it. Lacking tells that an Offline flow could not
	// evaluate all of it; so it is with channels.
	At      source.Position
	Lacking bool
}

// SASL is how to log in; see the flow file's reference.
type SASL struct {
	Mechanism, TokenURL, ClientID, ClientSecret, Token, Region string
	Service, Realm, Config, Keytab                             string
	Scopes                                                     []string
}

// AWS is who to be on AWS.
type AWS struct{ Profile, RoleARN, ExternalID, WebIdentityTokenFile string }

// IDName is one entry of correlate.
type IDName struct {
	Name string
	Ties bool
}

// Channel is one channel of the flow.
type Channel struct {
	Name   string
	Broker int // index
	// At is where the file has it.
	At      source.Position
	Lacking bool
	// Address of the channel on its broker; see source.Channel.
	Topic, Exchange, Queue, Stream, SNS, SQS string
	RoutingKeys, Consumers                   []string
	Path, Method, Query                      string
	RowKeys                                  []string
	Every                                    time.Duration
	Answers                                  []Answer
	// Reply is where replies to what a run sends are to go; "": it is no channel for
	// them. Own tells that the tap makes it.
	Reply string
	Own   bool
	// Purgeable: its queue may be emptied.
	Purgeable bool

	Firehose, Intrusive, Envelope bool

	// Only: a message that is no step is unexpected.
	Only bool
	// DeadLetters and Retries are the channels whose copies come here.
	DeadLetters, Retries []int
	// Copy is how much of the origin a dead-lettered copy keeps.
	Copy CopyRule
	// Redeliveries tells which further copies pass.
	Redeliveries Redeliveries
	// Registry is where its schemas come from; nil where they come from nowhere.
	Registry *Registry

	intake intakePlan
}

// Registry is a schema registry, and the login there.
type Registry struct {
	URL, Username, Password, Token string
	TLS                            *source.TLS // nil: none
}

// Answer is what a caller over HTTP gets.
type Answer struct {
	Status  int // 0: 200
	Headers []AnswerHeader
	Body    []byte
	Delay   time.Duration
}

// AnswerHeader is a header of an answer.
type AnswerHeader struct{ Name, Value string }

// CopyRule tells what a dead-lettered copy must have in common with its origin.
type CopyRule uint8

// The rules for copies.
const (
	CopyWhole CopyRule = iota // body and key
	CopyBody
	CopyNone
)

// Redeliveries tells which further copies of a message pass and are counted.
type Redeliveries uint8

// The rules for redeliveries.
const (
	RedeliveriesJudged Redeliveries = iota // every copy counts
	RedeliveriesAllow                      // identical copies pass
	RedeliveriesSameID                     // copies with the same message id pass
)

// Step is one kind of message in a chain.
type Step struct {
	Name     string
	Channel  int
	After    []int // steps
	Within   time.Duration
	Optional bool
	// Repeatable: a verbatim repeat is no effect of a probe.
	Repeatable bool
	// Counted tells that the step may occur otherwise than once, and is a list in
	// expressions; Min and Max (-1: no bound) are the bounds, where Count is not
	// set.
	Counted  bool
	Min, Max int

	count    *program
	checks   []*program
	outcomes uint64 // those that the step may be in
	fits     bool   // optional, and in no outcome: may be in all
	retained []int  // slots of the channel that are kept in Entry.Fields
	text     string // the count, as the file has it
}

// Outcome is a set of steps in which a chain may rightly end.
type Outcome struct {
	Name  string
	Steps []int // in the order of the file

	// members are those, and the optional steps that no outcome lists: they may be
	// in any, and where they come their count is judged.
	members []int
	checks  []*program
}

// Mask is a part of messages that is hashed before it leaves memory.
type Mask struct {
	Header string   // a header's name, or
	Path   []string // a path into the body, or
	Key    bool     // the key
}

// program is a compiled expression with what a report says of it.
type program struct {
	*expression.Program
	source string
	// needs are the steps that it reads beside its own: while one of them is
	// absent that is not optional, what hangs on it is not judged.
	needs []int
}
