// Package scenarios runs a flow's scenarios against the live system.
//
// The way of the data:
//
//	taps armed → triggers published → events of the taps ─┐
//	                                                      ├→ recording
//	                                                      └→ Audit → Result
//
// One goroutine, Run's, owns the audit; taps and publishers send to it. Nothing
// sleeps: a scenario is over when its verdict cannot change any more and the
// brokers, or the flow's settle, say that no double is on its way.
package scenarios

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// Config is what a run needs. All fields but Record, Only and Progress are
// required.
type Config struct {
	Flow *flows.Flow
	// Tappers and Publishers by the index of the broker in the flow. A publisher
	// is needed only where a scenario sends.
	Tappers    map[int]brokers.Tapper
	Publishers map[int]brokers.Publisher
	// Channels are the flow's channels as the brokers see them, by index.
	Channels []brokers.Channel
	// Only names the scenarios to run; empty: all.
	Only []string
	// Probes names the probes to try; nil: those that the file asks for.
	Probes []string
	// Fault is how long the probe cut disturbs a connection; 0 is DefaultFault.
	Fault time.Duration
	// FailFast leaves out the tries of poison, restart and cut that are left once one
	// of the scenario has failed.
	FailFast bool
	// Whole keeps whole messages for the report, probes or not.
	Whole bool
	// Parallel is how many scenarios are under way at once; at least 1.
	Parallel int
	// Schemas fetches what the channels' registries have; it may be nil where no
	// channel has one.
	Schemas flows.Schemas
	// Errands does what setup and cleanup want on a broker; it may be nil where they
	// want nothing.
	Errands Errander
	// Record, if not nil, is given the header and then every event.
	Record Recorder
	// Progress, if not nil, is called from Run's goroutine when something changed.
	Progress func(Progress)
	// Now reads the clock, NewID makes a scenario's fresh id. Both are called by
	// several goroutines at once.
	Now   func() time.Time
	NewID func() string
	Log   *slog.Logger
}

// Recorder keeps what a run sees.
type Recorder interface {
	// Begin is called once, when every tap is armed.
	Begin(message.RecordingHeader) error
	// Event is called for each event, in the order of arrival.
	Event(message.Event) error
}

// Progress is how far a run is.
type Progress struct {
	Stage                string // arming, running, closing
	Scenarios, Done      int
	Messages             int
	Waiting              string // what the oldest scenario waits for
	Since                time.Duration
	WatchingForDoubles   int
	Undecided, Published int
}

// Stats are the times of a run.
type Stats struct {
	// Armed is how long arming the taps took.
	Armed time.Duration
	// Decided is, of the slowest scenario, the time from the last message seen to
	// the decision; Watched is how long was then waited for doubles.
	Decided, Watched time.Duration
	// Total is the whole run.
	Total time.Duration
}

// Errors that callers branch on.
var (
	// ErrNothing says that the flow has no scenario to run.
	ErrNothing = errors.New("no scenario to run")
	// ErrTrigger says that what a scenario sends cannot be made.
	ErrTrigger = errors.New("what the scenario sends cannot be made")
	// ErrLeftBehind says that something that a tap created could not be removed.
	ErrLeftBehind = errors.New("something may be left on a broker")
)

// tapCloseTimeout bounds the removal of what the taps created.
const tapCloseTimeout = 15 * time.Second

// Run arms every tap, sends each scenario's trigger, and judges what comes of
// it. It returns when every verdict is decided. When ctx ends it removes what
// it created and returns ctx's error. The flow's setup comes before all of
// that but the proxies, so that it can have the system connect through them; its
// cleanup comes after it. A broker that cannot be reached or tapped
// is an error; a trigger that could not be sent makes its scenario unknown.
func Run(ctx context.Context, cfg Config) (result *flows.Result, stats Stats, err error) {
	r := &runner{
		cfg: cfg, began: cfg.Now(), events: make(chan message.Event, eventBuffer), lag: newLag(cfg.Flow), watch: newWatch(),
		learner: flows.NewLearner(cfg.Flow, cfg.Schemas),
	}
	if err := r.learner.Prepare(ctx); err != nil {
		return nil, stats, err
	}
	if err := r.choose(); err != nil {
		return nil, stats, err
	}
	if err := r.startProxies(); err != nil {
		return nil, stats, err
	}
	defer r.proxies.close()
	defer func() {
		switch failed := CleanUp(ctx, cfg.Flow, cfg.Errands); {
		case len(failed) == 0:
		case err == nil: // the verdict stands
			result.Warnings = append(result.Warnings, failed...)
		default:
			err = fmt.Errorf("%w; and %s", err, strings.Join(failed, "; "))
		}
	}()
	if err := SetUp(ctx, cfg.Flow, cfg.Errands); err != nil {
		return nil, stats, err
	}
	defer func() {
		switch closeErr := r.closeTaps(); {
		case closeErr == nil:
		case err == nil: // the verdict stands
			result.Warnings = append(result.Warnings, closeErr.Error())
		default:
			err = fmt.Errorf("%w; and %w", err, closeErr)
		}
	}()
	if err := r.arm(ctx); err != nil {
		return nil, stats, err
	}
	if err := r.loop(ctx); err != nil {
		return nil, stats, err
	}
	result, err = r.finish(ctx)
	r.stats.Total = cfg.Now().Sub(r.began)
	return result, r.stats, err
}

// eventBuffer is how many events wait for the owner of the audit.
const eventBuffer = 1024

// choose lists the runs: a scenario once for each of its cases. What cannot be
// sent is told before anything is.
func (r *runner) choose() error {
	for i := range r.cfg.Flow.Scenarios {
		s := &r.cfg.Flow.Scenarios[i]
		if !chosen(r.cfg.Only, s.Name) {
			continue
		}
		for _, kase := range s.Cases {
			in := &instance{scenario: s, kase: kase, id: r.cfg.NewID()}
			if _, err := s.Triggers(r.cfg.Flow, in.id, kase); err != nil {
				return fmt.Errorf("%w: %w", ErrTrigger, err)
			}
			in.probes = s.Tried(r.cfg.Probes)
			r.probing = r.probing || len(in.probes) > 0
			r.queue = append(r.queue, in)
		}
	}
	if len(r.queue) == 0 {
		return fmt.Errorf("flow %s: %w", r.cfg.Flow.Name, ErrNothing)
	}
	r.all = r.queue
	return nil
}

func chosen(only []string, name string) bool {
	if len(only) == 0 {
		return true
	}
	for _, o := range only {
		if o == name {
			return true
		}
	}
	return false
}
