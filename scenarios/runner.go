package scenarios

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// runner is one run. Its goroutine owns everything here but the taps.
type runner struct {
	cfg    Config
	began  time.Time
	events chan message.Event
	taps   []armed
	audit  *flows.Audit

	all, queue []*instance
	alone      []*instance // those that nothing else may run beside
	company    *together   // of those that are being started
	probing    bool        // some scenario has probes to be tried
	raws       raws
	proxies    proxies
	cutting    bool
	active     []*instance
	sent       chan sending
	calling    int            // calls under way that begin scenarios
	work       sync.WaitGroup // publishers and catch-ups under way
	watch      watch
	learner    *flows.Learner
	lag        lag
	backlog    bool // the taps begin before they are armed
	messages   int
	doubts     []string // of the taps, at the end
	stats      Stats
	changed    bool // what any scenario waits for may have changed, not only its chain
	closing    bool
	untapped   map[string]bool // channels that are left alone, by name
	broken     bool            // a tap is lost: the run has ended
}

// armed is a tap on a broker, by its index in the flow.
type armed struct {
	brokers.Tap
	broker int
}

// instance is a scenario under way.
type instance struct {
	scenario *flows.Scenario
	kase     flows.Case
	id       string

	probes []string  // to be tried once it has passed
	of     *instance // whose probe it is a try of
	try    *try      // nil for a scenario's own instance
	open   int       // tries that are not over
	learnt int       // plain repeats so far
	// effects is how many a scenario had that its tries are compared with.
	effects int

	begun   time.Time // to be sent
	sent    bool
	fresh   bool        // not looked at since
	call    *flows.Call // what it begins with, where that is no message
	sentAt  time.Time
	err     error
	wait    flows.Wait
	decided time.Time // when its verdict was decided; zero while it is not
	asked   bool      // the taps were asked since it was decided,
	had     int       // when its chains had that many messages
	done    bool
}

// How long a broker may take to accept a message, and how long the end of a run
// waits for what it has called off.
const (
	sendTimeout = 30 * time.Second
	restTimeout = 5 * time.Second
)

// sending is the word of a publisher.
type sending struct {
	instance *instance
	err      error
	marks    []*message.Mark // of what was sent, where that is to be told
	act      bool            // it was no trigger
	called   *flows.Trigger  // what a call has begun
}

func (r *runner) loop(ctx context.Context) error {
	r.sent = make(chan sending)
	ctx, cancel := context.WithCancel(ctx)
	defer r.rest()
	defer cancel()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if err := r.start(ctx); err != nil {
			return err
		}
		if len(r.active) == 0 || r.broken {
			return nil
		}
		if more, err := r.await(ctx, timer.C); err != nil {
			return err
		} else if more {
			continue // look once, when all that has come is taken
		}
		if err := r.look(ctx); err != nil {
			return err
		}
		timer.Reset(r.soon())
	}
}

// await takes the next thing that happens. More says that it is too early to look
// what follows from it.
func (r *runner) await(ctx context.Context, tick <-chan time.Time) (more bool, err error) {
	if r.calling > 0 {
		return true, r.awaitReply(ctx)
	}
	select {
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case e := <-r.events:
		err = r.take(e)
		return len(r.events) > 0, err
	case s := <-r.sent:
		return false, r.wasSent(s)
	case c := <-r.watch.caught:
		return false, r.caughtUp(ctx, c)
	case <-tick:
		r.changed = true
		return false, nil
	}
}

// awaitReply takes the word of a call or a publisher. What a call has set off is
// read once it is known whose it is: until then the taps wait.
func (r *runner) awaitReply(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case s := <-r.sent:
		return r.wasSent(s)
	}
}

// rest waits for the publishers and catch-ups that the end of the loop has
// called off, since the caller is about to close what they use; not for ever.
func (r *runner) rest() {
	over := make(chan struct{})
	go func() {
		defer close(over)
		r.work.Wait()
	}()
	timer := time.NewTimer(restTimeout)
	defer timer.Stop()
	select {
	case <-over:
	case <-timer.C:
	}
}

// take hands an event to the audit and the recording.
func (r *runner) take(e message.Event) error {
	if e.Observation != nil {
		r.messages++
		if r.probing {
			r.raws.keep(e.Observation)
		}
		if err := r.learn(e.Observation); err != nil {
			return err
		}
		e.Observation = r.cfg.Flow.Masked(timely(e.Observation))
		r.lag.note(e.Observation)
	}
	r.audit.Add(e)
	if r.cfg.Record != nil {
		return r.cfg.Record.Event(e)
	}
	return nil
}

// learn fetches the schemas that a message needs, and gives the audit and the
// recording what is new of them before the message. A registry that does not
// answer holds the run up, not for long and not for each message.
func (r *runner) learn(o *message.Observation) error {
	for _, m := range r.learner.Learn(context.Background(), o, r.cfg.Now()) {
		if r.audit != nil {
			r.audit.Add(message.Event{Mark: m})
		}
		if r.cfg.Record == nil {
			continue
		}
		if err := r.cfg.Record.Event(message.Event{Mark: m}); err != nil {
			return err
		}
	}
	return nil
}

