// Package brokers is the contract between flowcheck and a kind of broker.
//
// An adapter opens two separate things: a Publisher, which sends trigger
// messages, and a Tapper, which arms taps: readers that disturb nobody. A tap
// sends what it sees, as events, to one channel that the caller owns:
//
//	broker → Tap → message.Event → correlate → verdict
//
// The adapters live in the folders beside this one; the suite that each of
// them passes is brokertest. cmd/flowcheck wires them by a literal map.
package brokers

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/flowcheck/flowcheck/message"
)

// Errors that callers branch on. Adapters wrap them with what they were doing
// and the way out.
var (
	// ErrUnreachable: no connection to the broker.
	ErrUnreachable = errors.New("broker unreachable")
	// ErrRefused: the broker refused the login, the certificate or the permission.
	ErrRefused = errors.New("refused by the broker")
	// ErrAbsent: the topic, queue or exchange does not exist.
	ErrAbsent = errors.New("does not exist")
	// ErrNotTappable: reading it would disturb its consumers, or cannot be done.
	ErrNotTappable = errors.New("cannot be tapped")
	// ErrUnroutable: the broker took the message but no queue wanted it.
	ErrUnroutable = errors.New("unroutable")
	// ErrSettings: the settings of the broker are wrong, or a file that they name
	// cannot be read; no broker was asked.
	ErrSettings = errors.New("wrong settings")
	// ErrTooLarge: the message is beyond what the broker takes.
	ErrTooLarge = errors.New("message too large")
)

// Config tells how to reach one broker.
type Config struct {
	// Name is the broker's name in the flow file.
	Name string
	// URL as the flow file has it: kafka://host:port[,host:port], amqp://…,
	// amqps://…, aws://region, memory://name.
	URL string
	// Endpoint overrides the service's address (AWS emulators).
	Endpoint string
	// Management is the URL of RabbitMQ's management API, where it is to be used.
	Management string
	Username   string
	Password   string
	TLS        *TLS
	SASL       SASL
	AWS        AWS
	// RunID is part of the name of whatever is created: flowcheck-<RunID>-….
	RunID string
	Log   *slog.Logger
}

// Adapter is one kind of broker.
type Adapter struct {
	// Kind is the short name: kafka, rabbitmq, aws, memory.
	Kind string
	// Schemes are the URL schemes that select the adapter.
	Schemes []string
	// TapOnly: nothing can be published.
	TapOnly bool
	// CheckConfig reports what is wrong with the settings of a broker without
	// asking it and without reading the files that they name, or nil.
	CheckConfig func(Config) error
	// Check reports what is wrong with a channel without asking a broker, or nil.
	Check func(Channel) error
	// OpenTapper and OpenPublisher connect. They fail with ErrUnreachable,
	// ErrRefused or ErrSettings. Config.URL is valid for one of the Schemes.
	OpenTapper    func(context.Context, Config) (Tapper, error)
	OpenPublisher func(context.Context, Config) (Publisher, error)
	// Exec executes SQL statements in one transaction; nil where there is no SQL.
	Exec func(context.Context, Config, []string) error
	// Purge empties a channel's queue, without looking for who needs what is in it;
	// nil where there is nothing that could be purged.
	Purge func(context.Context, Config, Channel) error
}

