package flows

import (
	"encoding/base64"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/deadletter"
	"github.com/flowcheck/flowcheck/expression"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/message/jsonscan"
	"github.com/flowcheck/flowcheck/payload"
)

// intake reduces observations to what judging needs. It is for one goroutine.
type intake struct {
	flow     *Flow
	channels map[string]int
	scanners []*payload.Scanner // by channel
	slots    []payload.Value
	letters  bool // dead letters are kept whole
	bodies   []payload.Value
	scan     uint64 // the body that ScanBody scanned last, whose fields are in bodies
	frame    expression.Frame
	reduced  *reduced
	death    deadletter.Death
	dead     bool   // death is set
	keys     []byte // of the message reduced last
	line     int    // of the recording; 0: none, or all of it is known
	decoded  decoded
}

// reduced is an observation reduced to what an audit needs.
type reduced struct {
	correlate.Message
	channel int    // -1: one that the flow lacks
	mine    bool   // false: the channel's `when` keeps it out
	dear    bool   // an expression was given up for its cost: what it says is not known
	lost    string // why nothing can be said of the message; "" for all others
	// values are, for each rule of the channel, its `by` and its `per`.
	values []payload.Value
	keys   []ruleKey       // of each of them, where it is keyed
	fields []payload.Value // those of the Entry
	// key and payload share the observation's memory.
	key, payload []byte
	letter       *letter // of a dead-letter channel, where those are kept
	// whyNot tells, for each step of its channel, why the message is not that;
	// nil for a step's message, and where it is not asked for.
	whyNot map[int][]Part
	mark   *message.Mark // instead of all else
}

func newIntake(f *Flow) *intake {
	in := &intake{flow: f, channels: make(map[string]int, len(f.Channels)), reduced: &reduced{}}
	for i := range f.Channels {
		in.channels[f.Channels[i].Name] = i
		in.scanners = append(in.scanners, payload.NewScanner(f.Channels[i].intake.paths))
	}
	return in
}

// channel finds a channel by its name. Where there are few, a map takes longer.
func (in *intake) channel(name string) (int, bool) {
	const few = 8
	if len(in.flow.Channels) > few {
		i, ok := in.channels[name]
		return i, ok
	}
	for i := range in.flow.Channels {
		if in.flow.Channels[i].Name == name {
			return i, true
		}
	}
	return -1, false
}

// reduce reduces an observation, for near misses too if near. What r has then is
// valid as long as the observation.
func (in *intake) reduce(o *message.Observation, near bool, r *reduced) {
	in.reduced = r
	r.reset()
	channel, ok := in.channel(o.Channel)
	if !ok {
		r.channel = -1
		return
	}
	if _, r.mine = in.read(channel, o); !r.mine {
		plan := &in.flow.Channels[channel].intake
		r.Entry = correlate.Entry{Position: o.Position, Time: in.time(plan, o), Seen: correlate.InstantOf(o.Seen)}
		return
	}
	plan := &in.flow.Channels[channel].intake
	in.keys = in.keys[:0]
	for _, tap := range plan.rules {
		by, per := in.ruleValue(tap.by, payload.Value{}), in.ruleValue(tap.per, perDefault)
		r.values = append(r.values, by, per)
		r.keys = append(r.keys, in.ruleKey(tap, by, per))
	}
	if near && r.Entry.Step == correlate.NoStep && len(r.IDs)+len(r.Listed) > 0 {
		r.whyNot = in.whyNot(plan)
	}
}

// reset forgets what was reduced before, but for the memory.
func (r *reduced) reset() {
	*r = reduced{
		Message: correlate.Message{IDs: r.IDs[:0], Listed: r.Listed[:0], Loose: r.Loose[:0]},
		values:  r.values[:0], keys: r.keys[:0], fields: r.fields[:0],
	}
}

// eval and test evaluate an expression on the message, and note where it was
// given up.
func (in *intake) eval(p *expression.Program) payload.Value {
	v := p.Eval(&in.frame)
	in.reduced.dear = in.reduced.dear || in.frame.Exceeded
	return v
}

func (in *intake) test(p *expression.Program) bool {
	ok := p.Test(&in.frame)
	in.reduced.dear = in.reduced.dear || in.frame.Exceeded
	return ok
}

