package scenarios

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// try is one variation of a probe: what is done beside sending the triggers, and
// when.
type try struct {
	probe, name string // "" and "": a plain repeat
	scenario    string // whose it is
	alone       bool   // nothing else may run beside it, but its company
	twice       string // what it is to send each trigger again at once; "": it does not
	// vary makes the i-th trigger as it is sent again; nil: as it was.
	vary   func(in *instance, i int) (flows.Trigger, error)
	acts   []act  // what is left to do, in this order
	all    []act  // what there was to do
	missed string // why it came too late to do its work
	anew   bool   // it is made once more
	again  int    // how often the same was tried before
	// overBy is how long after its trigger began to be sent the last of the chain was
	// seen, where that was too early for the try's work.
	overBy time.Duration
	// byClock, if not nil, is done in place of the act where the try goes by the clock.
	byClock  func(ctx context.Context, s *sending) error
	clocked  bool      // it went by the clock,
	acted    time.Time // and acted then
	busy     bool      // one of them is under way
	grace    time.Duration
	after    string // the step after which its acts are due
	resends  string // with it, the step that is sent again; "": the trigger is
	reversed bool   // its triggers are sent last first
	poison   string // how a broken trigger that it sends is broken; "": it sends none
	second   *second
	beside   *together // its company, while it is under way
	flow     *flows.Flow
	replay   bool // its dead letters are replayed
	letters  []flows.Trigger
	disturbs bool // it is judged once the system has had time to recover
	// meanwhile, if not nil, is done while the triggers are sent.
	meanwhile func(ctx context.Context, s *sending) error
	told      []*message.Mark // what it has to tell
	// until is when it need not wait any longer for what no deadline of the flow is
	// about; zero: it does not wait for such.
	until    time.Time
	triggers []flows.Trigger // what was sent, once it was
	// seen is what came of them before the act under way, by step.
	seen map[string][]flows.Trigger
}

// act is something that a try does once.
type act struct {
	when moment
	do   func(ctx context.Context, s *sending) error
}

// moment is when an act is due.
type moment uint8

// The moments.
const (
	onceSent  moment = iota // once the triggers were sent
	inFlight                // once an effect was seen
	midChain                // once an effect was seen, if more are to come
	afterStep               // once the try's step was seen
	atEnd                   // once all is quiet
)

// acting reports whether the instance's try has something under way.
func (in *instance) acting() bool { return in.try != nil && in.try.busy }

// probeMark is what the instance's first marks say of probes; nil for nothing.
func (in *instance) probeMark() *message.ProbeMark {
	switch {
	case in.try != nil:
		return &message.ProbeMark{
			Does: message.ProbeBegin, Of: in.of.id, Kind: in.try.probe, Try: in.try.name, Grace: in.try.grace,
		}
	case len(in.probes) > 0:
		return &message.ProbeMark{Kinds: in.probes}
	default:
		return nil
	}
}

// sentMark tells of a message that was sent; what is "" for a trigger.
func (r *runner) sentMark(in *instance, t *flows.Trigger, receipt brokers.Receipt, what string) *message.Mark {
	ch := r.cfg.Flow.Channels[t.Channel].Name
	masked := r.cfg.Flow.Masked(&message.Observation{Message: t.Message, Channel: ch})
	return &message.Mark{Kind: message.MarkProbe, Seen: r.cfg.Now(), ID: in.id, Probe: &message.ProbeMark{
		Does: message.ProbeSend, Channel: ch, Position: receipt.Position, Digest: flows.Digest(masked.Payload),
		Extra: what != "", What: what,
	}}
}

