package shadow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// watch is one flow. Its goroutine owns everything here but the atomics:
//
//	in → masked → not told before → journal's writer
//	                             └→ Live → records → ledger → watchers
type watch struct {
	index   int
	cfg     *Config
	flow    *flows.Flow
	log     *slog.Logger
	ledger  *ledger
	in      chan []message.Event
	live    *flows.Live
	learner *flows.Learner
	sampler *flows.Sampler // nil: every chain is watched

	unsampled *message.Mark // of the last message of which nothing can be said
	journal   *journal      // nil: nothing is kept
	writer    *writer
	lag       lag
	began     time.Time

	channels  map[string]int
	tappers   []int // by channel
	pending   []Record
	inherited map[string][]Record // findings that an earlier process told, of chains not judged since
	replaying bool
	waits     []bool  // by channel: messages may have waited for the tap
	counted   []int64 // by channel: what earlier taps had counted, where a tap counts its messages
	counting  counting
	marked    []time.Time    // by channel: when the journal last had a word of its tap
	carrying  sync.WaitGroup // of a trim
	trimming  chan trimmed
	crowded   time.Time // when it was told last that there are too many chains
	looked    time.Time // when it was last asked whether the journal can be trimmed

	ready  chan struct{} // closed: where every tap began is in the journal
	beaten map[int]bool  // tappers that have said that they had read everything
	stop   chan struct{} // closed: take what there is, and end
	err    error         // of run; read after it has ended
	final  flows.LiveStats
	broken atomic.Pointer[error]
	shed   atomic.Int64 // chains to let go of
	status *FlowStatus
}

// flowDir is the folder of a flow's journal: its name as far as a file may have
// it, and a hash, since two may come out alike.
func flowDir(state, flow string) string {
	sum := sha256.Sum256([]byte(flow))
	clean := make([]byte, 0, 40)
	for _, c := range []byte(flow)[:min(len(flow), 40)] {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' {
			clean = append(clean, c)
		} else {
			clean = append(clean, '_')
		}
	}
	return filepath.Join(state, string(clean)+"-"+hex.EncodeToString(sum[:4]))
}

func newWatch(cfg *Config, index int, l *ledger) *watch {
	f := cfg.Flows[index].Flow
	w := &watch{
		index: index, cfg: cfg, flow: f, log: cfg.Log.With("flow", f.Name), ledger: l, in: make(chan []message.Event, 16),
		channels: map[string]int{}, waits: make([]bool, len(f.Channels)), counted: make([]int64, len(f.Channels)), marked: make([]time.Time, len(f.Channels)),
		trimming: make(chan trimmed, 1), ready: make(chan struct{}), beaten: map[int]bool{}, stop: make(chan struct{}), began: cfg.Now(), lag: newLag(),
		status: newFlowStatus(f), learner: flows.NewLearner(f, cfg.Flows[index].Schemas),
	}
	for i := range f.Channels {
		w.channels[f.Channels[i].Name] = i
		w.tappers = append(w.tappers, cfg.Flows[index].Brokers[f.Channels[i].Broker])
	}
	return w
}

// open makes the flow's Live, from its journal where there is one.
func (w *watch) open() error {
	live := flows.LiveConfig{
		Started: w.began, Tell: w.tell, Released: w.released,
		MaxChains: max(1, w.cfg.Limits.Chains/len(w.cfg.Flows)), MaxEntries: w.cfg.Limits.Entries,
	}
	if err := w.sample(); err != nil {
		return err
	}
	if w.cfg.State == "" {
		w.live = flows.NewLive(w.flow, live)
		return nil
	}
	var err error
	if w.journal, err = openJournal(flowDir(w.cfg.State, w.flow.Name), w.flow.Name, w.began); err != nil {
		return err
	}
	if err = w.journal.sample(w.cfg.Sample); err != nil {
		return err
	}
	live.Started = w.journal.manifest.Started
	w.live = flows.NewLive(w.flow, live)
	if !w.journal.resumed() {
		if err = w.counting.resume(w.journal, nil, w.live.Stats()); err != nil {
			return err
		}
		w.writer, err = startWriter(w.journal)
		return err
	}
	w.replaying, w.inherited = true, w.ledger.inherited(w.flow.Name)
	if err = w.journal.replay(w.live); err != nil {
		return err
	}
	w.replaying = false
	w.counted = w.journal.places.counted(w.flow)
	stats := w.live.Stats()
	if err = w.counting.resume(w.journal, w.ledger.counted(w.flow.Name), stats); err != nil {
		return err
	}
	w.writer, err = startWriter(w.journal)
	w.log.Info("resumed", "kept", stats.Kept, "open", stats.Open, "alive", w.journal.alive)
	return err
}

