package flows

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/message"
)

// FindingID names a finding: a hash of the flow, the chain, the kind, the step,
// the rule and the positions of the evidence, so that the same finding has the
// same id however often, and by whomever, it is found.
func FindingID(flow string, f *Finding) string {
	h := sha256.New()
	for _, part := range []string{flow, f.Chain, string(f.Kind), f.Step, f.Rule, f.window} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	for _, e := range f.Evidence {
		h.Write([]byte(e.Channel + "\x00" + e.Position.String() + "\x00"))
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// changes are what is new in now, and what of before is not in it.
func changes(now, before []Finding) (found, withdrawn []Finding) {
	if len(before) == 0 && len(now) < 2 {
		return now, nil
	}
	had := make(map[string]bool, len(before))
	for i := range before {
		had[FindingID("", &before[i])] = true
	}
	has := make(map[string]bool, len(now))
	for i := range now {
		if id := FindingID("", &now[i]); !has[id] {
			if has[id] = true; !had[id] {
				found = append(found, now[i])
			}
		}
	}
	for i := range before {
		if id := FindingID("", &before[i]); !has[id] {
			has[id] = true
			withdrawn = append(withdrawn, before[i])
		}
	}
	return found, withdrawn
}

// sweepLoose tells the strays that are of no chain, and forgets what has waited
// for a chain for too long.
func (l *Live) sweepLoose() {
	f := l.flow()
	if l.now.Sub(l.minute) < sweepEvery && l.minute.Known() {
		l.tellLoose()
		return
	}
	l.minute = l.now
	old := func(e *correlate.Entry) bool {
		return e.Seen.Add(f.Remember) < l.now || e.Step == correlate.NoStep && l.allPast(e)
	}
	l.expire(old)
	l.tellLoose()
}

// allPast reports whether every channel was read so far that the stray's chain
// would have begun.
func (l *Live) allPast(e *correlate.Entry) bool {
	for i := range l.flow().Channels {
		if !l.a.horizon.ReadPast(i, e.At().Add(l.flow().Timeout), !e.Time.Known()) {
			return false
		}
	}
	return true
}

func (l *Live) expire(old func(*correlate.Entry) bool) {
	l.a.engine.Expire(old, func(e *correlate.Entry) {
		if e.Detail != nil && e.Detail.Stray != correlate.NotStray {
			l.a.loose = append(l.a.loose, *e)
		}
	})
}

func (l *Live) tellLoose() {
	for _, f := range l.a.read.found { // a log that is not what it was is nobody's chain
		l.cfg.Tell(&Judgement{State: Fail, Found: []Finding{f.Finding}, flow: l.flow()})
	}
	l.a.read.found, l.a.read.owed = nil, nil
	loose := l.a.loose
	l.a.loose = nil
	if l.carrying {
		return
	}
	for i := range loose {
		e := &loose[i]
		ch := &l.flow().Channels[e.Channel]
		finding := strayFinding(ch, e, []Evidence{{ch.Name, e.Position}})
		if e.Step != correlate.NoStep {
			finding.Step = l.flow().Steps[e.Step].Name
		}
		l.cfg.Tell(&Judgement{State: Fail, Found: []Finding{finding}, flow: l.flow()})
	}
}

// Shed lets go of the chains that were quiet longest, n of them at most: what is
// not judged yet of them is unknown. It returns how many there were.
func (l *Live) Shed(n int) int {
	l.shedding = true
	defer func() { l.shedding = false }()
	return l.a.engine.Shed(n)
}

// LiveStats is what a Live holds.
type LiveStats struct {
	// Kept are the chains in memory, Open those of them that are not closed.
	Kept, Open int
	// Crowded are chains that were let go of because there were more than MaxChains.
	Crowded int
	// Messages as in Result, but that those without a chain yet count as matched.
	Messages MessageCounts
	Chains   ChainCounts
}

// Stats tells how large the Live is. What it returns shares Outcomes with the
// Live.
func (l *Live) Stats() LiveStats {
	m := MessageCounts{Seen: l.a.result.Messages.Seen, Matched: l.a.steps}
	m.Unmatched = m.Seen - m.Matched
	return LiveStats{Kept: l.a.engine.Len(), Open: l.open, Crowded: l.crowded, Messages: m, Chains: l.counts}
}

// Bodies is Audit.Bodies for events that are given to Add.
func (l *Live) Bodies() message.BodyScanner { return l.a.Bodies() }

// Channels are the messages that were seen of each channel.
func (l *Live) Channels() []ChannelCount { return l.a.result.Channels }

// Needs returns the places of the messages that the chains kept have, and that
// were seen before the instant.
func (l *Live) Needs(before correlate.Instant) map[Evidence]bool {
	need := map[Evidence]bool{}
	for n := range l.a.engine.All {
		c := l.a.engine.Show(n)
		for i := range c.Entries {
			if e := &c.Entries[i]; e.Seen <= before {
				at := e.Position
				at.ID = strings.Clone(at.ID)
				need[Evidence{l.flow().Channels[e.Channel].Name, at}] = true
			}
		}
	}
	return need
}

// Close judges all that is open, by what is known now, and tells it. end is the
// time to which every tap had read; nil where they cannot tell. Nothing may be
// added afterwards.
func (l *Live) Close(end *message.Mark) LiveStats {
	if end != nil {
		l.a.Add(message.Event{Mark: end})
		l.a.horizon.EndDecides = false
	}
	l.closing = true
	for n := range l.a.engine.All {
		if note := l.note(n); note&noteOpen != 0 {
			l.setNote(n, note&^noteGrown)
			l.look(n)
		}
	}
	l.CloseRules()
	return l.Stats()
}

// CloseRules tells what the rules have not told yet, by what is known now, and
// the strays that have waited for a chain. Nothing may be added afterwards.
func (l *Live) CloseRules() {
	for _, r := range l.rules {
		if r != nil {
			l.tellRule(r.close(l.a.horizon))
		}
	}
	l.expire(func(*correlate.Entry) bool { return true })
	l.tellLoose()
}

// Timeline is the chain's messages, in their order; nil where the judgement is of
// no chain. It is for the goroutine that was told the judgement, before it goes
// on.
func (j *Judgement) Timeline() []Moment {
	if j.chain == nil {
		return nil
	}
	entries := make([]*correlate.Entry, 0, len(j.chain.Entries))
	for i := range j.chain.Entries {
		entries = append(entries, &j.chain.Entries[i])
	}
	sortEntries(entries)
	moments := make([]Moment, 0, len(entries))
	for _, e := range entries {
		m := Moment{Channel: j.flow.Channels[e.Channel].Name, Position: e.Position, Time: e.Time, Seen: e.Seen}
		if e.Step != correlate.NoStep {
			m.Step = j.flow.Steps[e.Step].Name
		}
		if e.Copy {
			m.Note = "a retry or dead-letter copy"
		}
		moments = append(moments, m)
	}
	return moments
}

// Name names the chain of the judgement, as findings do, even where it passes.
func (j *Judgement) Name() (string, map[string]string) {
	if j.chain == nil || j.IDs != nil {
		return j.Chain, j.IDs
	}
	return j.flow.label(j.chain)
}

// sortedFindings orders what a rule tells at once, so that a map's order does not
// show.
func sortedFindings(all []Finding) []Finding {
	SortFindings(all)
	return slices.Clip(all)
}
