package scenarios

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/message"
)

// watch is how a run asks the taps how far they have read, and the brokers
// whether all is quiet. It asks where that can end a scenario, and no more often
// than that.
type watch struct {
	caught   chan catchUp
	catching bool
	asked    time.Time     // when last
	pause    time.Duration // until the brokers are asked again
	told     bool          // the brokers can say whether all is quiet, as far as we know
	// caughtAt is when the taps were asked that have answered last: they have read
	// to there. judged is the latest such instant, in the brokers' clocks, that a
	// verdict rests on.
	caughtAt time.Time
	judged   correlate.Instant
}

func newWatch() watch {
	return watch{caught: make(chan catchUp), told: true, judged: correlate.Never}
}

// catchUp is the word of all taps: that they had read to the instant, and that
// the brokers had nothing left.
type catchUp struct {
	started time.Time
	quiet   brokers.Quiescence
	doubts  []string // why a tap cannot prove that it has delivered everything
	lost    []loss
}

// loss is a tap that cannot tell how far it has read.
type loss struct {
	tap armed
	err error
}

// err is the first loss.
func (c *catchUp) err() error {
	if len(c.lost) == 0 {
		return nil
	}
	return fmt.Errorf("a tap cannot tell how far it has read: %w", c.lost[0].err)
}

// quietInterval is how often the brokers are asked whether all is quiet, while a
// scenario is watched for doubles; they are asked more often at first, since most
// work is over soon: firstPause after the first time. catchUpTimeout is how long they and the
// taps may take to answer.
const (
	firstPause     = time.Millisecond
	quietInterval  = 25 * time.Millisecond
	catchUpTimeout = 30 * time.Second
)

// look asks of each scenario under way whether it is over, and the taps to
// catch up where that could tell.
func (r *runner) look(ctx context.Context) error {
	now := r.cfg.Now()
	ask := false
	left := r.active[:0]
	stirred, all := r.audit.Stirred()
	all, r.changed = all || r.changed, false
	for _, in := range r.active {
		if in.sent && (all || in.fresh || stirred[in.id]) {
			in.fresh = false
			r.judge(in, now)
			r.actInFlight(ctx, in)
		}
		if in.done {
			if err := r.over(in); err != nil {
				return err
			}
			continue
		}
		left = append(left, in)
		ask = ask || r.wantsCatchUp(in, now)
	}
	clear(r.active[len(left):])
	r.active = left
	if ask && !r.watch.catching {
		r.ask(ctx, now)
	}
	r.report(now)
	return nil
}

// judge looks where the scenario stands.
func (r *runner) judge(in *instance, now time.Time) {
	if in.err != nil {
		in.done = true
		return
	}
	in.wait = r.audit.Wait(in.id, r.readTo())
	if !in.wait.Decided && !in.wait.Due.Known() && now.After(in.sentAt.Add(r.limit(in))) {
		in.wait.Decided = true // a trigger never came back: the audit says so
	}
	if in.wait.Decided && in.try != nil && !r.mayEnd(in, now) {
		in.wait.Decided = false
	}
	switch {
	case !in.wait.Decided || in.acting():
		in.decided, in.asked = time.Time{}, false
	case in.decided.IsZero():
		in.decided = now
		if in.wait.Last.Known() {
			r.stats.Decided = max(r.stats.Decided, now.Sub(in.wait.Last.Time()))
		}
	}
	if in.scenario.Timeout > 0 && now.After(in.sentAt.Add(in.scenario.Timeout)) {
		in.done = true
	}
}

// readTo is how far every tap has read, by the brokers' clocks. What is learnt of
// their lag later counts for it, too.
func (r *runner) readTo() correlate.Instant {
	if r.watch.caughtAt.IsZero() {
		return correlate.Never
	}
	return r.lag.broker(r.watch.caughtAt)
}

func (r *runner) limit(in *instance) time.Duration {
	if in.scenario.Timeout > 0 {
		return in.scenario.Timeout
	}
	return r.cfg.Flow.Timeout
}

// settled is when a scenario that is decided has been watched for long enough,
// whatever the brokers say. After a deadline, too, there is a wait: what comes a
// little later is told as late rather than as missing.
func (r *runner) settled(in *instance) time.Time {
	from := in.decided
	if last := in.wait.Last; last.Known() && last.Time().After(from) {
		from = last.Time()
	}
	return from.Add(r.cfg.Flow.Settle)
}

// wantsCatchUp reports whether the taps' word could end the scenario now.
func (r *runner) wantsCatchUp(in *instance, now time.Time) bool {
	switch {
	case !in.sent:
		return false
	case in.decided.IsZero():
		return in.wait.Due.Known() && now.After(r.lag.local(in.wait.Due))
	case in.try != nil:
		return !now.Before(r.settled(in)) && (r.watch.asked.Before(r.settled(in)) || !now.Before(r.watch.asked.Add(quietInterval)))
	case !now.Before(r.settled(in)):
		return true
	default:
		return r.watch.told && (!in.asked || !now.Before(r.watch.asked.Add(r.watch.pause)))
	}
}

// soon is the time until it is to be looked again.
func (r *runner) soon() time.Duration {
	if r.changed {
		return 0
	}
	return r.next()
}

