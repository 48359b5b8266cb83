package flows

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/flowcheck/flowcheck/correlate"
)

// uniqueTracker follows `unique`: which messages have an id. Which of them is the
// first is told when the report is made, so that the order of arrival does not
// matter. An id that only one message has, as most, is no more than a packed claim.
//
//	message → claim to its id → (the id comes again) → owner of both → findings
type uniqueTracker struct {
	flow       *Flow
	rule       *Rule
	young, old generation
	doubled    []*owner
	turned     correlate.Instant // when young became old
	full       bool
	maxKeys    int
	live       bool // it is a Live's: doubled are those to be looked at
}

// generation are ids that came within some time.
type generation struct {
	claims *correlate.Claims
	owners map[string]*owner // by id, where a second message has come
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

func newUniqueTracker(f *Flow, r *Rule, e *correlate.Engine, maxKeys int) *uniqueTracker {
	t := &uniqueTracker{flow: f, rule: r, maxKeys: maxKeys, turned: correlate.Never}
	for _, g := range [2]*generation{&t.young, &t.old} {
		*g = generation{claims: e.NewClaims(), owners: map[string]*owner{}}
	}
	return t
}

// expect brings into the caches what observe needs for a message with the hash.
func (t *uniqueTracker) expect(hash uint32) { t.young.claims.Expect(hash) }

func (t *uniqueTracker) observe(s *sighting) {
	if s.key.text == "" || s.entry.Copy {
		return
	}
	t.turn(s.seen)
	have := t.young.owner(s.key)
	if have == nil {
		have = t.old.owner(s.key)
	}
	if have == nil {
		if !t.young.claims.Add(s.key.hash, s.key.text, s.entry, s.number) {
			t.full = true
		}
		return
	}
	c := claim{*s.entry, s.named().chain}
	c.entry.Fields, c.entry.Detail = nil, nil
	if have.absorb(s.channel, c) {
		return
	}
	if have.others == nil {
		have.name = nameOf(s.by)
	}
	if have.others == nil || t.live && !have.fresh {
		have.fresh = true
		t.doubled = append(t.doubled, have)
	}
	have.others = append(have.others, c)
}

// owner is the message that has the id, nil where none has.
func (g *generation) owner(key ruleKey) *owner {
	c, ok := g.claims.Find(key.hash, key.text)
	if !ok {
		return nil
	}
	if c.Left() {
		return g.owners[key.text]
	}
	o := &owner{}
	o.entry, o.chain = c.Leave()
	g.owners[strings.Clone(key.text)] = o
	return o
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
	full := t.young.claims.Len() >= t.maxKeys
	if !t.turned.Known() {
		t.turned = now
	}
	if !full && now < t.turned.Add(t.flow.Remember) {
		return
	}
	t.full = t.full || full
	t.old.claims.Clear()
	clear(t.old.owners)
	t.old, t.young, t.turned = t.young, t.old, now
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
