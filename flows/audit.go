package flows

import (
	"fmt"
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/message"
)

// AuditConfig tells how an audit judges.
type AuditConfig struct {
	// Mode is run, verify, shadow or replay: what the report says.
	Mode string
	// Started is when the taps were armed; zero where that is not known.
	Started time.Time
	// OwnOnly judges only the chains of scenarios: what a run does. A recording
	// that has scenario marks sets it by itself.
	OwnOnly bool
	// Probes keeps whole messages, so that what probes set off can be compared, and
	// a report can show them.
	Probes bool
	// Grace is how much longer than its deadlines each chain may take: the system is
	// disturbed, and nothing is late in it.
	Grace time.Duration
	// Traffic judges every chain as traffic: what a run sent and expected, or a probe
	// did, says nothing.
	Traffic bool
	// MaxChains, MaxEntries (of a chain) and MaxKeys (of a rule) bound the memory; 0
	// is a default.
	MaxChains, MaxEntries, MaxKeys int
	// Excerpt, if not nil, says that only a part of a recording is added: it is
	// judged as if the rest of what the Baseline was made of were there, too.
	Excerpt *Excerpt
	// Judged, if not nil, is handed each chain that is counted, once.
	Judged func(Judged)

	live *Live // what follows it; nil: it has an end
}

// Judged is a chain with what was said of it. It is the audit's: what is to
// outlive the call must be copied.
type Judged struct {
	Chain   *correlate.Chain
	Verdict *Verdict
	// Entries are the chain's in canonical order. The Seq of each is the place of
	// its message among all that the audit was given, from 1.
	Entries []*correlate.Entry
}

// The default limits of an audit.
const (
	DefaultMaxChains  = 2_000_000
	DefaultMaxEntries = 10_000
	DefaultMaxKeys    = 1 << 21
)

// Audit takes the events of taps, or of a recording, to a Result. It is for one
// goroutine.
type Audit struct {
	flow     *Flow
	cfg      AuditConfig
	intake   *intake
	one      reduced // the message that was added last
	sighted  sighting
	seq      uint64
	engine   *correlate.Engine
	horizon  *correlate.Horizon
	judge    judge
	trackers []tracker // by rule; nil for latency
	spans    []*latencies
	spreads  []Spread // by step; nil before the first chain

	scenarios []*scenarioRun
	byID      map[correlate.ID][]*scenarioRun
	byMark    map[string][]*scenarioRun // by the id of their run
	attempts  map[string]*attempt       // by the id of their instance
	tries     []*attempt                // in the order of their marks, without the scenarios' own
	skips     []*message.ProbeMark
	ours      map[Evidence]bool   // what probes sent beyond triggers
	after     map[Evidence]string // of messages that came when all that was tried in their chain was over: see noteAfter
	keep      keeper
	letters   []*letter
	poisons   map[correlate.ID]*attempt // by the ids that a broken trigger should have
	stirred   map[string]bool           // see Stirred; nil while nobody asks
	allStir   bool

	result  Result
	steps   int // messages that are a step and have an id
	strays  map[uint64]bool
	loose   []correlate.Entry // strays without any id
	touched map[gapRef]bool
	nearby  nearby
	read    readings
	ended   bool

	closing bool
}

// gapRef names a gap of the horizon.
type gapRef struct{ channel, index int }

