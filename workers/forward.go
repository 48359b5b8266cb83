package workers

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/pause"
	"github.com/flowcheck/flowcheck/message"
)

// eventBuffer is how many events wait for the forwarder: few, since bodies may have a
// megabyte each.
const eventBuffer = 128

// forwarder does some duties of this worker: it taps their share of the channels,
// and puts what it sees into the topic.
//
//	taps ─→ events ─→ masked, lanes ─→ sender ─→ topic
//	CatchUp ─→ beat ─┘ all acknowledged ─→ mark ─→ acknowledged ─→ the brokers may forget
type forwarder struct {
	w       *worker
	duties  []int32
	resume  []place   // of the last mark that is in the topic; nil: the taps begin at the end
	away    time.Time // when that was
	session string
	armed   time.Time
	events  chan message.Event
	taps    []brokers.Tap // by tapper; nil where it has no channel
	routes  map[string]route
	routers []*flows.Router // by flow
	learn   []*flows.Learner
	lines   *lines
	send    *sender
	fenced  []place // since that mark
	at      map[atKey]*atPlace
	fresh   bool // a partition has been met that no mark has named
	read    map[string]map[string]time.Time
	lag     lag
	waits   map[string]bool // by tapped name: messages may have waited
	kept    []func()
}

// route is a channel by its own name.
type route struct {
	flow    *watched
	channel string
	tapper  int
}

type atKey struct {
	name      string
	kind      message.PositionKind
	partition int32
}

// atPlace is the position that comes next.
type atPlace struct{ next int64 }

// markBeat is the word of a tapper, whose index is Position.Offset, that all was
// read that there was at Seen.
const markBeat message.MarkKind = "beat"

// markEvery is how often a mark is written, at least.
const markEvery = time.Second

// work does the duties of the generation, once its judges have read what there is.
func (m *member) work(ctx context.Context, n int) {
	resumed, begun := m.w.newForwarder(), m.w.newForwarder()
	for range n {
		select {
		case d := <-m.ready:
			if d.seen.IsZero() {
				begun.duties = append(begun.duties, d.duty)
				continue
			}
			resumed.duties = append(resumed.duties, d.duty)
			resumed.resume = append(resumed.resume, m.w.owned(d.duty, d.places)...)
			if resumed.away.IsZero() || d.seen.Before(resumed.away) {
				resumed.away = d.seen
			}
		case <-ctx.Done():
			return
		}
	}
	for _, f := range []*forwarder{resumed, begun} {
		if len(f.duties) > 0 {
			m.forward.Go(func() { f.work(ctx) })
		}
	}
}

func (w *worker) newForwarder() *forwarder {
	id := make([]byte, 8)
	rand.Read(id) // never fails: crypto/rand
	f := &forwarder{
		w: w, session: hex.EncodeToString(id), lines: newLines(),
		events: make(chan message.Event, eventBuffer), routes: map[string]route{}, at: map[atKey]*atPlace{},
		read: map[string]map[string]time.Time{}, waits: map[string]bool{}, lag: lag{},
	}
	for _, one := range w.flows {
		f.routers = append(f.routers, one.split.Router())
		f.learn = append(f.learn, flows.NewLearner(w.cfg.Shadow.Flows[one.index].Flow, w.schemas(one)))
		f.read[one.name] = map[string]time.Time{}
	}
	return f
}

// work forwards until ctx ends. What goes wrong is tried again from the last mark's
// places: nothing is left out, and what comes twice is known.
func (f *forwarder) work(ctx context.Context) {
	for ctx.Err() == nil {
		err := f.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if f.resume == nil && f.armed.IsZero() && (errors.Is(err, brokers.ErrAbsent) || errors.Is(err, brokers.ErrNotTappable) || errors.Is(err, brokers.ErrRefused)) {
			f.w.fail(err) // as a shadow of one process does, where it cannot begin
			return
		}
		f.w.log.Warn("forwarding begins again at the last mark", "duties", f.duties, "error", err)
		_ = pause.For(ctx, time.Second) // the loop sees that ctx has ended
		*f = *f.again()
	}
}