// ScanBody takes the fields of a body while the Decoder walks over it. It
// implements message.BodyScanner.
func (in *intake) ScanBody(channel, line []byte, i int) (uint64, int, jsonscan.Fault) {
	in.scan++
	at, ok := in.channel(view(channel))
	if ok {
		plan := &in.flow.Channels[at].intake
		if len(plan.order) > 0 && !plan.unwrap && plan.format != formatText && plan.format != formatBytes && plan.body == nil {
			end, fault := in.scanners[at].Scan(line, i, jsonscan.MaxDepth-1, in.bodySlots(plan))
			return in.scan, end, fault
		}
	}
	end, fault := jsonscan.Value(line, i, jsonscan.MaxDepth-1)
	return 0, end, fault
}

// read reduces an observation. mine is false where the channel's `when` says
// that the message is not this flow's. What it returns is in.reduced's, which has
// been reset.
func (in *intake) read(channel int, o *message.Observation) (m *correlate.Message, mine bool) {
	ch := &in.flow.Channels[channel]
	plan := &ch.intake
	r := in.reduced
	r.channel, m = channel, &r.Message
	if plan.unwrap {
		o = unwrapped(o)
	}
	r.key, r.payload = o.Key, o.Payload
	if plan.body != nil || plan.key != nil {
		o = in.decode(plan, o)
	}
	problem := in.extract(ch, o)
	if r.lost != "" {
		return nil, false
	}
	if plan.when != nil && !in.test(plan.when) {
		return nil, false
	}
	in.begin(plan, channel, o)
	in.identify(plan, m)
	in.match(plan, m)
	in.detail(ch, problem)
	if in.letters && ch.DeadLetters != nil {
		r.letter = in.whole(o)
	}
	if m.Entry.Step != correlate.NoStep {
		m.Entry.Fields = in.retained(&in.flow.Steps[m.Entry.Step])
	}
	if m.Entry.Step != correlate.NoStep || len(plan.rules) > 0 {
		m.Entry.ID = in.messageID(plan, o)
		m.Entry.Copy = in.dead || deadletter.IsCopy(o)
	}
	return m, true
}

// match finds the step that the message is.
func (in *intake) match(plan *intakePlan, m *correlate.Message) {
	for i := range plan.steps {
		s := &plan.steps[i]
		if s.when == nil || in.test(s.when) {
			m.Entry.Step, m.Opens = s.step, s.opens
			return
		}
	}
}

// begin fills in of the entry what is the same for every step.
func (in *intake) begin(plan *intakePlan, channel int, o *message.Observation) {
	e := &in.reduced.Entry
	*e = correlate.Entry{
		Step: correlate.NoStep, Channel: int16(channel), Position: o.Position,
		Time: in.time(plan, o), Seen: correlate.InstantOf(o.Seen),
		Body: xxhash.Sum64(o.Payload), Tombstone: o.Payload == nil,
		HasKey: o.Key != nil, Producer: o.ProducerClock && plan.clock == clockBroker,
	}
	if o.Key != nil {
		e.Key = xxhash.Sum64(o.Key)
	}
	if plan.tree {
		if tree, ok := in.wholeBody(plan, o); ok {
			e.Tree = treeHash(tree)
		}
	}
}

// extract fills the slots of the channel, and tells what is wrong with the body.
func (in *intake) extract(ch *Channel, o *message.Observation) problem {
	plan := &ch.intake
	if n := len(plan.fields); cap(in.slots) < n {
		in.slots = make([]payload.Value, n)
	} else {
		in.slots = in.slots[:n]
		clear(in.slots)
	}
	in.frame.Self = in.slots
	in.dead = false
	if plan.death || ch.takesCopies() {
		in.death, in.dead = deadletter.Read(o)
	}
	wrong := in.body(plan, o)
	for slot, f := range plan.fields {
		if f.Source != expression.Body {
			in.slots[slot] = in.field(ch, f, o)
		}
	}
	return wrong
}

// time is the message's time by the channel's clock.
func (in *intake) time(plan *intakePlan, o *message.Observation) correlate.Instant {
	switch plan.clock {
	case clockSeen:
		return correlate.InstantOf(o.Seen)
	case clockField:
		return instantOfValue(in.eval(plan.time))
	default:
		return correlate.InstantOf(o.Time)
	}
}

// retained are the slots that the step's entries keep.
func (in *intake) retained(s *Step) []payload.Value {
	r := in.reduced
	for _, slot := range s.retained {
		r.fields = append(r.fields, in.slots[slot])
	}
	return r.fields
}

// textOf is a text as expressions see it: bytes that are no UTF-8 in base64.
func textOf(s string) payload.Value {
	if !utf8.ValidString(s) {
		s = base64.StdEncoding.EncodeToString([]byte(s))
	}
	return payload.OfString(s)
}
