package flows

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// poison is a broken trigger that a probe sent, and what came of it.
type poison struct {
	*message.ProbeMark
	chain string            // the name that its chain should have
	ids   map[string]string // and its ids
	steps []string          // the steps that came of it all the same
}

// letter is a message on a dead-letter channel, kept whole.
type letter struct {
	entry   correlate.Entry
	headers string // their values, for the ids among them
	key     []byte
	payload []byte
	dead    bool // its headers tell of the failure
}

// maxLetters bounds the dead letters that are kept.
const maxLetters = 10_000

func (a *Audit) newIntake() *intake {
	in := newIntake(a.flow)
	in.letters = a.cfg.Probes
	return in
}

// whole keeps a dead letter.
func (in *intake) whole(o *message.Observation) *letter {
	var headers strings.Builder
	for _, h := range o.Headers {
		headers.WriteString(headerText(h.Value).Text() + "\n")
	}
	return &letter{
		entry: in.reduced.Entry, headers: headers.String(), key: bytes.Clone(o.Key), payload: bytes.Clone(o.Payload), dead: in.dead,
	}
}

func (a *Audit) keepLetter(l *letter) {
	a.allStir = true // it may be what an instance waits for, without being of its chain
	if len(a.letters) < maxLetters {
		a.letters = append(a.letters, l)
	}
}

// addPoison notes a broken trigger.
func (a *Audit) addPoison(t *attempt, m *message.Mark) {
	t.poison = &poison{ProbeMark: m.Probe, chain: a.mainID(m.IDs), ids: m.IDs}
	if m.Probe.Position.Kind != message.NoPosition {
		a.ours[Evidence{m.Probe.Channel, m.Probe.Position}] = true
	}
	if a.poisons == nil {
		a.poisons = map[correlate.ID]*attempt{}
	}
	for i, id := range a.flow.IDs {
		if value, ok := m.IDs[id.Name]; ok {
			a.poisons[correlate.Canonical(correlate.ID{Name: uint16(i), Value: value})] = t
		}
	}
}

// notePoison notes the steps that came of a broken trigger, beyond itself.
func (a *Audit) notePoison(c *correlate.Chain) {
	if len(a.poisons) == 0 {
		return
	}
	for _, id := range c.IDs {
		t := a.poisons[correlate.Canonical(id)]
		if t == nil {
			continue
		}
		t.poison.steps = append(t.poison.steps, a.stepsBeyond(t.poison, c)...)
	}
}

// stepsBeyond are the steps of a broken trigger's chain that came of it.
func (a *Audit) stepsBeyond(x *poison, c *correlate.Chain) []string {
	var steps []string
	for i := range c.Entries {
		e := &c.Entries[i]
		if e.Step == correlate.NoStep || a.flow.Channels[e.Channel].DeadLetters != nil || a.sameAddress(x.Channel, int(e.Channel)) {
			continue
		}
		steps = append(steps, a.flow.Steps[e.Step].Name)
	}
	return steps
}

// lettersOf are the dead letters of the broken trigger: by its bytes, by the id
// that is in it, or by the place that their headers name.
func (a *Audit) lettersOf(p *poison) []*letter {
	var all []*letter
	id := []byte(p.As)
	for _, l := range a.letters {
		e := &l.entry
		origin := e.Detail != nil && p.Position.Kind == message.PartitionOffset && e.Detail.OriginAt == p.Position &&
			e.Detail.Origin >= 0 && a.sameAddress(p.Channel, int(e.Detail.Origin))
		named := len(id) > 0 && (bytes.Contains(l.payload, id) || bytes.Contains(l.key, id) || strings.Contains(l.headers, p.As))
		if origin || named || EntryDigest(e) == p.Digest {
			all = append(all, l)
		}
	}
	return all
}

// PoisonSeen reports whether a dead letter of the broken trigger that an instance
// sent has come, or nothing of the flow could show it, or the system has made sense
// of it.
func (a *Audit) PoisonSeen(id string) bool {
	t := a.attempts[id]
	if t == nil || t.poison == nil || len(a.flow.DeadLettersOf(a.intake.channels[t.poison.Channel])) == 0 {
		return true
	}
	return len(a.lettersOf(t.poison)) > 0 || lenient(t.poison.Broken) && a.madeSense(t.poison)
}