// NewAudit begins an audit of the flow.
func NewAudit(f *Flow, cfg AuditConfig) *Audit {
	a := &Audit{
		flow: f, cfg: cfg,
		byID: map[correlate.ID][]*scenarioRun{}, byMark: map[string][]*scenarioRun{}, attempts: map[string]*attempt{}, ours: map[Evidence]bool{}, after: map[Evidence]string{}, strays: map[uint64]bool{}, touched: map[gapRef]bool{},
		horizon: correlate.NewHorizon(len(f.Channels), correlate.InstantOf(cfg.Started)),
		judge:   judge{flow: f, want: -1},
		read:    readings{channels: make([][]lately, len(f.Channels))},
	}
	if cfg.MaxChains == 0 {
		cfg.MaxChains = DefaultMaxChains
	}
	if cfg.MaxEntries == 0 {
		cfg.MaxEntries = DefaultMaxEntries
	}
	if cfg.MaxKeys == 0 {
		cfg.MaxKeys = DefaultMaxKeys
	}
	if cfg.Excerpt != nil {
		a.horizon = cfg.Excerpt.horizon()
	}
	engine := correlate.Config{
		Remember: f.Remember, MaxChains: cfg.MaxChains, MaxEntries: cfg.MaxEntries, Done: a.done,
	}
	if cfg.live != nil {
		cfg.live.follow(&engine)
	}
	a.engine = correlate.NewEngine(engine)
	a.intake = a.newIntake()
	a.result = Result{
		Flow: f.Name, About: f.About, Mode: cfg.Mode,
		Chains: ChainCounts{Outcomes: map[string]int{}}, Timelines: map[string][]Moment{},
		NearMisses: map[NearKey]NearMiss{},
	}
	for i := range f.Channels {
		a.result.Channels = append(a.result.Channels, ChannelCount{Name: f.Channels[i].Name})
	}
	for i := range f.Rules {
		r := &f.Rules[i]
		a.trackers = append(a.trackers, newTracker(f, r, a.engine, cfg.MaxKeys))
		if r.Kind == "latency" {
			a.spans = append(a.spans, &latencies{rule: r, flow: f})
		}
	}
	return a
}

// Bodies takes the fields out of bodies while a Reader or Decoder walks over
// them. It is for the goroutine that adds the events, and for events that go to
// this audit.
func (a *Audit) Bodies() message.BodyScanner { return a.intake }

// Add takes one event, in the order of arrival.
func (a *Audit) Add(e message.Event) {
	switch {
	case e.Observation != nil:
		a.intake.reduce(e.Observation, a.result.Messages.Seen < maxNearbyTraffic, &a.one)
		a.take(&a.one)
	case e.Mark != nil:
		a.mark(e.Mark)
	}
}

// take takes a message, which has told before how far its tap has read.
func (a *Audit) take(r *reduced) {
	m, e := &r.Message, &r.Entry
	a.seq++
	e.Seq = a.seq
	if r.channel < 0 {
		a.result.Messages.Seen++
		return
	}
	a.noteLoss(r)
	if a.cfg.Excerpt == nil && !a.horizon.Read(r.channel, e.Position, e.Time, e.Seen) {
		a.read.again(a.flow, r)
		return
	}
	a.result.Messages.Seen++
	a.result.Channels[r.channel].Seen++
	if !r.mine {
		return
	}
	ids := len(m.IDs) + len(m.Listed) + len(m.Loose)
	var chain correlate.Number
	switch {
	case e.Step != correlate.NoStep && ids > 0:
		a.steps++
		chain = a.engine.Add(m)
	case e.Detail != nil && e.Detail.Stray != correlate.NotStray && ids > 0:
		chain = a.engine.Add(m)
	case e.Detail != nil && e.Detail.Stray != correlate.NotStray:
		own := *e
		own.Fields = nil // the message's
		a.loose = append(a.loose, own)
	}
	a.read.note(m, chain)
	a.keepForProbes(r, chain)
	a.stir(m, chain)
	if r.whyNot != nil && a.result.Messages.Seen <= maxNearbyTraffic {
		a.nearby.note(a.flow, r)
	}
	a.follow(r, chain)
}