// wasSent takes the word of a publisher.
func (r *runner) wasSent(s sending) error {
	in := s.instance
	if in.call != nil && !in.sent && !s.act {
		r.calling--
		s.marks = in.marks([]flows.Trigger{*s.called}, r.cfg.Now(), "")
	}
	if in.try != nil {
		s.marks, in.try.told = append(s.marks, in.try.told...), nil
	}
	for _, m := range s.marks {
		if err := r.take(message.Event{Mark: m}); err != nil {
			return err
		}
	}
	in.fresh = true
	if s.err != nil {
		in.err = s.err
		if err := r.tellUnsent(in); err != nil {
			return err
		}
	}
	if in.try != nil && (in.try.disturbs || in.try.replay) && (s.act || in.try.meanwhile != nil) {
		in.try.until = r.cfg.Now().Add(r.limit(in))
	}
	if s.act {
		in.try.busy, in.decided, in.asked = false, time.Time{}, false
		return nil
	}
	in.sent, in.sentAt = true, r.cfg.Now()
	return nil
}

// actInFlight does what is due while the first is under way: once an effect of it
// was seen, or nothing more is to come.
func (r *runner) actInFlight(ctx context.Context, in *instance) {
	if in.done || in.try == nil || in.try.busy || len(in.try.acts) == 0 || in.try.acts[0].when == atEnd {
		return
	}
	// What waits for a step waits until all is quiet: actAtEnd.
	over := !in.decided.IsZero() && in.try.acts[0].when != afterStep
	if over || r.isDue(in) {
		r.act(ctx, in)
	}
}

// isDue reports whether what the next act waits for was seen.
func (r *runner) isDue(in *instance) bool {
	if in.try.acts[0].when == onceSent || in.hasOneEffect() && in.try.acts[0].when == midChain || in.try.beside != nil && in.try.beside.begun {
		return true
	}
	effects := r.audit.Effects(in.id)
	if in.try.acts[0].when == afterStep {
		return r.came(in, in.try.after) && (in.try.resends == "" || r.came(in, in.try.resends))
	}
	return len(effects) > 0
}

// actAtEnd does what is due once all is quiet; false where nothing is left to do.
func (r *runner) actAtEnd(ctx context.Context, in *instance) bool {
	if len(in.try.acts) == 0 {
		return false
	}
	r.act(ctx, in)
	return true
}

// act does the next thing that a try has to do.
func (r *runner) act(ctx context.Context, in *instance) {
	if in.try.missed = r.tooLate(in); in.try.missed != "" {
		if last := in.wait.Last; last.Known() && r.chainIsOver(in) {
			in.try.overBy = last.Time().Sub(in.begun)
		}
		in.try.acts = nil
		return
	}
	next := in.try.acts[0]
	in.try.acts, in.try.busy = in.try.acts[1:], true
	if in.try.beside != nil {
		in.try.beside.begun, r.changed = true, true // it is due for all of them
	}
	in.decided, in.asked = time.Time{}, false
	in.try.seen = r.seen(in)
	if in.try.replay {
		in.try.letters = r.lettersOf(in)
	}
	r.work.Go(func() {
		s := sending{instance: in, act: true}
		s.err = next.do(ctx, &s)
		r.tell(ctx, s)
	})
}

// probeIsQuiet reports whether a try has been watched for long enough: for the
// flow's settle at least, and then until the brokers say that all is quiet, or
// cannot tell. On a busy system, where it never is, the flow's timeout ends it.
func (r *runner) probeIsQuiet(in *instance, c catchUp, quiet bool) bool {
	if c.started.Before(r.settled(in)) {
		return false
	}
	return quiet || !c.quiet.Known || c.started.After(r.settled(in).Add(r.limit(in)))
}

// mayEnd reports whether a try that is decided by the flow's deadlines has also
// what they are not about: the dead letter of a broken message; or, after it has
// disturbed the system, its outcome. It does not wait for ever.
func (r *runner) mayEnd(in *instance, now time.Time) bool {
	switch {
	case in.try.poison != "":
		if in.try.until.IsZero() {
			in.try.until = in.sentAt.Add(r.limit(in))
		}
		return now.After(in.try.until) || r.audit.PoisonSeen(in.id)
	case !in.try.until.IsZero():
		return now.After(in.try.until) || r.audit.Standing(in.id, r.readTo()) == flows.Pass
	default:
		return true
	}
}

