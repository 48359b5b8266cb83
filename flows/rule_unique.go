package flows

import (
	"cmp"
	"fmt"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/payload"
)

// uniqueTracker follows `unique`: which messages have an id. Which of them is the
// first is told when the report is made, so that the order of arrival does not
// matter.
type uniqueTracker struct {
	flow       *Flow
	rule       *Rule
	young, old map[string]*owner
	doubled    []*owner
	turned     correlate.Instant // when young became old
	full       bool
	maxKeys    int
	key        []byte // of the message observed last
	live       bool   // it is a Live's: doubled are those to be looked at
}

// owner is the message that has an id, and those that have it as well.
type owner struct {
	claim
	name   string
	others []claim

	fresh bool      // it is in doubled
	told  []Finding // by a Live
}

// claim is what there is to know of a message with an id.
type claim struct {
	entry correlate.Entry
	chain *correlate.Chain
}

func (t *uniqueTracker) observe(s *sighting) {
	if s.by.IsNil() || s.entry.Copy {
		return
	}
	t.key = payload.AppendKey(payload.AppendKey(t.key[:0], s.per), s.by)
	key := string(t.key)
	t.turn(s.seen)
	have := t.young[key]
	if have == nil {
		have = t.old[key]
	}
	c := claim{*s.entry, s.chain}
	c.entry.Fields, c.entry.Detail = nil, nil
	switch {
	case have == nil:
		t.young[key] = &owner{claim: c}
	case !have.absorb(s.channel, c):
		if have.others == nil {
			have.name = nameOf(s.by)
		}
		if have.others == nil || t.live && !have.fresh {
			have.fresh = true
			t.doubled = append(t.doubled, have)
		}
		have.others = append(have.others, c)
	}
}

// absorb reports whether the message is a copy that passes of one that is known
// and in the same queue; of the two the first is kept.
func (o *owner) absorb(ch *Channel, c claim) bool {
	if ch.Redeliveries == RedeliveriesJudged {
		return false
	}
	if o.claim.absorb(ch, c) {
		return true
	}
	for i := range o.others {
		if o.others[i].absorb(ch, c) {
			return true
		}
	}
	return false
}

func (c *claim) absorb(ch *Channel, other claim) bool {
	a, b := &c.entry, &other.entry
	if !ch.redelivery(a, b) {
		return false
	}
	order := cmp.Compare(b.Position.Offset, a.Position.Offset)
	if !a.Position.Ordered(b.Position) {
		if ordered(a.Position) {
			return false
		}
		order = cmp.Or(cmp.Compare(b.At(), a.At()), byPlace(b, a))
	}
	if order < 0 {
		*c = other
	}
	return true
}

// turn forgets ids that are older than the flow remembers, or too many.
func (t *uniqueTracker) turn(now correlate.Instant) {
	full := len(t.young) >= t.maxKeys
	if t.young != nil && !full && now < t.turned.Add(t.flow.Remember) {
		return
	}
	t.full = t.full || full
	t.old, t.young, t.turned = t.young, map[string]*owner{}, now
}

func (t *uniqueTracker) report(*correlate.Horizon) ([]ruleFinding, []Unknown) {
	var findings []ruleFinding
	for _, o := range t.doubled {
		findings = append(findings, t.doubles(o)...)
	}
	if t.full {
		return findings, []Unknown{{Reason: "rule " + t.rule.Name + ": more ids than are remembered"}}
	}
	return findings, nil
}

// doubles tells each message with the id but the first and its copies that pass.
func (t *uniqueTracker) doubles(o *owner) []ruleFinding {
	ch := &t.flow.Channels[t.rule.Channel]
	claims := append([]claim{o.claim}, o.others...)
	entries := make([]*correlate.Entry, len(claims))
	chains := make(map[*correlate.Entry]*correlate.Chain, len(claims))
	for i := range claims {
		entries[i] = &claims[i].entry
		chains[entries[i]] = claims[i].chain
	}
	sortEntries(entries)
	var findings []ruleFinding
	kept := entries[:1:1]
	for _, e := range entries[1:] {
		if ch.redelivered(kept, e) {
			continue
		}
		kept = append(kept, e)
		f := t.rule.finding(Duplicate, ch, placeOf(e, chains[e]), placeOf(kept[0], nil))
		f.Text = fmt.Sprintf("the id %s came again on %s", o.name, ch.Name)
		f.Expected, f.Actual = "once", "twice"
		f.call(DuplicateID, "")
		findings = append(findings, f)
	}
	return findings
}

func placeOf(e *correlate.Entry, c *correlate.Chain) place {
	return place{at: e.Position, time: e.Time, seen: e.Seen, chain: c, producer: e.Producer}
}