// start sends triggers while there is room.
func (r *runner) start(ctx context.Context) error {
	defer func() { r.company = nil }()
	for {
		in := r.nextToStart()
		if in == nil {
			return nil
		}
		triggers, err := in.scenario.Triggers(r.cfg.Flow, in.id, in.kase)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrTrigger, err)
		}
		in.begun = r.cfg.Now()
		publish := func() { r.publish(ctx, in, triggers) }
		marks := in.marks(triggers, r.cfg.Now(), "")
		if in.try != nil {
			if in.try.triggers = triggers; in.try.reversed {
				slices.Reverse(triggers)
			}
		}
		if in.try != nil && in.try.poison != "" {
			if err := r.prepare(in); err != nil {
				return fmt.Errorf("%w: %w", ErrTrigger, err)
			}
			publish = func() { r.publishPoison(ctx, in) }
			marks = append(marks, in.marks(in.try.second.triggers, r.cfg.Now(), in.try.second.id)...)
		}
		for _, m := range marks {
			if err := r.take(message.Event{Mark: m}); err != nil {
				return err
			}
		}
		r.active = append(r.active, in)
		if in.call, err = in.scenario.Begins(in.id, in.kase); err != nil {
			return fmt.Errorf("%w: %w", ErrTrigger, err)
		}
		if in.call != nil {
			r.calling++
			r.work.Go(func() { r.tell(ctx, callOf(ctx, r.cfg.Flow, in)) })
			continue
		}
		r.work.Go(publish)
	}
}

// nextToStart takes the next instance for which there is room; nil for none. One
// that must be alone waits until nothing else is left to do.
func (r *runner) nextToStart() *instance {
	var in *instance
	switch {
	case len(r.active) > 0 && r.active[0].try != nil && r.active[0].try.alone:
		in = r.nextAlone()
	case len(r.queue) > 0 && len(r.active) < max(1, r.cfg.Parallel):
		in, r.queue = r.queue[0], r.queue[1:]
	case len(r.queue) == 0 && len(r.active) == 0:
		in = r.nextAlone()
	}
	return in
}

// marks say what is sent and expected: one for each chain that a trigger begins. as
// is the fresh id that the triggers were made with, where it is not the instance's.
func (in *instance) marks(triggers []flows.Trigger, now time.Time, as string) []*message.Mark {
	var marks []*message.Mark
	for _, t := range triggers {
		m := &message.Mark{
			Kind: message.MarkScenario, Seen: now, Name: in.scenario.Name, IDs: t.IDs,
			Outcome: t.Outcome, ID: in.id, Case: in.kase.Data(), Probe: in.probeMark(),
		}
		if in.try != nil && in.try.replay && in.try.flow.EndsDead(m.Outcome) {
			m.Outcome = "" // it is to have another, in the end
		}
		if in.try != nil {
			m.Kind, m.Probe.As = message.MarkProbe, as
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

// publish sends one message after the other, and tells the loop.
func (r *runner) publish(ctx context.Context, in *instance, triggers []flows.Trigger) {
	s := sending{instance: in}
	during := func() error { return nil }
	if in.try != nil && in.try.meanwhile != nil {
		during = r.during(ctx, in)
	}
	for i := range triggers {
		if s.err = r.publishOne(ctx, &s, triggers, i); s.err != nil {
			s.err = fmt.Errorf("scenario %q: %w", in.scenario.Label(in.kase), s.err)
			break
		}
	}
	if err := during(); err != nil && s.err == nil {
		s.err = err
	}
	r.tell(ctx, s)
}

// during begins what a try does while the triggers are sent; what it returns waits
// for its end.
func (r *runner) during(ctx context.Context, in *instance) func() error {
	s := sending{instance: in}
	done := make(chan error, 1)
	go func() { done <- in.try.meanwhile(ctx, &s) }()
	return func() error {
		err := <-done
		in.try.told = s.marks
		return err
	}
}

// publishOne sends a trigger, and again at once where a probe does that.
func (r *runner) publishOne(ctx context.Context, s *sending, triggers []flows.Trigger, i int) error {
	in, t := s.instance, &triggers[i]
	receipt, err := r.send(ctx, t)
	if err != nil {
		return err
	}
	if len(in.probes) == 0 && in.try == nil {
		return nil
	}
	t.Origin = receipt.Position
	s.marks = append(s.marks, r.sentMark(in, t, receipt, ""))
	if in.try == nil || in.try.twice == "" {
		return nil
	}
	return r.sendAgain(ctx, s, i, in.try.twice)
}

// tellUnsent notes that a scenario's trigger was not sent, and why.
func (r *runner) tellUnsent(in *instance) error {
	if in.try != nil {
		return nil // its end says it
	}
	reason := strings.TrimPrefix(in.err.Error(), fmt.Sprintf("scenario %q: ", in.scenario.Label(in.kase)))
	return r.take(message.Event{Mark: &message.Mark{Kind: message.MarkUnsent, ID: in.id, Seen: r.cfg.Now(), Reason: reason}})
}

// tell gives the loop the word of a publisher.
func (r *runner) tell(ctx context.Context, s sending) {
	select {
	case r.sent <- s:
	case <-ctx.Done():
	}
}

func (r *runner) send(ctx context.Context, t *flows.Trigger) (brokers.Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	ch := r.cfg.Channels[t.Channel]
	publisher := r.cfg.Publishers[r.cfg.Flow.Channels[t.Channel].Broker]
	receipt, err := publisher.Publish(ctx, ch, brokers.Outgoing{Message: t.Message, Partition: t.Partition})
	if err != nil {
		return receipt, fmt.Errorf("send to %s: %w", ch.Name, err)
	}
	return receipt, nil
}