// resume tells, once the taps are armed, how they were away.
func (w *watch) resume() {
	if w.journal == nil || !w.journal.resumed() || w.journal.alive.IsZero() {
		return
	}
	now := w.cfg.Now()
	var marks []message.Event
	for name, i := range w.channels {
		m := &message.Mark{Kind: message.MarkAway, Channel: name, Since: w.journal.alive, Seen: now}
		if !w.journal.places.resumable(name) {
			m = &message.Mark{Kind: message.MarkGap, Channel: name, Seen: now, Reason: "flowcheck was not running, and this tap cannot go on where it was"}
		}
		w.waits[i] = true
		marks = append(marks, message.Event{Mark: m})
	}
	w.take(marks)
}

// places are fences for the taps to go on with.
func (w *watch) places() []message.Mark {
	if w.journal == nil {
		return nil
	}
	return w.journal.places.marks()
}

// The clock of a watch: how often it looks at chains, and tells how many closed.
const (
	lookEvery  = 100 * time.Millisecond
	tallyEvery = 10 * time.Second
	wordEvery  = 5 * time.Second // a word of each tap in the journal, at least
)

// run takes events until it is stopped.
func (w *watch) run() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var failed chan error
	if w.writer != nil {
		failed = w.writer.failed
	}
	for w.err == nil {
		select {
		case batch := <-w.in:
			w.take(batch)
		case <-tick.C:
			w.sweep()
		case t := <-w.trimming:
			w.trimmed(t)
		case w.err = <-failed:
		case <-w.stop:
			for len(w.in) > 0 {
				w.take(<-w.in)
			}
			return
		}
	}
	err := w.err
	w.broken.Store(&err)
	for { // nothing more is judged; a hub that waits to hand on must not hang
		select {
		case <-w.in:
		case <-w.stop:
			return
		}
	}
}

// take takes a batch of events, which it may change.
func (w *watch) take(batch []message.Event) {
	var at places
	if w.journal != nil {
		at = w.journal.places
	}
	kept := w.new(batch, at)
	if w.writer != nil && len(kept) > 0 {
		w.writer.in <- kept
	}
	for _, e := range kept {
		if e.Observation != nil {
			w.status.Messages.Add(1)
			w.saw(e.Observation)
		}
		w.live.Add(e)
		if w.writer == nil && e.Mark != nil && e.Mark.Kept != nil {
			e.Mark.Kept()
		}
		if e.Mark != nil && e.Mark.Kind == message.MarkGap {
			w.status.Gaps.Add(1)
		}
	}
	w.flush()
}

// new are the events of a batch that have not been told before, masked, and what
// the hubs' words come to.
func (w *watch) new(batch []message.Event, at places) []message.Event {
	kept := make([]message.Event, 0, len(batch)+len(w.channels))
	bytes, now := 0, w.cfg.Now()
	for _, e := range batch {
		if e.Mark != nil && e.Mark.Kind == markBeat {
			kept = append(kept, w.beat(e.Mark)...)
			continue
		}
		if e.Observation != nil {
			for _, m := range w.learner.Learn(context.Background(), e.Observation, now) {
				kept = append(kept, message.Event{Mark: m})
			}
			if !w.sampled(e.Observation) {
				if gap := w.unsampled; gap != nil {
					kept = append(kept, message.Event{Mark: gap})
				}
				continue
			}
			e.Observation = w.flow.Masked(timely(e.Observation))
			w.countOn(e.Observation)
			bytes += len(e.Observation.Payload)
			w.note(e.Observation)
		}
		if at == nil || at.take(&e) && w.journal.ids.take(e.Observation) {
			kept = append(kept, e)
		}
	}
	w.status.Bytes.Add(int64(bytes))
	return kept
}

