package scenarios

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// runner is one run. Its goroutine owns everything here but the taps.
type runner struct {
	cfg    Config
	began  time.Time
	events chan message.Event
	taps   []brokers.Tap
	audit  *flows.Audit

	all, queue []*instance
	active     []*instance
	sent       chan sending
	caught     chan catchUp
	catching   bool
	readTo     correlate.Instant // every tap has read to here, by the brokers' clocks
	lag        lag
	messages   int
	doubts     []string // of the taps, at the end
	stats      Stats
	changed    bool // something that a scenario waits for may have changed
}

// instance is a scenario under way.
type instance struct {
	scenario *flows.Scenario
	kase     flows.Case
	id       string

	sent    bool
	sentAt  time.Time
	err     error
	wait    flows.Wait
	decided time.Time // when its verdict was decided; zero while it is not
	done    bool
}

// sending is the word of a publisher.
type sending struct {
	instance *instance
	err      error
}

// catchUp is the word of all taps: that they had read to the instant, and that
// the brokers had nothing left.
type catchUp struct {
	started time.Time
	quiet   bool
	doubts  []string // why a tap cannot prove that it has delivered everything
	err     error
}

func (r *runner) loop(ctx context.Context) error {
	r.sent, r.caught = make(chan sending), make(chan catchUp)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if err := r.start(ctx); err != nil {
			return err
		}
		if len(r.active) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case e := <-r.events:
			if err := r.take(e); err != nil {
				return err
			}
			if len(r.events) > 0 {
				continue // look once, when all that has come is taken
			}
		case s := <-r.sent:
			s.instance.sent, s.instance.err, s.instance.sentAt = true, s.err, r.cfg.Now()
			r.changed = true
		case c := <-r.caught:
			if err := r.caughtUp(c); err != nil {
				return err
			}
		case <-timer.C:
			r.changed = true
		}
		r.look(ctx)
		timer.Reset(r.next())
	}
}

// take hands an event to the audit and the recording.
func (r *runner) take(e message.Event) error {
	if e.Observation != nil {
		r.messages++
		r.lag.note(e.Observation)
		e.Observation = r.cfg.Flow.Masked(e.Observation)
	}
	r.audit.Add(e)
	r.changed = true
	if r.cfg.Record != nil {
		return r.cfg.Record.Event(e)
	}
	return nil
}

// start sends triggers while there is room.
func (r *runner) start(ctx context.Context) error {
	for len(r.queue) > 0 && len(r.active) < max(1, r.cfg.Parallel) {
		in := r.queue[0]
		r.queue = r.queue[1:]
		triggers, err := in.scenario.Triggers(r.cfg.Flow, in.id, in.kase)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrTrigger, err)
		}
		for _, m := range in.marks(triggers, r.cfg.Now()) {
			if err := r.take(message.Event{Mark: m}); err != nil {
				return err
			}
		}
		r.active = append(r.active, in)
		go r.publish(ctx, in, triggers)
	}
	return nil
}

// marks say what is sent and expected: one for each chain that a trigger begins.
func (in *instance) marks(triggers []flows.Trigger, now time.Time) []*message.Mark {
	var marks []*message.Mark
	for _, t := range triggers {
		m := &message.Mark{
			Kind: message.MarkScenario, Seen: now, Name: in.scenario.Name, IDs: t.IDs,
			Outcome: t.Outcome, ID: in.id, Case: in.kase.Data(),
		}
		if !repeated(marks, m) {
			marks = append(marks, m)
		}
	}
	return marks
}

func repeated(marks []*message.Mark, m *message.Mark) bool {
	for _, have := range marks {
		for name, value := range m.IDs {
			if have.IDs[name] == value {
				return true
			}
		}
	}
	return false
}

func (r *runner) publish(ctx context.Context, in *instance, triggers []flows.Trigger) {
	var err error
	for i := range triggers {
		t := &triggers[i]
		ch := r.cfg.Channels[t.Channel]
		publisher := r.cfg.Publishers[r.cfg.Flow.Channels[t.Channel].Broker]
		if _, err = publisher.Publish(ctx, ch, brokers.Outgoing{Message: t.Message, Partition: t.Partition}); err != nil {
			err = fmt.Errorf("scenario %q: send to %s: %w", in.scenario.Name, ch.Name, err)
			break
		}
	}
	select {
	case r.sent <- sending{in, err}:
	case <-ctx.Done():
	}
}

// look asks of each scenario under way whether it is over, and the taps to
// catch up where that could tell.
func (r *runner) look(ctx context.Context) {
	now := r.cfg.Now()
	ask := false
	left := r.active[:0]
	for _, in := range r.active {
		if r.changed && in.sent && !in.done {
			r.judge(in, now)
		}
		if in.done {
			continue
		}
		left = append(left, in)
		ask = ask || r.wantsCatchUp(in, now)
	}
	r.active = left
	r.changed = false
	if ask && !r.catching {
		r.catching = true
		go r.catchUp(ctx)
	}
	r.report(now)
}

