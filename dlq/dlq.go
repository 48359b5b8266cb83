// Package dlq looks at what lies on dead-letter channels, and judges what becomes
// of a dead letter that is sent to where it came from.
//
//	queue, topic → Look → Box: letters ─┬→ Groups
//	                                    └→ Retrial: sent again → Take … → Verdicts
//
// A letter is removed only by Box.Remove, once its verdict is known.
package dlq

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/deadletter"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// Letter is a dead letter as it lies.
type Letter struct {
	*message.Observation
	// Death is what its headers say; Known is false where they say nothing.
	Death deadletter.Death
	Known bool
	// Again is it as it would be sent to its origin; Returns is false where its origin is
	// not known.
	Again   flows.Trigger
	Returns bool
	index   int
}

// Origin names the channel that the letter came from; "?" where it is not known.
func (l *Letter) Origin(f *flows.Flow) string {
	if !l.Returns {
		return "?"
	}
	return f.Channels[l.Again.Channel].Name
}

// Reason is why it was given up, in as few words as there are.
func (l *Letter) Reason() string { return cmp.Or(l.Death.ErrorClass, l.Death.Reason, "?") }

// Box is what lies on one channel.
type Box struct {
	Letters []Letter
	// Touched says what looking has done to the messages; "" for nothing.
	Touched string
	held    brokers.Held // nil where looking holds nothing
}

// Place is a dead-letter channel: its index in the flow, and as the broker has it.
type Place struct {
	Flow    *flows.Flow
	Index   int
	Channel brokers.Channel
	Tapper  brokers.Tapper
}

// eventBuffer is how many messages wait to be taken.
const eventBuffer = 256

// Look reads up to most letters of a channel, the oldest first. A topic or stream is read
// from its beginning; messages of a queue are held until the box is closed.
func Look(ctx context.Context, p Place, most int) (*Box, error) {
	holder, holds := p.Tapper.(brokers.Holder)
	var all []*message.Observation
	b := &Box{}
	if holds && p.Channel.Stream == "" {
		held, err := holder.Hold(ctx, p.Channel, most)
		if err != nil {
			return nil, err
		}
		b.held, all = held, held.Messages()
		b.Touched = "each message that was looked at counts as delivered once more"
	} else {
		var err error
		if all, err = read(ctx, p, most); err != nil {
			return nil, err
		}
	}
	for i, o := range all {
		l := Letter{Observation: o, index: i}
		l.Death, l.Known = deadletter.Read(o)
		l.Again, l.Returns = p.Flow.Replayed(p.Index, o)
		b.Letters = append(b.Letters, l)
	}
	return b, nil
}

// read taps the channel from its beginning to where it ends now.
func read(ctx context.Context, p Place, most int) (all []*message.Observation, err error) {
	events := make(chan message.Event, eventBuffer)
	tap, err := p.Tapper.Tap(ctx, brokers.TapConfig{
		Channels: []brokers.Channel{p.Channel}, Start: brokers.Start{At: brokers.StartBeginning}, Events: events,
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := tap.CatchUp(ctx)
		done <- err
	}()
	take := func(e message.Event) {
		if e.Observation != nil && len(all) < most {
			all = append(all, e.Observation)
		}
	}
	for reading := true; reading; {
		select {
		case e := <-events:
			take(e)
		case err = <-done:
			reading = false
		}
	}
	for range len(events) {
		take(<-events)
	}
	closed := make(chan error, 1)
	go func() { closed <- tap.Close(context.WithoutCancel(ctx)) }()
	for {
		select {
		case <-events: // a tap that waits to hand on an event must not hang
		case closeErr := <-closed:
			return all, cmp.Or(err, closeErr)
		}
	}
}

// Remove removes a letter for good. It fails with brokers.ErrKept where the broker
// removes no single message.
func (b *Box) Remove(ctx context.Context, l *Letter) error {
	if b.held == nil {
		return brokers.ErrKept
	}
	return b.held.Remove(ctx, l.index)
}

// Close gives back what is held.
func (b *Box) Close(ctx context.Context) error {
	if b.held == nil {
		return nil
	}
	return b.held.Release(ctx)
}

// Group is letters with one origin and reason.
type Group struct {
	Origin, Reason, Dialect string
	Letters                 int
	// Oldest and Newest are when they died, or came; zero where nobody says.
	Oldest, Newest time.Time
}

// Groups counts letters by origin, reason and dialect; the most first.
func Groups(f *flows.Flow, letters []Letter) []Group {
	type key struct{ origin, reason, dialect string }
	by := map[key]*Group{}
	for i := range letters {
		l := &letters[i]
		k := key{l.Origin(f), l.Reason(), l.Death.Dialect}
		g := by[k]
		if g == nil {
			g = &Group{Origin: k.origin, Reason: k.reason, Dialect: k.dialect}
			by[k] = g
		}
		g.Letters++
		at := l.Death.At
		if at.IsZero() {
			at = l.Time
		}
		if !at.IsZero() && (g.Oldest.IsZero() || at.Before(g.Oldest)) {
			g.Oldest = at
		}
		if at.After(g.Newest) {
			g.Newest = at
		}
	}
	all := make([]Group, 0, len(by))
	for _, g := range by {
		all = append(all, *g)
	}
	slices.SortStableFunc(all, func(a, b Group) int {
		return cmp.Or(b.Letters-a.Letters, cmp.Compare(fmt.Sprint(a.Origin, a.Reason, a.Dialect), fmt.Sprint(b.Origin, b.Reason, b.Dialect)))
	})
	return all
}
