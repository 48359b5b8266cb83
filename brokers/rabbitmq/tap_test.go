package rabbitmq

import (
	"context"
	"fmt"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// tapped is an armed tap of one test.
type tapped struct {
	*site
	tapper *tapper
	tap    brokers.Tap
	events chan message.Event

	fences    []message.Mark
	forgetful bool // nothing is kept
}

// open connects a tapper.
func (s *site) open(cfg brokers.Config) *tapper {
	s.Helper()
	t, err := openTapper(s.ctx(), cfg)
	s.must(err)
	s.Cleanup(func() { s.must(t.Close()) })
	return t.(*tapper)
}

// arm taps; limits may be nil.
func (s *site) arm(t *tapper, cfg brokers.TapConfig) *tapped {
	s.Helper()
	events := make(chan message.Event)
	cfg.Events = events
	tap, err := t.Tap(s.ctx(), cfg)
	s.must(err)
	return &tapped{site: s, tapper: t, tap: tap, events: events}
}

// tapChannels taps with a tapper of its own.
func (s *site) tapChannels(channels ...brokers.Channel) *tapped {
	s.Helper()
	return s.arm(s.open(s.config()), brokers.TapConfig{Channels: channels})
}

func (s *site) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	s.Cleanup(cancel)
	return ctx
}

// next is the next event but fences.
func (w *tapped) next() message.Event {
	w.Helper()
	for {
		select {
		case e := <-w.events:
			if !w.fenced(e) {
				return e
			}
		case <-time.After(patience):
			w.Fatal("no event came")
			return message.Event{}
		}
	}
}

// fenced notes a fence, and says that all before it is kept.
func (w *tapped) fenced(e message.Event) bool {
	if e.Mark == nil || e.Mark.Kind != message.MarkFence {
		return false
	}
	w.fences = append(w.fences, *e.Mark)
	if e.Mark.Kept != nil && !w.forgetful {
		e.Mark.Kept()
	}
	return true
}

// message is the next event, which is an observation.
func (w *tapped) message() message.Observation {
	w.Helper()
	e := w.next()
	if e.Observation == nil {
		w.Fatalf("a mark came: %+v", *e.Mark)
	}
	return *e.Observation
}

// gap is the next event, which is a gap.
func (w *tapped) gap() message.Mark {
	w.Helper()
	e := w.next()
	if e.Mark == nil || e.Mark.Kind != message.MarkGap || e.Mark.Reason == "" || e.Mark.Channel == "" || e.Mark.Seen.IsZero() {
		w.Fatalf("no whole gap came: %+v", e)
	}
	return *e.Mark
}

// rest is what comes until the tap has caught up.
func (w *tapped) rest() []message.Event {
	w.Helper()
	done := make(chan error, 1)
	ctx := w.ctx()
	go func() {
		_, err := w.tap.CatchUp(ctx)
		done <- err
	}()
	var all []message.Event
	for {
		select {
		case e := <-w.events:
			if !w.fenced(e) {
				all = append(all, e)
			}
		case err := <-done:
			w.must(err)
			return all
		}
	}
}

// nothing fails if the tap has anything left to send.
func (w *tapped) nothing() {
	w.Helper()
	if all := w.rest(); len(all) > 0 {
		w.Fatalf("%d events too many, first %s", len(all), show(all[0]))
	}
}

func show(e message.Event) string {
	if e.Mark != nil {
		return fmt.Sprintf("mark %+v", *e.Mark)
	}
	return fmt.Sprintf("%s %q", e.Observation.Position, e.Observation.Payload)
}

// publisher connects a publisher.
func (s *site) publisher() *publisher {
	s.Helper()
	p, err := openPublisher(s.ctx(), s.config())
	s.must(err)
	s.Cleanup(func() { s.must(p.Close()) })
	return p.(*publisher)
}

func (s *site) publish(p brokers.Publisher, ch brokers.Channel, bodies ...string) {
	s.Helper()
	for _, body := range bodies {
		_, err := p.Publish(s.ctx(), ch, brokers.Outgoing{Message: message.Message{Payload: []byte(body)}})
		s.must(err)
	}
}

// orders is a topic exchange with a queue, tapped as channel orders.
func (s *site) orders() brokers.Channel {
	s.Helper()
	ch := brokers.Channel{Name: "orders", Exchange: s.exchange("topic"), RoutingKeys: []string{"placed"}}
	s.bound(ch.Exchange, "#", nil)
	return ch
}
