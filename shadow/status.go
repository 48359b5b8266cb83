package shadow

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// Watcher is told what happens, from the goroutines that judge: it must not block.
type Watcher interface {
	// Closed is told each chain that closes for the first time.
	Closed(flow string, j *flows.Judgement)
	// Told is told each record that is new, once it is in the findings file.
	Told(r *Record)
}

// Seer is an optional interface of a Watcher.
type Seer interface {
	// Saw is told each message, masked, before it is judged. It must not change it,
	// and must not block.
	Saw(flow string, o *message.Observation)
}

// saw tells those who want to know of each message.
func (w *watch) saw(o *message.Observation) {
	for _, watcher := range w.cfg.Watchers {
		if s, ok := watcher.(Seer); ok {
			s.Saw(w.flow.Name, o)
		}
	}
}

// Status is how a shadow is doing. It may be read at any time.
type Status struct {
	// Armed tells that every tap is armed.
	Armed atomic.Bool

	mu      sync.Mutex
	flows   []*FlowStatus
	tappers []*TapperStatus
}

// FlowStatus is how one flow is doing.
type FlowStatus struct {
	Flow string
	// Messages and Bytes of payloads that were read, Gaps told, chains Kept in
	// memory, and those Open of them.
	Messages, Bytes, Gaps, Kept, Open atomic.Int64
	// Shed are chains that were let go of because memory was short, Crowded because
	// there were too many, and Shortened files of the journal that went before their
	// time because it was too large.
	Shed, Crowded, Shortened atomic.Int64
	// Findings, Withdrawn and Unknowns told by this process.
	Findings, Withdrawn, Unknowns atomic.Int64
}

func newFlowStatus(f *flows.Flow) *FlowStatus { return &FlowStatus{Flow: f.Name} }

func (s *FlowStatus) count(r *Record) {
	switch r.Event {
	case EventFinding:
		s.Findings.Add(1)
	case EventWithdrawn:
		s.Withdrawn.Add(1)
	case EventUnknown:
		s.Unknowns.Add(1)
	}
}

// TapperStatus is how the taps of one broker are doing.
type TapperStatus struct {
	Name string
	// Beat is when they were asked last that have answered since that they had read
	// all that there was, in nanoseconds since 1970; 0: never.
	Beat atomic.Int64
	// Throttled is how long reading was held back by the limit of bytes a second,
	// in nanoseconds.
	Throttled atomic.Int64
}

// Behind is how long ago the taps had read everything, as of now.
func (t *TapperStatus) Behind(now time.Time) time.Duration {
	if at := t.Beat.Load(); at != 0 {
		return max(0, now.Sub(time.Unix(0, at)))
	}
	return -1
}

func (s *Status) set(flows []*FlowStatus, tappers []*TapperStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flows, s.tappers = flows, tappers
}

// Flows are the flows that are watched.
func (s *Status) Flows() []*FlowStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flows
}

// Tappers are the brokers that are tapped.
func (s *Status) Tappers() []*TapperStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tappers
}

// stale is how long the taps of a broker may have been silent before the shadow is
// not ready.
const stale = time.Minute

// Ready reports whether every tap is armed and has lately read all that there was;
// else why not.
func (s *Status) Ready(now time.Time) (ok bool, why string) {
	if !s.Armed.Load() {
		return false, "the taps are not armed yet"
	}
	for _, t := range s.Tappers() {
		switch behind := t.Behind(now); {
		case behind < 0:
			return false, "broker " + t.Name + ": its taps have not caught up yet"
		case behind > stale:
			return false, "broker " + t.Name + ": its taps have not caught up for " + behind.Round(time.Second).String()
		}
	}
	return true, ""
}
