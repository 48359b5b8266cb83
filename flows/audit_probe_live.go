package flows

import (
	"slices"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/message"
)

// Place is a message in the chains of an instance.
type Place struct {
	Channel  int // index
	Position message.Position
	Step     string
}

// Standing is the verdict on the instance with the given id as it would be now,
// as if every tap had read up to the instant.
func (a *Audit) Standing(id string, readTo correlate.Instant) State {
	state := Pass
	a.asIf(readTo, func() {
		for _, s := range a.byMark[id] {
			c := a.chainOf(s)
			if c == nil {
				state = max(state, NotKnown)
				continue
			}
			mine := []*scenarioRun{s}
			c, _ = a.parted(c, attemptsOf(mine))
			v := a.verdict(c, mine)
			a.flow.name(c, &v)
			trial := *s
			trial.judge(a, &v)
			state = max(state, v.State())
		}
	})
	return state
}

// Failed reports whether something was found already in what a try of a probe set
// off; false may mean that more is needed to tell.
func (a *Audit) Failed(id string, readTo correlate.Instant) bool {
	if a.Standing(id, readTo) == Fail {
		return true
	}
	t := a.attempts[id]
	if t == nil || t.poison == nil || lenient(t.poison.Broken) && len(a.lettersOf(t.poison)) == 0 {
		return false
	}
	found, _ := (&probeReport{audit: a}).judgePoison(t)
	return len(found) > 0
}

// Effects are the messages that the triggers of the instance have set off so far,
// chain by chain in their order.
func (a *Audit) Effects(id string) []Place {
	t := a.attempts[id]
	if t == nil {
		return nil
	}
	var all []Place
	for _, e := range a.liveEffects(t) {
		all = append(all, Place{Channel: a.intake.channels[e.place.Channel], Position: e.place.Position, Step: e.step})
	}
	return all
}

// liveEffects are the effects of an attempt that is under way.
func (a *Audit) liveEffects(t *attempt) []effect {
	var all []effect
	var done []correlate.Number
	a.asIf(correlate.Never, func() {
		for _, s := range t.runs {
			whole := a.chainOf(s)
			if whole == nil || slices.Contains(done, whole.Number) {
				continue
			}
			done = append(done, whole.Number)
			mine := []*scenarioRun{s}
			c, own := a.parted(whole, attemptsOf(mine))
			a.verdict(c, mine)
			part, nth, as := t.place(mine)
			for _, e := range a.effectsOf(as, own, nth) {
				e.part = part
				all = append(all, e)
			}
		}
	})
	return all
}

// Unsettled reports whether a probe of the scenario's instance differs in nothing
// but the fields of its effects. A further plain run then tells whether they vary
// by themselves: what the first two have in common may be a clock's second.
func (a *Audit) Unsettled(id string) bool {
	own := a.attempts[id]
	if own == nil {
		return false
	}
	runs := [][]effect{a.liveEffects(own)}
	var tries [][]effect
	for _, t := range a.tries {
		switch {
		case t.probe.Of != id || t.end == nil || t.end.Reason != "":
		case t.plain():
			runs = append(runs, a.liveEffects(t))
		default:
			tries = append(tries, a.liveEffects(t))
		}
	}
	if len(runs) < 2 {
		return false
	}
	n := learn(a.flow, runs)
	return slices.ContainsFunc(tries, func(all []effect) bool {
		return slices.ContainsFunc(n.compare(all), func(d difference) bool { return d.changed != "" })
	})
}

// asIf looks at chains as if every tap had read up to the instant, and counts
// nothing.
func (a *Audit) asIf(readTo correlate.Instant, look func()) {
	end, decides, sameTime := a.horizon.End, a.horizon.EndDecides, a.judge.sameTime
	a.horizon.End, a.horizon.EndDecides = readTo, false
	a.judge.sameTime = nil // a chain is counted once, when it is done
	defer func() { a.horizon.End, a.horizon.EndDecides, a.judge.sameTime = end, decides, sameTime }()
	look()
}
