package oracle

import (
	"slices"
)

// Shifted is the run at another time.
func Shifted(run Run, by int64) Run {
	shift := func(t *int64) {
		if *t != None {
			*t += by
		}
	}
	run.Events = slices.Clone(run.Events)
	shift(&run.Started)
	moved := map[*Message]*Message{} // a message that was read again is one
	for i := range run.Events {
		e := &run.Events[i]
		switch {
		case e.Message != nil:
			m := moved[e.Message]
			if m == nil {
				own := *e.Message
				m, moved[e.Message] = &own, &own
				shift(&m.Time)
				shift(&m.Seen)
				shift(&m.Body.At)
			}
			e.Message = m
		case e.Gap != nil:
			g := *e.Gap
			shift(&g.At)
			e.Gap = &g
		case e.End:
			shift(&e.At)
		}
	}
	return run
}

// ReadAgain is the run in which a tap reads some messages a second time, later.
// A queue that only counts its messages cannot tell; there it is none.
func ReadAgain(f *Flow, run Run, below func(n int) int) Run {
	events := slices.Clone(run.Events)
	for range 3 {
		if len(events) == 0 {
			break
		}
		i := below(len(events))
		m := events[i].Message
		if m == nil || m.Channel < 0 || f.Channels[m.Channel].Broker == AMQP {
			continue
		}
		end := len(events)
		if events[end-1].End {
			end--
		}
		events = slices.Insert(events, i+1+below(end-i), events[i])
	}
	run.Events = events
	return run
}

// WithStranger is the run twice: with room between its positions, and with a
// chain of its own in that room, whose messages come when others of their
// partition do. The stranger's ids all begin with "stranger".
func WithStranger(f *Flow, run Run, below func(n int) int) (spaced, with Run) {
	spaced, with = run, run
	spaced.Events, with.Events = nil, nil
	moved := map[*Message]*Message{}
	for _, e := range run.Events {
		m := e.Message
		if m == nil {
			spaced.Events, with.Events = append(spaced.Events, e), append(with.Events, e)
			continue
		}
		own, again := moved[m], true
		if own == nil {
			again = false
			copied := *m
			copied.Offset *= 10
			if copied.Death != nil {
				death := *copied.Death
				death.Offset *= 10
				copied.Death = &death
			}
			own, moved[m] = &copied, &copied
		}
		spaced.Events = append(spaced.Events, Event{Message: own})
		with.Events = append(with.Events, Event{Message: own})
		if m.Channel < 0 || again || below(3) > 0 {
			continue
		}
		with.Events = append(with.Events, Event{Message: stranger(f, own, below)})
	}
	return spaced, with
}

func stranger(f *Flow, beside *Message, below func(n int) int) *Message {
	m := *beside
	m.Offset++
	m.Death, m.MessageID = nil, ""
	n := constant
	m.HasKey, m.Key = true, "stranger-key"
	b := Body{N: &n, Lines: 1, Count: 1, At: beside.Body.At, IDs: make([][]string, len(f.IDs)), Listed: make([]bool, len(f.IDs))}
	if steps := f.stepsOn(m.Channel); len(steps) > 0 {
		b.Type = f.Steps[steps[below(len(steps))]].Type
	}
	b.IDs[0] = []string{"stranger"}
	if len(f.IDs) > 1 && below(2) == 0 {
		b.IDs[1] = []string{"stranger-1"}
	}
	m.Body = b
	return &m
}

func (f *Flow) stepsOn(channel int) []int {
	var steps []int
	for s := range f.Steps {
		if f.Steps[s].Channel == channel {
			steps = append(steps, s)
		}
	}
	return steps
}
