package flows

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/message"
)

// attempt is one instance of a scenario where probes were asked for: the
// scenario's own, a plain repeat of it, or a try of a probe.
type attempt struct {
	id    string
	probe *message.ProbeMark // of its first mark
	runs  []*scenarioRun     // one for each chain
	sends []*message.ProbeMark
	did   []Deed
	end   *message.ProbeMark // nil while it is not over
	// endedAt is when it was over; Never while it is not.
	endedAt correlate.Instant
	// effects are those of its chains, once they are done.
	effects  []effect
	unknowns []string
	shared   bool // its chain is another attempt's as well
	poison   *poison
	dead     int // dead letters in a chain that was replayed
}

// plain reports whether nothing was done to the attempt but to send its trigger.
func (t *attempt) plain() bool { return t.probe.Kind == "" }

// disturbs reports whether the attempt does something to the system itself.
func (t *attempt) disturbs() bool { return t.probe.Kind == "restart" || t.probe.Kind == "cut" }

// replayed reports whether its dead letters were replayed: from then on the chain
// is judged as if it had never had them.
func (t *attempt) replayed() bool {
	return t.probe.Kind == "replay" && slices.ContainsFunc(t.sends, func(p *message.ProbeMark) bool { return p.Extra })
}

// again reports whether the attempt came too late for its work, and was made once more.
func (t *attempt) again() bool { return t.end != nil && t.end.Again }

// label names the try in a finding.
func (t *attempt) label() string {
	if t.probe.Try == "" {
		return t.probe.Kind
	}
	return t.probe.Kind + ", " + t.probe.Try
}

// addProbe notes what a probe did.
func (a *Audit) addProbe(m *message.Mark) {
	t := a.attempts[m.ID]
	switch p := m.Probe; p.Does {
	case message.ProbeBegin:
		a.beginTry(m)
	case message.ProbeSkip:
		a.skips = append(a.skips, p)
	case message.ProbeSend:
		if t == nil {
			return
		}
		t.sends = append(t.sends, p)
		if p.Broken != "" {
			a.addPoison(t, m)
		}
		if p.Extra {
			t.did = append(t.did, Deed{p.What, p.Channel, p.Position})
		}
	case message.ProbeAct:
		if t != nil {
			t.did = append(t.did, Deed{What: p.What})
		}
	case message.ProbeEnd:
		if t != nil {
			t.end, t.endedAt = p, correlate.InstantOf(m.Seen)
		}
	}
	a.allStir = true
}

func (a *Audit) beginTry(m *message.Mark) {
	s := a.newRun(m)
	t := a.attempts[m.ID]
	if t == nil {
		t = &attempt{id: m.ID, probe: m.Probe, endedAt: correlate.Never}
		a.attempts[m.ID] = t
		a.tries = append(a.tries, t)
	}
	t.runs = append(t.runs, s)
	s.attempt = t
}

// Digest names a payload in a probe's mark, so that a message that flowcheck sent
// can be recognised where the broker does not tell its position. It is of the
// payload as it is recorded, masks and all.
func Digest(data []byte) string {
	if data == nil {
		return "tombstone"
	}
	return hexOf(xxhash.Sum64(data))
}

func hexOf(hash uint64) string { return strconv.FormatUint(hash, 16) }

// EntryDigest is the Digest of the message that the entry is of.
func EntryDigest(e *correlate.Entry) string {
	if e.Tombstone {
		return "tombstone"
	}
	return hexOf(e.Body)
}

// attemptsOf are the attempts whose chain this is.
func attemptsOf(mine []*scenarioRun) []*attempt {
	var all []*attempt
	for _, s := range mine {
		if s.attempt != nil && !slices.Contains(all, s.attempt) {
			all = append(all, s.attempt)
		}
	}
	return all
}

// parted is a chain without what flowcheck sent beyond the triggers, which is no
// doing of the system's; and what in it is flowcheck's own: triggers, false, and
// extras, true.
func (a *Audit) parted(c *correlate.Chain, attempts []*attempt) (*correlate.Chain, map[uint64]bool) {
	if len(attempts) == 0 {
		return c, nil
	}
	extra := map[uint64]bool{}
	for _, t := range attempts {
		a.recognise(c, t, extra)
	}
	replayed := slices.ContainsFunc(attempts, (*attempt).replayed)
	without := *c
	without.Entries = make([]correlate.Entry, 0, len(c.Entries))
	for i := range c.Entries {
		dead := replayed && a.flow.Channels[c.Entries[i].Channel].DeadLetters != nil
		if !extra[c.Entries[i].Seq] && !dead {
			without.Entries = append(without.Entries, c.Entries[i])
		}
	}
	return &without, extra
}

