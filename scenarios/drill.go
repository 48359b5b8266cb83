package scenarios

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
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
	disturb disturbing
	waiting *waiting        // nil while nobody has asked
	ctx     context.Context // of the leg: for what is done beside it
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
	// Disturb is done to the system meanwhile, in this order; Sent is then the share of
	// the triggers that is sent, from 0 to 1.
	Disturb []Disturbance
	Sent    func() float64
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
	return d, cfg.Record.Begin(r.header(ctx, d.started))
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
	d.ctx = ctx
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
	d.leg, d.stopped, d.found, d.disturb = leg, nil, 0, disturbing{}
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
		d.maybeDisturb(e.Observation.Channel)
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
			d.tickDisturbances()
			tick()
		case <-done:
			return nil
		}
	}
}