// Channel is an address on a broker: what a flow file's channel says of it.
// Which fields matter depends on the kind of broker.
type Channel struct {
	// Name in the flow file; observations bear it.
	Name string

	Topic       string   // Kafka
	Exchange    string   // RabbitMQ
	RoutingKeys []string // RabbitMQ: binding keys to tap; the first is the one to publish with
	Queue       string   // RabbitMQ: a queue, tapped by its bindings
	Stream      string   // RabbitMQ
	SNS         string   // topic name or ARN
	SQS         string   // queue name, URL or ARN

	Path    string   // HTTP: what the system calls; a pattern of net/http's ServeMux
	Method  string   // HTTP; "": every method
	Answers []Answer // HTTP: one after the other, the last again and again; none: 200

	Query   string        // SQL: a SELECT whose rows are messages
	RowKeys []string      // SQL: the columns that tell rows apart; none: the first
	Every   time.Duration // SQL: how often it is asked; 0: 200 ms

	// Reply is where replies to what a run sends are to go, "" for every other
	// channel: a queue that the tap makes (RabbitMQ), or Topic (Kafka).
	Reply string

	Firehose  bool // RabbitMQ: tap: firehose
	Intrusive bool // SQS: consuming the queue is allowed
	Envelope  bool // SNS, SQS: the payload is SNS's envelope as it came, not what is in it

	// Consumers are the groups to wait for before the channel is quiet; empty:
	// those that the broker knows to have live members.
	Consumers []string
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

// StartAt tells where a tap begins.
type StartAt string

// Where a tap can begin. What a broker cannot do is an error of Tap.
const (
	StartEnd       StartAt = ""          // what is accepted after the tap is armed
	StartBeginning StartAt = "beginning" // the oldest that the broker still has
	StartOffset    StartAt = "offset"    // Start.Offset, in each partition
	StartTime      StartAt = "time"      // the first at or after Start.Time
)

// Start is where a tap begins. The zero value is the end.
type Start struct {
	At     StartAt
	Offset int64
	Time   time.Time
}

// TapConfig is what a tap reads and where it tells it.
type TapConfig struct {
	Channels []Channel
	Start    Start
	// Durable asks for a tap that outlives its connection, and with the same RunID
	// the process (shadow); else the broker drops it with the connection. A durable
	// tap tells how far it is by fences (message.MarkFence), one for each partition
	// or queue before its first message at least, and has the broker keep what lies
	// behind the last one of which Kept was called.
	Durable bool
	// Resume are fences of an earlier durable tap, the later ones last: where each
	// partition or queue goes on. Of a queue the tap takes the last that it can
	// still find, and tells no message again from before the last one's position.
	// What has been lost in between is a gap. A channel without a fence begins at
	// Start.
	Resume []message.Mark
	// Share, where it is set, picks the partitions that this tap reads: somebody else
	// reads the others. Where a channel has no partitions it is not asked.
	Share func(channel Channel, partition int32) bool
	// Events receives observations and gap marks. The tap blocks while it is
	// full, and never closes it; after Close returns, nothing more is sent.
	// Observations of one partition or queue come in their order.
	Events chan<- message.Event
}

// Tapper arms taps on one broker.
type Tapper interface {
	// Tap returns once every channel is armed: each message that the broker
	// accepts afterwards will be an event, and nobody else loses one. It fails
	// with ErrAbsent, ErrNotTappable, ErrRefused; then nothing is left behind.
	Tap(ctx context.Context, cfg TapConfig) (Tap, error)
	// Plan says, without creating anything, what Tap would create and read, and
	// the permissions it needs. Of the TapConfig Channels and Durable matter.
	Plan(ctx context.Context, cfg TapConfig) ([]Action, error)
	// Close ends the connection and every tap.
	Close() error
}

// Tap is an armed reader. Its methods may be called from any goroutine.
type Tap interface {
	// CatchUp returns once all that the broker had accepted when it was called
	// has been sent to Events. Where the broker cannot tell (real SQS), it
	// returns when the broker's own word says so, and Exact is false.
	CatchUp(ctx context.Context) (Caught, error)
	// Close stops reading and removes what the tap created, with ctx bounding
	// the wait. It may be called twice.
	Close(ctx context.Context) error
}

// Detacher is an optional interface of a durable Tap.
type Detacher interface {
	// Detach stops reading as Close does, and leaves on the broker what a later
	// tap goes on with.
	Detach(ctx context.Context) error
}

// Caught is how sure a CatchUp is.
type Caught struct {
	// Exact: the broker itself proved that nothing was left.
	Exact bool
	// Reason says why not, where it is not.
	Reason string
}

// Publisher sends messages. Its methods may be called from any goroutine.
type Publisher interface {
	// Publish returns once the broker has accepted the message, or with
	// ErrUnroutable, ErrAbsent, ErrTooLarge, ErrRefused, ErrUnreachable. A
	// failed Publish whose fate is unknown (a lost acknowledgement) says so.
	Publish(ctx context.Context, ch Channel, m Outgoing) (Receipt, error)
	// Close ends the connection.
	Close() error
}

// Enqueuer is an optional interface of a Publisher that keeps the order of messages
// without waiting for each acknowledgement.
type Enqueuer interface {
	// Enqueue hands the message over behind those that were handed over before for its
	// partition, and calls done once, from any goroutine, when the broker has accepted
	// it or not. done must not block. false: this message cannot be handed over;
	// Publish takes it, once the others are done.
	Enqueue(ctx context.Context, ch Channel, m Outgoing, done func(error)) bool
}

// Outgoing is a message to be published.
type Outgoing struct {
	message.Message
	// Partition to send to (Kafka); nil lets the key decide.
	Partition *int32
}

// Receipt is what the broker said of a message that it accepted.
type Receipt struct {
	Position message.Position // NoPosition where the broker does not tell
	Time     time.Time        // the broker's time, zero where it does not tell
}

// Action is one thing that a tap does on a broker: for --plan.
type Action struct {
	Verb       string // create, read, bind, subscribe, ask
	Object     string // what it acts on, for a reader
	Permission string // what the login must be allowed, in the broker's own words
}

// Identifier is an optional interface of a Tapper: which broker is this?
type Identifier interface {
	// Identify returns the kind and the cluster's own id.
	Identify(ctx context.Context) (message.BrokerIdentity, error)
}

// Watcher is an optional interface of a Tapper: has the system gone quiet?
type Watcher interface {
	// Quiet asks the broker whether the consumers of the channels have taken
	// everything: consumer-group lag, queue depth, SQS counts.
	Quiet(ctx context.Context, channels []Channel) (Quiescence, error)
}

// Quiescence is the broker's word on whether work is left.
type Quiescence struct {
	// Known is false where the broker cannot tell or may not be asked; then
	// Quiet means nothing and the caller falls back on waiting.
	Known bool
	Quiet bool
	// Reason tells what is not quiet, or why it is not known.
	Reason string
	// Left is how many messages wait where the reason tells of, at least; 0 where that
	// is not known.
	Left int
}