// over ends an instance: a scenario's own is followed by its probes.
func (r *runner) over(in *instance) error {
	if in.try == nil {
		return r.begin(in)
	}
	if in.try.clocked && in.err == nil {
		in.try.missed = r.actedTooLate(in)
	}
	in.try.anew = r.triesAgain(in)
	if err := r.end(in); err != nil {
		return err
	}
	of := in.of
	of.open--
	if in.try.anew {
		r.spawn(of, r.another(in.try))
	}
	if err := r.leaveOut(in); err != nil {
		return err
	}
	if of.open == 0 && of.learnt < maxLearnt && r.audit.Unsettled(of.id) {
		r.spawn(of, &try{})
	}
	return nil
}

// end notes that an instance is over.
func (r *runner) end(in *instance) error {
	mark := &message.Mark{Kind: message.MarkProbe, Seen: r.cfg.Now(), ID: in.id, Probe: &message.ProbeMark{Does: message.ProbeEnd}}
	switch {
	case in.err != nil:
		mark.Probe.Reason = in.err.Error()
	case in.try != nil && in.try.missed != "":
		mark.Probe.Reason, mark.Probe.Again = in.try.missed, in.try.anew
	case in.try != nil && (in.try.busy || len(in.try.acts) > 0):
		mark.Probe.Reason = "its time was up before all was done"
	}
	return r.take(message.Event{Mark: mark})
}

// maxLearnt is how often a scenario is repeated at most to learn what varies by
// itself.
const maxLearnt = 3

// begin begins the probes of a scenario that passed, and a plain repeat of it.
func (r *runner) begin(of *instance) error {
	if len(of.probes) == 0 {
		return nil
	}
	if err := r.end(of); err != nil {
		return err
	}
	reason := ""
	switch standing := r.audit.Standing(of.id, r.readTo()); {
	case of.err != nil:
		reason = "the scenario's trigger could not be sent"
	case standing != flows.Pass:
		reason = "the scenario itself does not pass"
	case of.call != nil:
		reason = "the scenario begins with a call: only messages are sent again"
	}
	tried := false
	of.effects = len(r.audit.Effects(of.id))
	for _, name := range of.probes {
		tries, why := r.tries(of, name)
		if reason != "" {
			tries, why = nil, reason
		}
		if why != "" {
			if err := r.skip(of, name, why); err != nil {
				return err
			}
		}
		for _, t := range tries {
			t.probe, t.scenario, tried = name, of.scenario.Name, true
			r.spawn(of, t)
		}
	}
	if tried {
		r.spawn(of, &try{})
	}
	return nil
}

// skip notes that a probe is not tried.
func (r *runner) skip(of *instance, name, why string) error {
	return r.take(message.Event{Mark: &message.Mark{
		Kind: message.MarkProbe, Seen: r.cfg.Now(),
		Probe: &message.ProbeMark{Does: message.ProbeSkip, Of: of.id, Kind: name, Reason: why},
	}})
}

// spawn queues an instance of the scenario for a try.
func (r *runner) spawn(of *instance, t *try) {
	in := &instance{scenario: of.scenario, kase: of.kase, id: r.cfg.NewID(), of: of, try: t}
	if t.poison == "" {
		t.grace = r.limit(of)
	}
	t.flow, t.all = r.cfg.Flow, t.acts
	of.open++
	if t.probe == "" {
		of.learnt++
	}
	r.all = append(slices.Clip(r.all), in)
	if t.alone {
		r.alone = append(r.alone, in)
	} else {
		r.queue = append(r.queue, in)
	}
}

// tries are the variations of a probe; why says why it cannot be tried.
func (r *runner) tries(of *instance, name string) (tries []*try, why string) {
	switch name {
	case "duplicate":
		return r.duplicates(), ""
	case "same-key":
		return r.sameKey(), ""
	case "conflict":
		return r.conflicts(of)
	case "redeliver":
		return r.redeliveries(of)
	case "late":
		return r.late(of)
	case "reorder":
		return r.reorders(of)
	case "poison":
		return r.poisons(of)
	case "replay":
		return r.replays(of)
	case "restart":
		return r.restarts(of)
	case "cut":
		return r.cuts()
	default:
		return nil, fmt.Sprintf("flowcheck does not serve the probe %s yet", name)
	}
}