// again is a forwarder that goes on at the last mark.
func (f *forwarder) again() *forwarder {
	again := f.w.newForwarder()
	again.duties, again.resume, again.away = f.duties, f.resume, f.away
	return again
}

func (f *forwarder) once(ctx context.Context) (err error) {
	if f.send, err = newSender(f.w); err != nil {
		return err
	}
	defer f.send.close()
	ctx, cancel := context.WithCancel(ctx)
	var beats sync.WaitGroup
	defer func() {
		cancel()
		beats.Wait()
		f.disarm()
	}()
	if err := f.arm(ctx); err != nil {
		return err
	}
	for i, tap := range f.taps {
		if tap != nil {
			beats.Go(func() { f.beat(ctx, i, tap) })
		}
	}
	return f.run(ctx)
}

// run forwards events.
func (f *forwarder) run(ctx context.Context) error {
	tick := time.NewTicker(markEvery)
	defer tick.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err = <-f.send.failed:
		case e := <-f.events:
			err = f.take(ctx, e)
		case <-tick.C:
			err = f.mark(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// take forwards an event.
func (f *forwarder) take(ctx context.Context, e message.Event) error {
	if e.Observation != nil {
		if f.fresh {
			if err := f.mark(ctx); err != nil {
				return err
			}
		}
		return f.forward(ctx, e.Observation)
	}
	m := *e.Mark
	if m.Kind == markBeat {
		return f.beaten(ctx, &m)
	}
	r, ok := f.routes[m.Channel]
	if !ok {
		return nil
	}
	if m.Kind == message.MarkFence {
		f.fence(r, &m)
		return nil
	}
	m.Channel = r.channel
	return f.everywhere(ctx, r.flow, &m)
}

// fence notes where a partition begins, or what a queue's tap can find again.
func (f *forwarder) fence(r route, m *message.Mark) {
	if m.Kept != nil {
		f.kept = append(f.kept, m.Kept)
	}
	if m.ID != "" {
		f.fenced = merge(f.fenced, []place{{Flow: r.flow.name, Channel: r.channel, Position: m.Position.String(), ID: m.ID, Seen: m.Seen}})
		return
	}
	key := atKey{m.Channel, m.Position.Kind, m.Position.Partition}
	if f.at[key] == nil {
		f.fresh = true
	}
	f.at[key] = &atPlace{m.Position.Offset}
}

// forward puts a message into the partitions of its lanes.
func (f *forwarder) forward(ctx context.Context, o *message.Observation) error {
	r, ok := f.routes[o.Channel]
	if !ok {
		return nil
	}
	if o.Position.Kind == message.PartitionOffset || o.Position.Kind == message.Sequence {
		key := atKey{o.Channel, o.Position.Kind, o.Position.Partition}
		at := f.at[key]
		if at == nil {
			at = &atPlace{}
			f.at[key] = at
		}
		at.next = max(at.next, o.Position.Offset+1)
	}
	o.Channel = r.channel
	f.lag.note(r.tapper, o, f.armed)
	f.learn[r.flow.index].Learn(ctx, o, o.Seen)
	o = r.flow.split.Lanes[0].Masked(timely(o))
	ways, lost := f.routers[r.flow.index].Route(o)
	if lost != "" {
		return f.everywhere(ctx, r.flow, &message.Mark{Kind: message.MarkGap, Channel: o.Channel, Seen: o.Seen, Reason: lost})
	}
	line, err := f.lines.line(message.Event{Observation: o})
	if err == nil && len(line) > maxLine {
		err = fmt.Errorf("%d bytes are more than flowcheck's own topic takes", len(line))
	}
	if err != nil {
		reason := fmt.Sprintf("the message at %s: %v", o.Position, err)
		return f.everywhere(ctx, r.flow, &message.Mark{Kind: message.MarkGap, Channel: o.Channel, Seen: o.Seen, Reason: reason})
	}
	for _, way := range ways {
		key := keyOf(r.flow.name, way.Lane, way.Key)
		if err := f.send.put(ctx, f.producerMessage(partitionOf(key, f.w.parts), key, line)); err != nil {
			return err
		}
	}
	return nil
}

// everywhere puts what a tap says into every partition.
func (f *forwarder) everywhere(ctx context.Context, flow *watched, m *message.Mark) error {
	line, err := f.lines.line(message.Event{Mark: m})
	if err != nil {
		return err
	}
	key := append(append([]byte(flow.name), 0), allLanes+"\x00"...)
	for p := range f.w.parts {
		if err := f.send.put(ctx, f.producerMessage(p, key, line)); err != nil {
			return err
		}
	}
	return nil
}

// mark tells, when all that was forwarded is in the topic, how far that is, and
// when that is there, too, lets the brokers forget it.
func (f *forwarder) mark(ctx context.Context) error {
	if err := f.send.wait(ctx); err != nil {
		return err
	}
	places := merge(slices.Clone(f.resume), f.fenced)
	for key, at := range f.at {
		r := f.routes[key.name]
		pos := message.Position{Kind: key.kind, Partition: key.partition, Offset: at.next}
		places = merge(places, []place{{Flow: r.flow.name, Channel: r.channel, Position: pos.String()}})
	}
	now := f.w.cfg.Shadow.Now()
	value, err := json.Marshal(&mark{
		Session: f.session, Seen: now, Duties: f.duties, Armed: f.armed, Read: f.read, Places: places,
	})
	if err != nil {
		return err
	}
	for p := range f.w.parts {
		if err := f.send.put(ctx, f.producerMessage(p, nil, value)); err != nil {
			return err
		}
	}
	if err := f.send.wait(ctx); err != nil {
		return err
	}
	f.resume, f.away, f.fenced, f.fresh = places, now, nil, false
	for _, kept := range f.kept {
		kept()
	}
	f.kept = nil
	return nil
}

// beaten notes that a tapper's taps had read everything at an instant.
func (f *forwarder) beaten(ctx context.Context, m *message.Mark) error {
	tapper := int(m.Position.Offset)
	for name, r := range f.routes {
		if r.tapper != tapper {
			continue
		}
		f.read[r.flow.name][r.channel] = f.lag.broker(m.Seen)
		if f.waits[name] {
			f.waits[name] = false
			if err := f.everywhere(ctx, r.flow, &message.Mark{Kind: message.MarkBack, Channel: r.channel, Seen: m.Seen}); err != nil {
				return err
			}
		}
	}
	f.w.tappers[tapper].Beat.Store(m.Seen.UnixNano())
	return f.mark(ctx)
}

// beat asks a tap from time to time how far it has read.
func (f *forwarder) beat(ctx context.Context, tapper int, tap brokers.Tap) {
	tick := time.NewTicker(max(f.w.cfg.Shadow.Tappers[tapper].Beat, time.Second))
	defer tick.Stop()
	for ctx.Err() == nil {
		began := f.w.cfg.Shadow.Now()
		within, cancel := context.WithTimeout(ctx, 30*time.Second)
		_, err := tap.CatchUp(within)
		cancel()
		if err == nil {
			select {
			case f.events <- message.Event{Mark: &message.Mark{Kind: markBeat, Seen: began, Position: message.Nth(int64(tapper))}}:
			case <-ctx.Done():
			}
		} else if ctx.Err() == nil {
			f.w.log.Warn("a broker does not say how far its taps have read", "broker", f.w.tappers[tapper].Name, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// disarm ends the taps; what is durable stays for who has the duty next.
func (f *forwarder) disarm() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	stop := make(chan struct{})
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for {
			select {
			case <-f.events: // a tap that waits to hand on must not hang
			case <-stop:
				return
			}
		}
	}()
	var errs []error
	for _, tap := range f.taps {
		if tap == nil {
			continue
		}
		if d, ok := tap.(brokers.Detacher); ok {
			errs = append(errs, d.Detach(ctx))
		} else {
			errs = append(errs, tap.Close(ctx))
		}
	}
	close(stop)
	<-drained
	if err := errors.Join(errs...); err != nil {
		f.w.log.Warn("a tap did not end", "error", err)
	}
}
