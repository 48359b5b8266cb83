package scenarios

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// DrillConfig is what a drill needs of the system. Record, Schemas and Progress
// may be nil.
type DrillConfig struct {
	Flow     *flows.Flow
	Tappers  map[int]brokers.Tapper
	Channels []brokers.Channel
	Record   Recorder
	Schemas  flows.Schemas
	Progress func(DrillProgress)
	// Untapped names channels that are left alone.
	Untapped map[string]bool
	Now      func() time.Time
	Log      *slog.Logger
}

// DrillProgress is how far a drill is.
type DrillProgress struct {
	Messages, Chains, Decided, Found, Dead int
	Waiting                                bool // all is sent
}

// Drill is armed taps, and the chains that a replay sets off: legs of triggers
// sent from outside, each with the wait for what comes of it. It is for one
// goroutine.
//
//	OpenDrill → Leg: Send, wait, read to the end → … → Close
type Drill struct {
	r       *runner
	started time.Time
	leg     *Leg
	chains  map[string]*drillChain
	open    map[string]*drillChain // undecided
	found   int
	dead    map[string]bool // channels
	parked  int
	last    time.Time // a message came, or all was sent
	looked  time.Time
	sending bool
	stopped error
}

// drillChain is where a chain of a leg stands.
type drillChain struct {
	id      string
	decided bool
	found   int
}

// View is an audit that is shown what the taps see, and what goes with it.
type View struct {
	Audit *flows.Audit
	// Take, if not nil, is given each observation before the audit.
	Take func(*message.Observation)
	// Skip, if not nil, says that the view is not shown an observation.
	Skip func(*message.Observation) bool
}

// Leg is a sending of triggers. What comes is shown to every view; the first one's
// audit says what is still waited for.
type Leg struct {
	Views []*View
	// Chains are those that are set off: ids by name.
	Chains []map[string]string
	// Send sends everything, beside the taps; an error ends the leg early, and what
	// has been sent is still waited for.
	Send func(context.Context) error
	// Limits end the sending; 0 is none.
	Limits DrillLimits
	// Done, if not nil, says that all that is hoped for has come; until then Patience
	// is waited after the last message, and that the brokers are quiet proves nothing.
	Done     func() bool
	Patience time.Duration
	// NoEffect: nothing is expected to come. Where the brokers cannot tell whether
	// all is quiet, the flow's timeout is waited.
	NoEffect bool
}

// DrillLimits are how much may go wrong before a replay stops.
type DrillLimits struct {
	// Findings of the chains so far, Dead letters of whatever chain, and Open chains
	// that have no verdict yet.
	Findings, Dead, Open int
}

// ErrLimit says that a limit has ended the sending.
var ErrLimit = errors.New("a limit was passed")

// drillTick is how often a drill looks where it stands; drillPause the longest
// time between two questions to the brokers.
const (
	drillTick  = 50 * time.Millisecond
	drillPause = 250 * time.Millisecond
)

// OpenDrill arms a tap on every channel. The caller closes the drill, after an
// error, too.
func OpenDrill(ctx context.Context, cfg DrillConfig) (*Drill, error) {
	r := &runner{
		cfg: Config{
			Flow: cfg.Flow, Tappers: cfg.Tappers, Channels: cfg.Channels, Record: cfg.Record, Schemas: cfg.Schemas, Now: cfg.Now, Log: cfg.Log,
		},
		began: cfg.Now(), events: make(chan message.Event, eventBuffer), lag: newLag(cfg.Flow), watch: newWatch(),
		learner: flows.NewLearner(cfg.Flow, cfg.Schemas), untapped: cfg.Untapped,
	}
	d := &Drill{r: r, dead: map[string]bool{}}
	for i := range cfg.Flow.Channels {
		d.dead[cfg.Flow.Channels[i].Name] = cfg.Flow.Channels[i].DeadLetters != nil
	}
	if cfg.Progress != nil {
		r.cfg.Progress = func(Progress) { cfg.Progress(d.progress()) }
	}
	if err := r.learner.Prepare(ctx); err != nil {
		return d, err
	}
	if err := r.armTaps(ctx, brokers.TapConfig{Events: r.events}); err != nil {
		return d, err
	}
	d.started = cfg.Now()
	if cfg.Record == nil {
		return d, nil
	}
	return d, cfg.Record.Begin(message.RecordingHeader{
		Flow: cfg.Flow.Name, Started: d.started, Brokers: Identities(ctx, cfg.Flow, cfg.Tappers),
	})
}

