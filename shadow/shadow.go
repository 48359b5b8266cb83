// Package shadow is the run without end: it taps every channel of any number of
// flows, judges each chain as it closes, and keeps what it needs to go on after
// a crash as if nothing had happened.
//
// The way of the data, for each flow:
//
//	            ┌→ journal, on the disk ──(fsync)──→ the tap may forget what came before the fence
//	hub: taps ──┤
//	            └→ flows.Live → judgements → findings file, metrics, notifiers
//
// What a flow's Live knows is a pure function of its journal. So there is one
// kind of checkpoint, the journal that has reached the disk, and one way to
// recover: read the journal again into a new Live, have the taps go on behind the
// last message in it, and tell each finding whose id is not in the findings file
// yet. docs/decisions has the reasons.
//
// It is handed taps only, so that the compiler keeps it from publishing.
package shadow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/flows"
)

// Config is what a shadow needs.
type Config struct {
	Flows []Watched
	// Tappers are the connections to brokers; Watched.Brokers are indices of it.
	Tappers []Tapper
	// State is the folder of journals and findings; "" keeps nothing: a new start
	// begins anew, and nothing is left on a broker.
	State string
	// Start is where taps begin that no journal has a place of.
	Start brokers.Start
	// Findings is the file to which findings are appended; "" is findings.jsonl in
	// State, or none.
	Findings string
	// For bounds the watch; 0: until the context ends.
	For time.Duration
	// Limits bound what it takes.
	Limits Limits
	// Record is how long rotated journals are kept as recordings, beyond what is
	// needed to go on; 0: not at all.
	Record time.Duration
	// Sample is the share of chains that are watched, by an id that every step
	// carries; 0 is all.
	Sample float64
	// Status, if not nil, is kept up to date.
	Status *Status
	// Watchers are told what happens. They must not block for long.
	Watchers []Watcher
	// Armed, if not nil, is called when every tap is armed.
	Armed func()
	Now   func() time.Time
	Log   *slog.Logger
}

// Watched is a flow with its channels.
type Watched struct {
	Flow *flows.Flow
	// Channels are the flow's channels as the brokers see them, by index, and
	// Brokers the index in Config.Tappers of each of the flow's brokers.
	Channels []brokers.Channel
	Brokers  []int
	// Schemas fetches what messages name from registries; nil: they stay unknown.
	Schemas flows.Schemas
}

// Tapper is a connection that taps can be armed on.
type Tapper struct {
	// Name is for logs.
	Name string
	// Beat is how often its taps are asked how far they have read; a second at
	// least.
	Beat time.Duration
	brokers.Tapper
}

// Limits bound a shadow. The zero value is useful.
type Limits struct {
	// Chains in memory, of all flows together; 0 is 1 000 000.
	Chains int
	// Messages of one chain; 0 is flows.DefaultMaxEntries.
	Entries int
	// Memory of the live heap in bytes, beyond which chains are let go of; 0 is
	// DefaultMemory.
	Memory int64
	// Bytes a second of payloads that are read, of all taps together; 0 is no
	// limit.
	Bytes int64
	// Journal is how many bytes the journals may take on the disk, of all flows
	// together; 0 is 4 GiB.
	Journal int64
}

// The default limits.
const (
	DefaultChains  = 1_000_000
	DefaultMemory  = 307 << 20
	DefaultJournal = 4 << 30
)

func (l Limits) withDefaults() Limits {
	if l.Chains == 0 {
		l.Chains = DefaultChains
	}
	if l.Memory == 0 {
		l.Memory = DefaultMemory
	}
	if l.Journal == 0 {
		l.Journal = DefaultJournal
	}
	return l
}

// Summary is what a shadow has to say at its end.
type Summary struct {
	Flows []FlowSummary
}

// FlowSummary is one flow's part: of the whole watch, restarts included.
type FlowSummary struct {
	Flow string
	flows.LiveStats
	// Findings stand; Standing are the last of them. Unknowns is how many reasons
	// were told, Reasons the last of them.
	Findings int
	Standing []Record
	Unknowns int
	Reasons  []flows.Unknown
}

// State is the verdict of the flow: fail where a finding stands, else unknown
// where there is a reason for it, or nothing was judged.
func (f *FlowSummary) State() flows.State {
	switch {
	case f.Findings > 0:
		return flows.Fail
	case f.Unknowns > 0 || f.Chains.Total == 0:
		return flows.NotKnown
	default:
		return flows.Pass
	}
}

// Errors that callers branch on.
var (
	// ErrState says that the state folder cannot be used.
	ErrState = errors.New("state folder")
	// ErrLeftBehind says that something that a tap created could not be removed.
	ErrLeftBehind = errors.New("something may be left on a broker")
)

// Run watches until ctx ends or the time is up: both are good ends. It returns
// what it has found, even beside an error. A broker that cannot be reached at the
// start, and a disk that takes nothing more, are errors.
func Run(ctx context.Context, cfg Config) (*Summary, error) {
	cfg.Limits = cfg.Limits.withDefaults()
	r := &runner{cfg: cfg}
	if err := r.open(); err != nil {
		return r.summary(), errors.Join(err, r.close(ctx))
	}
	err := r.run(ctx)
	if closeErr := r.close(ctx); closeErr != nil {
		err = errors.Join(err, closeErr)
	}
	if err != nil {
		err = fmt.Errorf("shadow: %w", err)
	}
	return r.summary(), err
}
