package flows

import (
	"fmt"
	"slices"
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/message"
)

// LiveConfig tells how a Live judges.
type LiveConfig struct {
	// Started is when the taps were armed first.
	Started time.Time
	// MaxChains and MaxEntries are as in AuditConfig.
	MaxChains, MaxEntries int
	// Tell is given each judgement, from the goroutine that calls Live's methods.
	// What it points to may be kept.
	Tell func(*Judgement)
	// Released, where it is set, is told each chain that is forgotten: when its
	// last message was seen, and what was said of it.
	Released func(last correlate.Instant, outcome string, state State)
}

// Judgement is what a Live says: of a chain that has closed, of one that had
// closed and has grown since, or of a rule.
type Judgement struct {
	// Chain names the chain; it and IDs are empty for one that passes, and for
	// what is of no chain.
	Chain string
	IDs   map[string]string
	// Closed tells that this is a chain's judgement, Again that it had one before.
	Closed, Again bool
	// Outcome is the name of the outcome that the chain has, "" for none.
	Outcome string
	State   State
	// Found are the findings that are new, Withdrawn those that were told before
	// and do not hold any more, as when a message that was missing is late.
	Found, Withdrawn []Finding
	// Unknowns are the reasons why something could not be judged.
	Unknowns []string

	chain *correlate.Chain
	flow  *Flow
}

// Live is an audit without an end: chains are judged as they close, and again
// when they grow after that, as long as they are remembered. What it says in the
// end of the same messages is what an audit of them says, but that `latency` is
// judged over windows of time, and that a rule forgets a key that was quiet for
// longer than Remember.
//
//	event → Audit → chain that has grown → quiet for settle, deadlines past → Judgement
//
// It is for one goroutine, and bounded: nothing grows with the time that it runs.
type Live struct {
	a   *Audit
	cfg LiveConfig
	now correlate.Instant

	grown    []growth // chains that have to be looked at, in the order of when they grew
	head     int
	due      []dueHeap // by channel, by broker's time and by arrival
	waits    map[correlate.Number]*waiting
	standing map[correlate.Number][]Finding
	rules    []liveRule
	minute   correlate.Instant // when keys were last looked through
	counts   ChainCounts
	open     int
	carrying bool
	closing  bool
	shedding bool
	crowded  int // chains that went because there were too many
}

// growth is a chain that has grown, and when.
type growth struct {
	chain correlate.Number
	at    correlate.Instant
}

// The bits of a chain's Note: it is not judged yet, or not since it has grown; it
// is among those that have grown; it was judged; and what was said of it.
const (
	noteOpen = 1 << iota
	noteGrown
	noteJudged
	noteState   = 3 // shift
	noteOutcome = 5 // shift; the outcome's index and 1
	noteSaid    = ^uint16(noteOpen | noteGrown)
)

// NewLive begins to judge the flow.
func NewLive(f *Flow, cfg LiveConfig) *Live {
	l := &Live{
		cfg: cfg, now: correlate.Never, minute: correlate.Never,
		standing: map[correlate.Number][]Finding{}, waits: map[correlate.Number]*waiting{}, due: make([]dueHeap, 2*len(f.Channels)),
		counts: ChainCounts{Outcomes: map[string]int{}},
	}
	l.a = NewAudit(f, AuditConfig{
		Mode: "shadow", Started: cfg.Started, MaxChains: cfg.MaxChains, MaxEntries: cfg.MaxEntries, live: l,
	})
	for i := range f.Rules {
		l.rules = append(l.rules, newLiveRule(l, &f.Rules[i], l.a.trackers[i]))
	}
	return l
}

// follow has the engine tell what happens to its chains.
func (l *Live) follow(engine *correlate.Config) {
	engine.Done, engine.Grown, engine.Merged = l.done, l.grow, l.merged
	engine.Needed = func(n correlate.Number) bool { return l.note(n)&noteOpen != 0 }
}

func (l *Live) flow() *Flow { return l.a.flow }

// Add takes one event, in the order of arrival.
func (l *Live) Add(e message.Event) {
	l.a.Add(e)
	l.see(e)
}