// next is the time to the next deadline.
func (r *runner) next() time.Duration {
	now := r.cfg.Now()
	next := time.Minute
	for _, in := range r.active {
		if !in.sent {
			continue
		}
		if in.scenario.Timeout > 0 {
			next = min(next, in.sentAt.Add(in.scenario.Timeout).Sub(now)+past)
		}
		if in.try != nil && now.Before(in.try.until) {
			next = min(next, in.try.until.Sub(now)+past)
		}
		switch {
		case in.decided.IsZero() && !in.wait.Due.Known():
			next = min(next, in.sentAt.Add(r.limit(in)).Sub(now)+past)
		case r.watch.catching: // its answer comes first
		case in.acting():
		case in.decided.IsZero():
			next = min(next, r.lag.local(in.wait.Due).Sub(now)+past)
		case in.try != nil:
			at := r.settled(in)
			if again := r.watch.asked.Add(quietInterval); !r.watch.asked.Before(at) {
				at = again
			}
			next = min(next, at.Sub(now))
		default:
			next = min(next, r.settled(in).Sub(now))
			if r.watch.told {
				next = min(next, r.watch.asked.Add(r.watch.pause).Sub(now))
			}
		}
	}
	return max(next, past)
}

// past is how long after a deadline it is looked at: it includes its end.
const past = time.Millisecond

// ask asks the brokers and the taps.
func (r *runner) ask(ctx context.Context, now time.Time) {
	r.watch.catching, r.watch.asked = true, now
	r.watch.pause = min(2*r.watch.pause, quietInterval)
	for _, in := range r.active {
		if !in.decided.IsZero() {
			if !in.asked {
				r.watch.pause = firstPause
			}
			in.asked, in.had = true, in.wait.Messages
		}
	}
	r.work.Go(func() { r.catchUp(ctx) })
}

// catchUp asks the brokers whether all is quiet, and then waits until every tap
// has delivered what there was: in that order, so that what the work that is
// over has sent is delivered, too.
func (r *runner) catchUp(ctx context.Context) {
	c := catchUp{started: r.cfg.Now()}
	c.quiet = r.quiet(ctx)
	c.doubts, c.lost = r.catchUpAll(ctx)
	select {
	case r.watch.caught <- c:
	case <-ctx.Done():
	}
}

// catchUpAll waits for every tap. It tells what a tap cannot prove, and which
// taps are lost.
func (r *runner) catchUpAll(ctx context.Context) (doubts []string, lost []loss) {
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	var group sync.WaitGroup
	caught := make([]brokers.Caught, len(r.taps))
	errs := make([]error, len(r.taps))
	for i, tap := range r.taps {
		group.Go(func() { caught[i], errs[i] = tap.CatchUp(ctx) })
	}
	group.Wait()
	for i, c := range caught {
		switch {
		case errs[i] != nil:
			lost = append(lost, loss{r.taps[i], errs[i]})
		case !c.Exact && c.Reason != "":
			doubts = append(doubts, c.Reason)
		}
	}
	return doubts, lost
}

// quiet asks every broker whether the system is quiet. That one cannot tell is
// the answer for all.
func (r *runner) quiet(ctx context.Context) brokers.Quiescence {
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	all := brokers.Quiescence{Known: true, Quiet: true}
	for i := range r.cfg.Flow.Brokers {
		tapper, ok := r.cfg.Tappers[i]
		if !ok {
			continue
		}
		watcher, ok := tapper.(brokers.Watcher)
		if !ok {
			return brokers.Quiescence{}
		}
		q, err := watcher.Quiet(ctx, r.channelsOf(i))
		if err != nil || !q.Known {
			return brokers.Quiescence{}
		}
		if !q.Quiet {
			all.Quiet = false
		}
	}
	return all
}

// lose ends the run where taps are lost: what they did not deliver from here on
// is a gap, and what has been proven stays.
func (r *runner) lose(lost []loss) error {
	r.broken = true
	for _, l := range lost {
		for _, ch := range r.channelsOf(l.tap.broker) {
			gap := &message.Mark{
				Kind: message.MarkGap, Channel: ch.Name, Seen: r.cfg.Now(),
				Reason: "the tap cannot tell how far it has read: " + l.err.Error(),
			}
			if err := r.take(message.Event{Mark: gap}); err != nil {
				return err
			}
		}
	}
	return nil
}

// caughtUp takes the taps' word: scenarios that were decided before it was asked
// for, and have been watched long enough, are over.
func (r *runner) caughtUp(ctx context.Context, c catchUp) error {
	r.watch.catching, r.changed = false, true
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case c.lost != nil:
		return r.lose(c.lost)
	}
	for range len(r.events) { // what the taps have delivered is there
		if err := r.take(<-r.events); err != nil {
			return err
		}
	}
	r.watch.caughtAt, r.watch.told = c.started, c.quiet.Known
	now := r.cfg.Now()
	for _, in := range r.active {
		if !in.sent || in.done {
			continue
		}
		if r.judge(in, now); !in.decided.IsZero() && in.asked {
			r.quieten(ctx, in, &c)
		}
	}
	return nil
}

// quieten ends a decided instance if, by the word of the brokers, no double is on
// its way.
func (r *runner) quieten(ctx context.Context, in *instance, c *catchUp) {
	// What came since the brokers were asked may have set off more.
	quiet := c.quiet.Known && c.quiet.Quiet && in.wait.Messages == in.had
	if in.try != nil {
		quiet = r.probeIsQuiet(in, *c, quiet)
		if quiet && r.actAtEnd(ctx, in) {
			return
		}
	}
	if quiet || in.try == nil && !c.started.Before(r.settled(in)) {
		in.done = true
		r.watch.judged = max(r.watch.judged, r.readTo())
		r.stats.Watched = max(r.stats.Watched, r.cfg.Now().Sub(in.decided))
	}
}