// noteLoss notes a message of which nothing is known: it is as good as lost, before
// what comes after it, as a tap's gap would be.
func (a *Audit) noteLoss(r *reduced) {
	name, e := a.flow.Channels[r.channel].Name, &r.Entry
	if r.dear {
		a.horizon.Lost(r.channel, e.Seen, fmt.Sprintf("%s: the flow's expressions cost more than they may on the message at %s", name, e.Position))
	}
	if r.lost != "" {
		a.horizon.Lost(r.channel, e.Seen, fmt.Sprintf("%s: the message at %s cannot be decoded: %s", name, e.Position, r.lost))
	}
	a.allStir = a.allStir || r.dear || r.lost != ""
}

// follow shows the message to the rules of its channel.
func (a *Audit) follow(r *reduced, n correlate.Number) {
	e, ch := &r.Entry, &a.flow.Channels[r.channel]
	if a.cfg.live != nil && a.cfg.live.carrying {
		return // the rules had it long ago
	}
	for i, tap := range ch.intake.rules {
		a.sighted = sighting{
			place: place{at: e.Position, time: e.Time, seen: e.Seen, producer: e.Producer}, number: n, engine: a.engine,
			entry: e, channel: ch, by: r.values[2*i], per: r.values[2*i+1], key: r.keys[i],
		}
		if !a.sighted.per.IsNil() {
			a.trackers[tap.rule].observe(&a.sighted)
		}
	}
}

func (a *Audit) mark(m *message.Mark) {
	switch m.Kind {
	case message.MarkGap:
		a.allStir = true
		if i, ok := a.intake.channels[m.Channel]; ok {
			a.horizon.Lost(i, correlate.InstantOf(m.Seen), m.Channel+": "+m.Reason)
			return
		}
		a.result.Unknowns = append(a.result.Unknowns, Unknown{Reason: m.Channel + ": " + m.Reason})
	case message.MarkEnd:
		a.horizon.End = correlate.InstantOf(m.Seen)
		a.horizon.EndDecides = a.cfg.Mode != "shadow"
		a.ended = true
	case message.MarkScenario, message.MarkProbe:
		a.ownMark(m)
	case message.MarkUnsent:
		for _, s := range a.byMark[m.ID] {
			s.unsent = m.Reason
		}
	case message.MarkSchema:
		a.flow.learn(m, 0)
	default:
		a.tapMark(m)
	}
}

// ownMark notes what a run did.
func (a *Audit) ownMark(m *message.Mark) {
	switch {
	case a.cfg.Traffic:
	case m.Kind == message.MarkScenario:
		a.addScenario(m)
	default:
		a.addProbe(m)
	}
}

// tapMark notes what a durable tap says of itself.
func (a *Audit) tapMark(m *message.Mark) {
	i, ok := a.intake.channels[m.Channel]
	switch {
	case !ok:
	case m.Kind == message.MarkFence && m.Position.Kind == message.PartitionOffset:
		a.horizon.Expect(i, m.Position)
	case m.Kind == message.MarkAway:
		a.horizon.Gone(i, correlate.InstantOf(m.Since), correlate.InstantOf(m.Seen))
	case m.Kind == message.MarkBack:
		a.horizon.Back(i, correlate.InstantOf(m.Seen))
	}
}

// Result closes the audit: every chain is judged, and nothing may be added any
// more.
func (a *Audit) Result() *Result {
	a.closeChains()
	r := &a.result
	a.judgeLoose()
	a.reportRules()
	a.trackers = nil // the result may be kept for long
	a.reportRereads()
	a.reportScenarios()
	a.reportSpreads()
	unplaced := 0
	for e := range a.engine.Unplaced {
		if e.Step != correlate.NoStep {
			unplaced++
		}
	}
	r.Messages.Matched = a.steps - unplaced
	r.Messages.Unmatched = r.Messages.Seen - r.Messages.Matched
	a.reportGaps()
	if r.Chains.Total == 0 && len(a.scenarios) == 0 {
		r.Unknowns = append(r.Unknowns, Unknown{Reason: "no chain was seen: nothing was judged"})
	}
	a.warn()
	r.Unknowns = sortUnknowns(r.Unknowns)
	r.Conclude()
	return r
}