// Started is when the taps were armed.
func (d *Drill) Started() time.Time { return d.started }

// Messages is how many the taps have seen.
func (d *Drill) Messages() int { return d.r.messages }

func (d *Drill) progress() DrillProgress {
	return DrillProgress{
		Messages: d.r.messages, Chains: len(d.chains), Decided: len(d.chains) - len(d.open), Found: d.found, Dead: d.parked, Waiting: !d.sending,
	}
}

// Close removes what the taps created.
func (d *Drill) Close() error { return d.r.closeTaps() }

// Go sends the leg's triggers, waits for what comes of them, and has the taps read
// to the end, which is returned: the views' audits may be given it. The error is
// ctx's or a recorder's; stopped is what ended the sending early.
func (d *Drill) Go(ctx context.Context, leg *Leg) (end *message.Mark, stopped, err error) {
	d.begin(leg)
	if err := d.send(ctx); err != nil {
		return nil, d.stopped, err
	}
	lost, err := d.wait(ctx)
	if err != nil {
		return nil, d.stopped, err
	}
	if lost != nil {
		return nil, d.stopped, d.lose(lost)
	}
	var c catchUp
	if c, err = d.r.readToEnd(ctx, d.take); err != nil {
		return nil, d.stopped, err
	}
	if c.lost != nil {
		return nil, d.stopped, d.lose(c.lost)
	}
	at := max(d.r.lag.broker(c.started), d.r.watch.judged)
	end = &message.Mark{Kind: message.MarkEnd, Seen: at.Time()}
	return end, d.stopped, nil
}

// End writes the end of the recording.
func (d *Drill) End(end *message.Mark) error {
	if d.r.cfg.Record == nil || end == nil {
		return nil
	}
	return d.r.cfg.Record.Event(message.Event{Mark: end})
}

// begin has the audit of the first view know the chains of the leg.
func (d *Drill) begin(leg *Leg) {
	d.leg, d.stopped, d.found = leg, nil, 0
	d.chains, d.open = map[string]*drillChain{}, map[string]*drillChain{}
	for i, ids := range leg.Chains {
		c := &drillChain{id: fmt.Sprint(i)}
		d.chains[c.id], d.open[c.id] = c, c
		for _, v := range leg.Views {
			v.Audit.Add(message.Event{Mark: &message.Mark{Kind: message.MarkScenario, Seen: d.started, IDs: ids, ID: c.id}})
		}
	}
	d.r.audit = leg.Views[0].Audit
	d.r.audit.Stirred()
}

// take shows an event to the views and writes it.
func (d *Drill) take(e message.Event) error {
	if o := e.Observation; o != nil {
		d.r.messages++
		if d.dead[o.Channel] {
			d.parked++
		}
		if err := d.r.learn(o); err != nil {
			return err
		}
		e.Observation = d.r.cfg.Flow.Masked(timely(o))
		d.r.lag.note(e.Observation)
		d.last = d.r.cfg.Now()
	}
	for _, v := range d.leg.Views {
		if e.Observation != nil && v.Skip != nil && v.Skip(e.Observation) {
			continue
		}
		if e.Observation != nil && v.Take != nil {
			v.Take(e.Observation)
		}
		v.Audit.Add(e)
	}
	if d.r.cfg.Record != nil {
		return d.r.cfg.Record.Event(e)
	}
	return nil
}

// during runs f while events are taken.
func (d *Drill) during(ctx context.Context, f func(context.Context), tick func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(ctx)
	}()
	ticker := time.NewTicker(drillTick)
	defer ticker.Stop()
	for {
		select {
		case e := <-d.r.events:
			if err := d.take(e); err != nil {
				cancel()
				<-done
				return err
			}
		case <-ticker.C:
			tick()
		case <-done:
			return nil
		}
	}
}

// send sends while events are taken, and stops where a limit is passed.
func (d *Drill) send(ctx context.Context) error {
	sendCtx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var sendErr error
	d.sending = true
	err := d.during(sendCtx, func(ctx context.Context) { sendErr = d.leg.Send(ctx) }, func() {
		d.look(false)
		if passed := d.passed(); passed != "" {
			stop(fmt.Errorf("%w: %s", ErrLimit, passed))
		}
	})
	d.sending = false
	d.last = d.r.cfg.Now()
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case sendCtx.Err() != nil:
		d.stopped = context.Cause(sendCtx)
	default:
		d.stopped = sendErr
	}
	return nil
}