// madeSense reports whether the system has handled a broken trigger so far.
func (a *Audit) madeSense(x *poison) bool {
	c := a.chainOfIDs(x.ids)
	return c != nil && len(a.stepsBeyond(x, c)) > 0
}

// judgePoison judges what became of the broken trigger.
func (p *probeReport) judgePoison(t *attempt) (found []Finding, doubt string) {
	a, x := p.audit, t.poison
	if x == nil {
		return nil, ""
	}
	letters := a.lettersOf(x)
	takers := a.flow.DeadLettersOf(a.intake.channels[x.Channel])
	switch {
	case len(letters) == 0 && lenient(x.Broken) && len(x.steps) > 0:
		return nil, "" // the system made sense of it
	case len(takers) == 0 && len(letters) == 0:
		return nil, fmt.Sprintf("no channel of the flow takes the dead letters of %s, so what became of the broken message is not known: "+
			"name one with `dead-letters: %s`", x.Channel, x.Channel)
	case len(letters) == 0:
		f := p.poisonFinding(t, Missing, nil)
		f.Text = fmt.Sprintf("a broken trigger (%s) was not dead-lettered", x.Broken)
		f.Expected, f.Actual = "one dead letter on "+a.channelNames(takers), "none"
		return []Finding{f}, ""
	}
	first := letters[0]
	for _, l := range letters[1:] {
		f := p.poisonFinding(t, Duplicate, l)
		f.Text = fmt.Sprintf("a broken trigger (%s) was dead-lettered %s", x.Broken, times(len(letters)))
		f.Expected, f.Actual = "once", times(len(letters))
		found = append(found, f)
	}
	if !first.dead {
		f := p.poisonFinding(t, Mismatch, first)
		f.Text = fmt.Sprintf("a broken trigger (%s) was dead-lettered without a reason: no header tells of the failure", x.Broken)
		f.Expected, f.Actual = "failure headers of a known framework", "none"
		found = append(found, f)
	}
	if what := a.alteredLetter(x, first); what != "" {
		f := p.poisonFinding(t, Altered, first)
		f.Text = fmt.Sprintf("a broken trigger (%s) was dead-lettered with another %s", x.Broken, what)
		f.Expected, f.Actual = "the "+what+" as it was sent", short(payload.Short(textOf(string(first.payload)), shortValue))
		found = append(found, f)
	}
	return found, ""
}

func (a *Audit) channelNames(all []int) string {
	var names []string
	for _, i := range all {
		names = append(names, a.flow.Channels[i].Name)
	}
	return strings.Join(names, " or ")
}

func (p *probeReport) poisonFinding(t *attempt, kind Kind, l *letter) Finding {
	f := Finding{Kind: kind, Chain: t.poison.chain, IDs: t.poison.ids, Probe: t.label()}
	if l == nil {
		f.Evidence = []Evidence{{t.poison.Channel, t.poison.Position}}
		return f
	}
	f.Evidence = []Evidence{{p.audit.flow.Channels[l.entry.Channel].Name, l.entry.Position}}
	return f
}

// alteredLetter names what of the broken message its dead letter has not kept; ""
// for nothing.
func (a *Audit) alteredLetter(x *poison, l *letter) string {
	ch := &a.flow.Channels[l.entry.Channel]
	same := EntryDigest(&l.entry) == x.Digest
	if d := l.entry.Detail; !same && d != nil && ch.intake.original != nil {
		same = slices.ContainsFunc(d.Payloads, func(h uint64) bool { return hexOf(h) == x.Digest })
	}
	switch {
	case ch.Copy == CopyNone:
		return ""
	case !same:
		return "body"
	case ch.Copy == CopyWhole && !ch.intake.keyless && x.Key != "" && (l.key == nil || Digest(l.key) != x.Key):
		return "key"
	default:
		return ""
	}
}
