package flows

import (
	"fmt"
	"time"

	"github.com/flowcheck/flowcheck/correlate"
)

// noteAfter notes which messages of a chain came when all attempts that it is of were over,
// and what was tried then: that, and not the attempt, may be what brought them. A restart may
// have a system send again what it sent long ago.
func (a *Audit) noteAfter(c *correlate.Chain, attempts []*attempt, own map[uint64]bool) {
	over := correlate.Never
	for _, t := range attempts {
		if !t.endedAt.Known() {
			return
		}
		if !over.Known() || t.endedAt > over {
			over = t.endedAt
		}
	}
	if !over.Known() {
		return
	}
	for i := range c.Entries {
		e := &c.Entries[i]
		if _, sent := own[e.Seq]; sent || !e.Seen.Known() || e.Seen <= over {
			continue
		}
		text := fmt.Sprintf("it came %v after what was tried here was over", e.Seen.Sub(over).Round(time.Millisecond))
		if t := a.disturbing(e.Seen); t != nil {
			text += fmt.Sprintf(", during the probe %s of %q (%s)", t.probe.Kind, t.runs[0].label(), t.probe.Try)
		}
		a.after[Evidence{a.flow.Channels[e.Channel].Name, e.Position}] = text
	}
}

// disturbing is the try of restart or cut that was under way at the instant; nil for none.
func (a *Audit) disturbing(at correlate.Instant) *attempt {
	for _, t := range a.tries {
		if t.disturbs() && correlate.InstantOf(t.runs[0].mark.Seen) <= at && (!t.endedAt.Known() || at <= t.endedAt) {
			return t
		}
	}
	return nil
}

// tellAfter says of each finding that rests on a message of after its attempt.
func (a *Audit) tellAfter() {
	if len(a.after) == 0 {
		return
	}
	for i := range a.result.Findings {
		f := &a.result.Findings[i]
		for j := len(f.Evidence) - 1; j >= 0; j-- {
			if text, ok := a.after[f.Evidence[j]]; ok {
				f.Actual += "; " + text
				break
			}
		}
	}
}