func (r *runner) judge(in *instance, now time.Time) {
	if in.err != nil {
		in.done = true
		return
	}
	in.wait = r.audit.Wait(in.id, r.readTo)
	switch {
	case !in.wait.Decided:
		in.decided = time.Time{}
	case in.decided.IsZero():
		in.decided = now
		if in.wait.Last.Known() {
			r.stats.Decided = max(r.stats.Decided, now.Sub(in.wait.Last.Time()))
		}
	}
	if !in.wait.Decided && !in.wait.Due.Known() && !in.wait.Last.Known() && now.After(in.sentAt.Add(r.limit(in))) {
		in.done = true // its trigger never came back: the audit says so
	}
	if in.scenario.Timeout > 0 && now.After(in.sentAt.Add(in.scenario.Timeout)) {
		in.done = true
	}
}

func (r *runner) limit(in *instance) time.Duration {
	if in.scenario.Timeout > 0 {
		return in.scenario.Timeout
	}
	return r.cfg.Flow.Timeout
}

// wantsCatchUp reports whether the taps' word could end the scenario now.
func (r *runner) wantsCatchUp(in *instance, now time.Time) bool {
	if !in.sent {
		return false
	}
	if !in.decided.IsZero() {
		return true
	}
	return in.wait.Due.Known() && now.After(r.lag.local(in.wait.Due))
}

// next is the time to the next deadline.
func (r *runner) next() time.Duration {
	now := r.cfg.Now()
	next := time.Minute
	for _, in := range r.active {
		switch {
		case !in.sent:
			continue
		case !in.decided.IsZero():
			next = min(next, quietInterval)
		case in.wait.Due.Known():
			next = min(next, r.lag.local(in.wait.Due).Sub(now)+time.Millisecond)
		default:
			next = min(next, in.sentAt.Add(r.limit(in)).Sub(now)+time.Millisecond)
		}
		if in.scenario.Timeout > 0 {
			next = min(next, in.sentAt.Add(in.scenario.Timeout).Sub(now)+time.Millisecond)
		}
	}
	return max(next, time.Millisecond)
}

// quietInterval is how often the brokers are asked whether all is quiet, while
// a scenario is watched for doubles.
const quietInterval = 25 * time.Millisecond

// catchUp asks the brokers whether all is quiet, and waits until every tap has
// delivered what there was.
func (r *runner) catchUp(ctx context.Context) {
	c := catchUp{started: r.cfg.Now()}
	c.quiet = r.quiet(ctx)
	c.doubts, c.err = r.catchUpAll(ctx)
	select {
	case r.caught <- c:
	case <-ctx.Done():
	}
}

// catchUpAll returns when every tap has delivered what its broker had, with the
// doubts of those that cannot prove it.
func (r *runner) catchUpAll(ctx context.Context) ([]string, error) {
	group, ctx := errgroup.WithContext(ctx)
	caught := make([]brokers.Caught, len(r.taps))
	for i, tap := range r.taps {
		group.Go(func() (err error) {
			caught[i], err = tap.CatchUp(ctx)
			return err
		})
	}
	err := group.Wait()
	var doubts []string
	for _, c := range caught {
		if !c.Exact && c.Reason != "" {
			doubts = append(doubts, c.Reason)
		}
	}
	return doubts, err
}

// quiet reports whether every broker knows that the system is quiet.
func (r *runner) quiet(ctx context.Context) bool {
	for i, tapper := range r.cfg.Tappers {
		watcher, ok := tapper.(brokers.Watcher)
		if !ok {
			return false
		}
		q, err := watcher.Quiet(ctx, r.channelsOf(i))
		if err != nil || !q.Known || !q.Quiet {
			return false
		}
	}
	return true
}

// caughtUp takes the taps' word: scenarios that were decided before it was asked
// for, and have been watched long enough, are over.
func (r *runner) caughtUp(c catchUp) error {
	r.catching, r.changed = false, true
	if c.err != nil {
		if errors.Is(c.err, context.Canceled) {
			return nil
		}
		return fmt.Errorf("a tap cannot tell how far it has read: %w", c.err)
	}
	for len(r.events) > 0 {
		if err := r.take(<-r.events); err != nil {
			return err
		}
	}
	r.readTo = max(r.readTo, r.lag.broker(c.started))
	now := r.cfg.Now()
	for _, in := range r.active {
		if !in.sent || in.err != nil {
			continue
		}
		r.judge(in, now)
		if in.decided.IsZero() || in.decided.After(c.started) {
			continue
		}
		// After a deadline, too, there is a wait: what comes a little later is told
		// as late rather than as missing.
		settled := c.started.Sub(in.decided) >= r.cfg.Flow.Settle &&
			(!in.wait.Last.Known() || c.started.Sub(in.wait.Last.Time()) >= r.cfg.Flow.Settle)
		if c.quiet || settled {
			in.done = true
			r.stats.Watched = max(r.stats.Watched, now.Sub(in.decided))
		}
	}
	return nil
}