// Carry takes an event that rules and counters have had already: what a journal
// has kept for the chains alone.
func (l *Live) Carry(e message.Event) {
	l.carrying = true
	l.Add(e)
	l.carrying = false
}

func (l *Live) see(e message.Event) {
	switch {
	case e.Observation != nil:
		l.now = max(l.now, correlate.InstantOf(e.Observation.Seen))
	case e.Mark != nil && e.Mark.Kind == message.MarkGap:
		l.tellGaps()
	}
}

// Reducer returns a new one for the flow, see Audit.Reducer.
func (l *Live) Reducer() *Reducer { return l.a.Reducer() }

// AddBatch adds the events of a batch, in their order.
func (l *Live) AddBatch(b *Batch) {
	l.a.AddBatch(b)
	l.tellGaps()
}

// ReadTo notes that the channel's tap has read all that there was at the instant,
// by the broker's clock. The index is the flow's.
func (l *Live) ReadTo(channel int, at correlate.Instant) {
	c := &l.a.horizon.Channels[channel]
	c.ReadTo = max(c.ReadTo, at)
}

func (l *Live) note(n correlate.Number) uint16        { return l.a.engine.Note(n) }
func (l *Live) setNote(n correlate.Number, to uint16) { l.a.engine.SetNote(n, to) }

// grow notes that a chain has to be looked at.
func (l *Live) grow(n correlate.Number) {
	note := l.note(n)
	if note&noteOpen == 0 {
		l.open++
	}
	if note&noteGrown == 0 {
		l.grown = append(l.grown, growth{n, l.a.engine.Touched(n)})
	}
	if to := note | noteOpen | noteGrown; to != note {
		l.setNote(n, to)
	}
}

// merged hands what was said of a chain on to the one that it becomes part of,
// which grows by that.
func (l *Live) merged(into, gone correlate.Number) {
	l.unwait(gone)
	was := l.note(gone)
	if was&noteOpen != 0 {
		l.open--
	}
	if was&noteJudged != 0 {
		if to := l.note(into); to&noteJudged == 0 {
			l.setNote(into, to&^noteSaid|was&noteSaid)
		} else {
			l.count(was, -1)
		}
	}
	if told := l.standing[gone]; told != nil {
		delete(l.standing, gone)
		l.standing[into] = append(l.standing[into], told...)
	}
	l.grow(into)
}

// Sweep judges what is to be judged at the instant, which is of the clock that
// gives messages their Seen.
func (l *Live) Sweep(now correlate.Instant) {
	l.now = max(l.now, now)
	l.a.engine.Tick(l.now)
	f := l.flow()
	for l.head < len(l.grown) {
		g := l.grown[l.head]
		if g.at.Add(f.Settle) > l.now {
			break
		}
		l.grown[l.head] = growth{}
		l.head++
		l.visit(g.chain)
	}
	if l.head > 1024 && l.head > len(l.grown)/2 {
		l.grown = append(l.grown[:0], l.grown[l.head:]...)
		l.head = 0
	}
	for i := range l.due {
		l.popDue(i)
	}
	l.sweepRules()
	l.sweepLoose()
}

// visit looks at a chain that has grown a while ago, unless it has grown since.
func (l *Live) visit(n correlate.Number) {
	note := l.note(n)
	if note&noteGrown == 0 {
		return // it was looked at, or is no more
	}
	if at := l.a.engine.Touched(n); at.Add(l.flow().Settle) > l.now {
		l.grown = append(l.grown, growth{n, at})
		return
	}
	l.setNote(n, note&^noteGrown)
	l.look(n)
}

// look judges a chain, if all is known that can be.
func (l *Live) look(n correlate.Number) {
	c := l.a.engine.Show(n)
	v := l.verdict(c)
	l.unwait(n)
	if v.Due.Known() && !l.closing {
		l.wait(n, &v)
		return
	}
	l.setNote(n, l.judged(n, c, &v, l.note(n)))
}

// verdict is the chain's, without counting what is counted at its release.
func (l *Live) verdict(c *correlate.Chain) Verdict {
	sameTime := l.a.judge.sameTime
	l.a.judge.sameTime = nil
	v := l.a.verdict(c, nil)
	l.a.judge.sameTime = sameTime
	return v
}

