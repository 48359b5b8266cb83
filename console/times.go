package console

import (
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
)

// stepTime is how long after its chain's first message a step came.
type stepTime struct {
	step  string
	after time.Duration
}

// times are how long a chain took: by the broker's time where every message has
// one, else by arrival.
type times struct {
	steps []stepTime
	whole time.Duration
}

func timesOf(moments []flows.Moment) times {
	byBroker := true
	for i := range moments {
		byBroker = byBroker && moments[i].Time.Known()
	}
	at := func(m *flows.Moment) correlate.Instant {
		if byBroker {
			return m.Time
		}
		return m.Seen
	}
	var t times
	var first, last correlate.Instant
	for i := range moments {
		if now := at(&moments[i]); i == 0 {
			first, last = now, now
		} else {
			first, last = min(first, now), max(last, now)
		}
	}
	for i := range moments {
		if m := &moments[i]; m.Step != "" {
			t.steps = append(t.steps, stepTime{m.Step, at(m).Sub(first)})
		}
	}
	t.whole = last.Sub(first)
	return t
}