// passed tells which limit is passed.
func (d *Drill) passed() string {
	l := d.leg.Limits
	over := func(n, limit int) bool { return limit > 0 && n > limit }
	switch {
	case over(d.found, l.Findings):
		return fmt.Sprintf("%d findings, more than %d", d.found, l.Findings)
	case over(d.parked, l.Dead):
		return fmt.Sprintf("%d dead letters, more than %d", d.parked, l.Dead)
	case over(d.begun(), l.Open):
		return fmt.Sprintf("%d chains wait for their next step, more than %d", d.begun(), l.Open)
	}
	return ""
}

// begun counts the chains that have begun and are not decided.
func (d *Drill) begun() int {
	if d.leg.Limits.Open == 0 {
		return 0
	}
	n := 0
	for id := range d.open {
		if d.r.audit.Wait(id, d.readTo()).Messages > 0 {
			n++
		}
	}
	return n
}

func (d *Drill) readTo() correlate.Instant { return d.r.readTo() }

// maxLook bounds the undecided chains that are looked at each time; with more,
// all are looked at once a second.
const maxLook = 5000

// look asks the audit where the chains stand: those that have grown, and with
// all every one that is undecided.
func (d *Drill) look(all bool) {
	now := d.r.cfg.Now()
	stirred, every := d.r.audit.Stirred()
	if every && len(d.chains) <= maxLook {
		for _, c := range d.chains {
			d.see(c)
		}
	}
	for id := range stirred {
		if c := d.chains[id]; c != nil {
			d.see(c)
		}
	}
	if all && (len(d.open) <= maxLook || now.Sub(d.looked) > time.Second) {
		d.looked = now
		for _, c := range d.open {
			d.see(c)
		}
	}
	d.r.report(now)
}

// see looks where a chain stands.
func (d *Drill) see(c *drillChain) {
	w := d.r.audit.Wait(c.id, d.readTo())
	d.found += w.Found - c.found
	c.found = w.Found
	overdue := !w.Due.Known() && !d.sending && d.r.cfg.Now().After(d.last.Add(d.r.cfg.Flow.Timeout))
	if c.decided = w.Decided || overdue; c.decided {
		delete(d.open, c.id)
	} else {
		d.open[c.id] = c
	}
}

// wait waits until every chain is decided and the brokers, or the flow's settle,
// say that all is quiet.
func (d *Drill) wait(ctx context.Context) (lost []loss, err error) {
	pause := drillTick
	for {
		var c catchUp
		before := d.r.messages
		err := d.during(ctx, func(ctx context.Context) {
			c.started = d.r.cfg.Now()
			c.quiet = d.r.quiet(ctx)
			c.doubts, c.lost = d.r.catchUpAll(ctx)
		}, func() {})
		switch {
		case err != nil:
			return nil, err
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case c.lost != nil:
			return c.lost, nil
		}
		for range len(d.r.events) {
			if err := d.take(<-d.r.events); err != nil {
				return nil, err
			}
		}
		d.r.watch.caughtAt = c.started
		d.look(true)
		if len(d.open) == 0 && d.isQuiet(&c, before) {
			d.r.watch.judged = max(d.r.watch.judged, d.readTo())
			return nil, nil
		}
		pause = min(2*pause, drillPause)
		err = d.during(ctx, func(ctx context.Context) {
			timer := time.NewTimer(pause)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		}, func() {})
		if err != nil {
			return nil, err
		}
	}
}

// isQuiet reports whether no further message is on its way.
func (d *Drill) isQuiet(c *catchUp, before int) bool {
	f := d.r.cfg.Flow
	hoping := d.leg.Done != nil && !d.leg.Done()
	if c.quiet.Known && c.quiet.Quiet && d.r.messages == before && !hoping {
		return true
	}
	rest := f.Settle
	if hoping {
		rest = max(rest, d.leg.Patience)
	}
	if d.leg.NoEffect && !c.quiet.Known {
		rest = max(rest, f.Timeout)
	}
	return c.started.After(d.last.Add(rest))
}

// lose ends the drill where taps are lost: what they did not deliver is a gap.
func (d *Drill) lose(lost []loss) error {
	for _, l := range lost {
		for _, ch := range d.r.channelsOf(l.tap.broker) {
			gap := &message.Mark{
				Kind: message.MarkGap, Channel: ch.Name, Seen: d.r.cfg.Now(),
				Reason: "the tap cannot tell how far it has read: " + l.err.Error(),
			}
			if err := d.take(message.Event{Mark: gap}); err != nil {
				return err
			}
		}
	}
	return nil
}