// judged tells what is said of a chain, and returns its new note.
func (l *Live) judged(n correlate.Number, c *correlate.Chain, v *Verdict, note uint16) uint16 {
	j := &Judgement{
		Chain: v.Chain, IDs: v.IDs, Closed: true, Again: note&noteJudged != 0,
		State: v.State(), Unknowns: v.Unknowns, chain: c, flow: l.flow(),
	}
	if v.Outcome >= 0 {
		j.Outcome = l.flow().outcomeName(v.Outcome)
	}
	j.Found, j.Withdrawn = changes(v.Findings, l.standing[n])
	if len(v.Findings) > 0 {
		l.standing[n] = v.Findings
	} else {
		delete(l.standing, n)
	}
	if j.Again {
		l.count(note, -1)
	} else {
		l.measure(&l.a.judge)
	}
	note = note&noteGrown | noteJudged | uint16(j.State)<<noteState | uint16(v.Outcome+1)<<noteOutcome
	l.open--
	l.count(note, 1)
	l.cfg.Tell(j)
	return note
}

// said is what was last said of a chain.
func (l *Live) said(note uint16) (outcome string, state State) {
	if i := int(note>>noteOutcome) - 1; i >= 0 {
		outcome = l.flow().outcomeName(i)
	}
	return outcome, State(note >> noteState & 3)
}

func (l *Live) count(note uint16, n int) {
	outcome, state := l.said(note)
	l.counts.Add(outcome, state, n)
}

// Add counts n chains.
func (c *ChainCounts) Add(outcome string, state State, n int) {
	c.Total += n
	if outcome != "" {
		c.Outcomes[outcome] += n
	}
	switch state {
	case Pass:
		c.Pass += n
	case Fail:
		c.Fail += n
	case NotKnown:
		c.Unknown += n
	}
}

// done is told that the engine is to let go of a chain; one that is open is kept,
// unless there are too many.
func (l *Live) done(c *correlate.Chain, early bool) (keep bool) {
	n := c.Number
	note := l.note(n)
	if note&noteOpen != 0 && !early {
		return true
	}
	if early && !l.shedding {
		l.crowded++
	}
	l.unwait(n)
	c.Remnant = c.Remnant || early
	if note&noteOpen != 0 {
		v := l.verdict(c)
		if v.Due.Known() {
			l.flow().name(c, &v)
			v.Unknowns = append(v.Unknowns, fmt.Sprintf("more than %d chains were open: this one was closed early", l.a.engine.Len()-1))
		}
		note = l.judged(n, c, &v, note)
	}
	l.a.read.released(c)
	delete(l.standing, n)
	if l.cfg.Released != nil {
		last := correlate.Never
		for i := range c.Entries {
			last = max(last, c.Entries[i].Seen)
		}
		outcome, state := l.said(note)
		l.cfg.Released(last, outcome, state)
	}
	return false
}

// doubt looks again at the chains that were told to lack a step: a loss that is
// told later may be of the time in which it should have come.
func (l *Live) doubt() {
	for n, told := range l.standing {
		if slices.ContainsFunc(told, func(f Finding) bool { return f.Kind == Missing }) {
			l.grow(n)
		}
	}
}

// maxGaps bounds the gaps of a channel that are remembered.
const maxGaps = 1024

// tellGaps tells the gaps that are new.
func (l *Live) tellGaps() {
	for i := range l.a.horizon.Channels {
		c := &l.a.horizon.Channels[i]
		for _, gap := range c.Gaps[min(c.GapsTold, len(c.Gaps)):] {
			l.cfg.Tell(&Judgement{State: NotKnown, Unknowns: []string{gap.Reason}, flow: l.flow()})
			l.doubt()
		}
		if len(c.Gaps) > maxGaps {
			c.Gaps = append(c.Gaps[:0:0], c.Gaps[maxGaps/2:]...)
		}
		c.GapsTold = len(c.Gaps)
	}
	for _, u := range l.a.result.Unknowns {
		l.cfg.Tell(&Judgement{State: NotKnown, Unknowns: []string{u.Reason}, flow: l.flow()})
	}
	l.a.result.Unknowns = nil
}