// countOn has the count of a queue go on where the last tap's ended: a tap counts
// what it reads, from 1.
func (w *watch) countOn(o *message.Observation) {
	if i, ok := w.channels[o.Channel]; ok && w.counted[i] > 0 && o.Position.Kind == message.Sequence {
		o.Position.Offset += w.counted[i]
	}
}

// note learns from a message how far its broker's clock is behind. One from before
// the watch tells nothing: it is old.
func (w *watch) note(o *message.Observation) {
	i, ok := w.channels[o.Channel]
	if !ok || o.Time.IsZero() || o.Time.Before(w.began) {
		return
	}
	w.lag.note(w.tappers[i], o.Seen.Sub(o.Time))
}

// beat takes a tap's word that it had read all that there was at an instant.
func (w *watch) beat(m *message.Mark) (marks []message.Event) {
	tapper := int(m.Position.Offset)
	for name, i := range w.channels {
		if w.tappers[i] != tapper {
			continue
		}
		w.live.ReadTo(i, correlate.InstantOf(w.lag.broker(m.Seen)))
		if !w.waits[i] && m.Seen.Sub(w.marked[i]) < wordEvery {
			continue
		}
		w.waits[i], w.marked[i] = false, m.Seen
		marks = append(marks, message.Event{Mark: &message.Mark{Kind: message.MarkBack, Channel: name, Seen: m.Seen}})
	}
	if n := len(marks); n > 0 && !w.beaten[tapper] {
		w.beaten[tapper] = true
		if !slices.ContainsFunc(w.tappers, func(t int) bool { return !w.beaten[t] }) {
			marks[n-1].Mark.Kept = func() { close(w.ready) }
		}
	}
	return marks
}

// sweep has the Live look at its chains, and looks after the journal.
func (w *watch) sweep() {
	now := w.cfg.Now()
	if n := w.shed.Swap(0); n > 0 {
		gone := w.live.Shed(int(n))
		w.status.Shed.Add(int64(gone))
		w.log.Warn("memory is short: chains are forgotten before their time", "chains", gone)
	}
	w.live.Sweep(correlate.InstantOf(now))
	w.count(now, false)
	w.flush()
	stats := w.live.Stats()
	w.status.Kept.Store(int64(stats.Kept))
	w.status.Open.Store(int64(stats.Open))
	w.crowd(int64(stats.Crowded), now)
	w.trim(now)
}

// crowd tells, once a minute at most, that there are more chains than are kept.
func (w *watch) crowd(crowded int64, now time.Time) {
	if before := w.status.Crowded.Swap(crowded); crowded == before || now.Sub(w.crowded) < time.Minute {
		return
	}
	w.crowded = now
	w.log.Warn("there are more chains than are kept: those that were quiet longest are forgotten before their time", "limit", w.cfg.Limits.Chains, "chains", crowded)
}

func (w *watch) released(last correlate.Instant, outcome string, state flows.State) {
	if w.journal != nil {
		w.journal.released(last, outcome, state)
	}
}

// close ends the watch, once run has. Chains that are open are not judged: they
// are open still.
func (w *watch) close() {
	if w.live == nil {
		return // it could not be opened
	}
	if w.writer != nil {
		if err := w.writer.close(); err != nil && w.err == nil {
			w.err = err
		}
	}
	w.carrying.Wait() // its files are the next process's
	select {
	case t := <-w.trimming:
		w.trimmed(t)
	default:
	}
	if w.err == nil {
		w.live.Sweep(correlate.InstantOf(w.cfg.Now()))
		if w.journal == nil {
			w.live.CloseRules() // with a journal they go on
		}
		w.count(w.cfg.Now(), true)
		w.flush()
	}
	if err := w.counting.close(); err != nil && w.err == nil {
		w.err = err
	}
	w.final = w.live.Stats()
	if w.journal != nil {
		total := flows.ChainCounts{Outcomes: map[string]int{}}
		add(&total, &w.journal.before)
		add(&total, &w.final.Chains)
		w.final.Chains = total
	}
}