// recognise finds the attempt's own messages in the chain: by the position that
// the broker confirmed; where it told none, or a name that the tap does not see,
// by payload and number.
func (a *Audit) recognise(c *correlate.Chain, t *attempt, extra map[uint64]bool) {
	byName := make([]bool, len(t.sends))
	for i, p := range t.sends {
		if p.Position.Kind == message.NoPosition {
			continue
		}
		for j := range c.Entries {
			e := &c.Entries[j]
			if e.Position == p.Position && a.sameAddress(p.Channel, int(e.Channel)) {
				extra[e.Seq], byName[i] = p.Extra, true
			}
		}
	}
	for i, p := range t.sends {
		if byName[i] || p.Position.Kind == message.PartitionOffset {
			continue
		}
		seen := map[int16]bool{} // two channels may have one address
		for n := range c.Entries {
			// Of messages that are alike, what was sent again is the last.
			j := n
			if p.Extra {
				j = len(c.Entries) - 1 - n
			}
			e := &c.Entries[j]
			if _, known := extra[e.Seq]; known || seen[e.Channel] || !a.sameAddress(p.Channel, int(e.Channel)) || EntryDigest(e) != p.Digest {
				continue
			}
			extra[e.Seq], seen[e.Channel] = p.Extra, true
		}
	}
}

// sameAddress reports whether the channel is the one of that name, or another
// view of the same topic or exchange.
func (a *Audit) sameAddress(name string, i int) bool {
	c := &a.flow.Channels[i]
	if c.Name == name {
		return true
	}
	at, ok := a.intake.channels[name]
	if !ok {
		return false
	}
	d := &a.flow.Channels[at]
	return c.Broker == d.Broker && c.Topic == d.Topic && c.Exchange == d.Exchange && c.Queue == d.Queue &&
		c.Stream == d.Stream && c.SNS == d.SNS && c.SQS == d.SQS
}

// concludeChain keeps of a chain that was just judged what its attempts need.
func (a *Audit) concludeChain(c *correlate.Chain, v *Verdict, mine []*scenarioRun, own map[uint64]bool) {
	attempts := attemptsOf(mine)
	for _, t := range attempts {
		if t.replayed() {
			t.dead += a.countDead(c)
		}
		t.shared = t.shared || len(attempts) > 1
		part, nth, as := t.place(mine)
		for _, e := range a.effectsOf(as, own, nth) {
			e.chain, e.ids, e.part = v.Chain, v.IDs, part
			t.effects = append(t.effects, e)
		}
		for _, u := range v.Unknowns {
			if !slices.Contains(t.unknowns, u) {
				t.unknowns = append(t.unknowns, u)
			}
		}
	}
	a.noteAfter(c, attempts, own)
	for i := range c.Entries {
		e := &c.Entries[i]
		if extra, mine := own[e.Seq]; extra || mine && reordered(attempts) {
			a.ours[Evidence{a.flow.Channels[e.Channel].Name, e.Position}] = true
		}
	}
}

// reordered reports whether the order of the triggers themselves is a probe's
// doing.
func reordered(attempts []*attempt) bool {
	return slices.ContainsFunc(attempts, func(t *attempt) bool { return t.probe.Kind == "reorder" })
}

// place is where the attempt has the first of these runs: in which part, which is
// the scenario sent once, the how manieth chain of that, and with which fresh id.
func (t *attempt) place(mine []*scenarioRun) (part, nth int, as string) {
	as = t.id
	for _, s := range t.runs {
		if p := s.mark.Probe; p.As != "" && p.As != as {
			part, nth, as = part+1, 0, p.As
		}
		if slices.Contains(mine, s) {
			return part, nth, as
		}
		nth++
	}
	return part, nth, as
}

// notOurs leaves out what a rule found of messages that a probe sent.
func (a *Audit) notOurs(f *Finding) bool {
	return len(a.ours) == 0 || !slices.ContainsFunc(f.Evidence, func(e Evidence) bool { return a.ours[e] })
}

// doubt is why the attempt's effects cannot be compared; "" where they can.
func (t *attempt) doubt() string {
	switch {
	case t.end == nil:
		return "the run ended before it was over"
	case t.end.Reason != "":
		return t.end.Reason
	case t.shared:
		return "its chain is also that of another run of the scenario: let every id of the trigger be made of ${id}"
	case len(t.unknowns) > 0:
		return t.unknowns[0]
	}
	for _, s := range t.runs {
		if !s.found {
			return "its trigger is in no chain"
		}
	}
	if slices.ContainsFunc(t.effects, func(e effect) bool { return e.lost }) {
		return fmt.Sprintf("more than %d MiB of other messages came in the meantime", maxKeptBytes>>20)
	}
	return ""
}

// timelineOfOwn adds what a probe sent to the timeline of the chain.
func (a *Audit) timelineOfOwn(c *correlate.Chain, v *Verdict, own map[uint64]bool) {
	moments := a.result.Timelines[v.Chain]
	if len(moments) == 0 || len(own) == 0 {
		return
	}
	for i := range c.Entries {
		e := &c.Entries[i]
		if !own[e.Seq] {
			continue
		}
		m := Moment{
			Channel: a.flow.Channels[e.Channel].Name, Position: e.Position, Time: e.Time, Seen: e.Seen,
			Note: "sent by the probe", Payload: a.payloadOf(e.Seq),
		}
		if e.Step != correlate.NoStep {
			m.Step = a.flow.Steps[e.Step].Name
		}
		at := slices.IndexFunc(moments, func(other Moment) bool { return other.at() > m.at() })
		if at < 0 {
			at = len(moments)
		}
		moments = slices.Insert(moments, at, m)
	}
	a.result.Timelines[v.Chain] = moments
}

func (m *Moment) at() correlate.Instant {
	if m.Time.Known() {
		return m.Time
	}
	return m.Seen
}
