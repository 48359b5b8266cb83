package flows

import (
	"fmt"
	"slices"

	"github.com/flowcheck/flowcheck/correlate"
)

// everyTracker follows `every`: when each key was heard last, and where it was
// silent for too long. A message that arrives late may end a silence that seemed
// to be one, so that they are told when the report is made.
type everyTracker struct {
	flow *Flow
	rule *Rule
	keys map[string]*beat
	full bool

	maxKeys int
}

// beat is what was heard of a key.
type beat struct {
	name        string
	first, last place
	silences    []silence // ascending
}

// silence lasts from one message to the next.
type silence struct{ from, to place }

func (s silence) length() (d int64) { return int64(s.to.instant() - s.from.instant()) }

func (t *everyTracker) observe(s *sighting) {
	key := keyOf(s.per)
	b := t.keys[key]
	if b == nil {
		if len(t.keys) >= t.maxKeys {
			t.full = true
			return
		}
		t.keys[key] = &beat{name: nameOf(s.per), first: s.named(), last: s.named()}
		return
	}
	b.hear(s.named(), int64(t.rule.every))
}

// hear notes a message.
func (b *beat) hear(p place, limit int64) {
	switch at := p.instant(); {
	case at > b.last.instant():
		if s := (silence{b.last, p}); s.length() > limit {
			b.silences = append(b.silences, s)
		}
		b.last = p
	case at < b.first.instant():
		if s := (silence{p, b.first}); s.length() > limit {
			b.silences = slices.Insert(b.silences, 0, s)
		}
		b.first = p
	default:
		b.last = sooner(b.last, p)
		b.interrupt(p, limit)
	}
}

// interrupt ends the silence that the message lies in.
func (b *beat) interrupt(p place, limit int64) {
	at := p.instant()
	i, _ := slices.BinarySearchFunc(b.silences, at, func(s silence, at correlate.Instant) int {
		if s.to.instant() <= at {
			return -1
		}
		return 1
	})
	if i == len(b.silences) || b.silences[i].from.instant() > at {
		return
	}
	whole := b.silences[i]
	if whole.from.instant() == at {
		b.silences[i].from = sooner(whole.from, p)
		return
	}
	parts := []silence{{whole.from, p}, {p, whole.to}}
	parts = slices.DeleteFunc(parts, func(s silence) bool { return s.length() <= limit })
	b.silences = slices.Replace(b.silences, i, i+1, parts...)
}

// sooner is, of two messages of one instant, always the same; of others the
// first.
func sooner(a, b place) place {
	if a.instant() == b.instant() && placeOrder(b, a) < 0 {
		return b
	}
	return a
}

func (t *everyTracker) silent(b *beat, since place, howLong string) ruleFinding {
	f := t.rule.finding(Missing, &t.flow.Channels[t.rule.Channel], since)
	f.Text = fmt.Sprintf("%s was silent for %s", b.name, howLong)
	f.Expected, f.Actual = "a message every "+spell(t.rule.every), howLong
	return f
}

func (t *everyTracker) report(h *correlate.Horizon) ([]ruleFinding, []Unknown) {
	var findings []ruleFinding
	var unknowns []Unknown
	tell := func(b *beat, since place, howLong string) {
		due := since.instant().Add(t.rule.every)
		if i, lost := h.LossIn(t.rule.Channel, since.instant(), due); lost {
			unknowns = append(unknowns, Unknown{Reason: "rule " + t.rule.Name + ": a message of " + b.name + " may have been lost: " + h.Channels[t.rule.Channel].Gaps[i].Reason})
			return
		}
		findings = append(findings, t.silent(b, since, howLong))
	}
	for _, b := range t.keys {
		for _, s := range b.silences {
			tell(b, s.from, spell(s.to.instant().Sub(s.from.instant())))
		}
		// The end itself is still in time.
		due := b.last.instant().Add(t.rule.every)
		if h.ReadPast(t.rule.Channel, due+1, !b.last.time.Known()) || h.PartitionsPast(t.rule.Channel, due, !b.last.time.Known()) {
			tell(b, b.last, "more than "+spell(t.rule.every))
		}
	}
	if t.full {
		unknowns = append(unknowns, Unknown{Reason: "rule " + t.rule.Name + ": more keys than are remembered"})
	}
	return findings, unknowns
}
