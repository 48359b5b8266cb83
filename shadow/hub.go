package shadow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// markBeat is a hub's word to the watches, which goes the way of the events: the
// taps of the tapper that Position.Offset names had read, when it comes, all that
// there was at Seen.
const markBeat message.MarkKind = "beat"

// hub is the taps of one connection. Channels that are the same for several flows
// are tapped once:
//
//	tap → events → batch → for each flow: the events of its channels, by its names
type hub struct {
	index   int
	cfg     *Config
	watches []*watch
	routes  map[string][]route // by the tap's name of a channel
	events  chan message.Event
	tap     brokers.Tap
	status  *TapperStatus
	limit   *throttle
	held    time.Time         // when it was told last that reading is held back
	out     [][]message.Event // by watch, of the batch under way
}

// route is one flow's name of a channel.
type route struct {
	watch   int
	channel string
}

// eventBuffer is how many events wait for the hub; batchSize how many it hands on
// at once, and batchBytes how many bytes of bodies, beyond one message. Batches wait
// for the flow and its journal in their turn, so that these bound what bodies of a
// megabyte may take.
const (
	eventBuffer = 128
	batchSize   = 512
	batchBytes  = 512 << 10
)

// newHub finds out which channels are to be tapped.
func newHub(cfg *Config, index int, watches []*watch, limit *throttle) (*hub, []brokers.Channel) {
	h := &hub{
		index: index, cfg: cfg, watches: watches, routes: map[string][]route{}, limit: limit,
		events: make(chan message.Event, eventBuffer), status: &TapperStatus{Name: cfg.Tappers[index].Name},
		out: make([][]message.Event, len(watches)),
	}
	var channels []brokers.Channel
	for w := range cfg.Flows {
		f := &cfg.Flows[w]
		for i, ch := range f.Channels {
			if f.Brokers[f.Flow.Channels[i].Broker] != index {
				continue
			}
			own := ch.Name
			ch.Name = tapName(ch)
			if h.routes[ch.Name] == nil {
				channels = append(channels, ch)
			}
			h.routes[ch.Name] = append(h.routes[ch.Name], route{w, own})
		}
	}
	return h, channels
}

// Channels are what a tapper taps for the flows, each channel once, as its tap is
// called.
func Channels(all []Watched, tapper int) []brokers.Channel {
	_, channels := newHub(&Config{Flows: all, Tappers: make([]Tapper, tapper+1)}, tapper, nil, nil)
	return channels
}

// tapName names a channel by its address, so that it is the same for every flow,
// and after a restart.
func tapName(ch brokers.Channel) string {
	name := strings.Trim(strings.Join([]string{ch.Topic, ch.Stream, ch.Queue, ch.Exchange, ch.SNS, ch.SQS}, ""), " ")
	ch.Name, ch.Consumers = "", nil
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v", ch))
	if i := strings.LastIndexAny(name, ":/"); i >= 0 {
		name = name[i+1:]
	}
	return name[:min(len(name), 40)] + "-" + hex.EncodeToString(sum[:3])
}

// arm arms the taps where the journals of the flows have come to.
func (h *hub) arm(ctx context.Context, channels []brokers.Channel) error {
	if len(channels) == 0 {
		return nil
	}
	tap, err := h.cfg.Tappers[h.index].Tap(ctx, brokers.TapConfig{
		Channels: channels, Events: h.events, Start: h.cfg.Start, Durable: h.cfg.State != "", Resume: h.fences(),
	})
	if err != nil {
		return fmt.Errorf("broker %s: %w", h.status.Name, err)
	}
	h.tap = tap
	return nil
}

// fences are where the flows have come to, by the tap's names. Of several flows
// the one that is furthest behind counts; one that knows nothing of a channel
// that others know begins with them.
func (h *hub) fences() []message.Mark {
	var all []message.Mark
	for name, routes := range h.routes {
		type part struct {
			kind   message.PositionKind
			number int32
		}
		lowest := map[part]int64{}
		var named []message.Mark
		for _, r := range routes {
			for _, m := range h.watches[r.watch].places() {
				if m.Channel != r.channel {
					continue
				}
				m.Channel = name
				if m.ID != "" {
					if !slices.ContainsFunc(named, func(o message.Mark) bool { return o.ID == m.ID }) {
						named = append(named, m)
					}
					continue
				}
				p := part{m.Position.Kind, m.Position.Partition}
				if have, ok := lowest[p]; !ok || m.Position.Offset < have {
					lowest[p] = m.Position.Offset
				}
			}
		}
		slices.SortStableFunc(named, func(a, b message.Mark) int { return int(a.Position.Offset - b.Position.Offset) })
		all = append(all, named...)
		for p, offset := range lowest {
			at := message.Position{Kind: p.kind, Partition: p.number, Offset: offset}
			all = append(all, message.Mark{Kind: message.MarkFence, Channel: name, Position: at})
		}
	}
	return all
}

// run hands events on until ctx ends.
func (h *hub) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-h.events:
			h.batch(ctx, e)
		}
	}
}

// drain hands on what is there.
func (h *hub) drain(ctx context.Context) {
	for len(h.events) > 0 {
		h.batch(ctx, <-h.events)
	}
}

// batch hands on an event, and those that are there already.
func (h *hub) batch(ctx context.Context, first message.Event) {
	bytes := h.route(first)
	for n := 1; n < batchSize && bytes < batchBytes && len(h.events) > 0; n++ {
		bytes += h.route(<-h.events)
	}
	for i, events := range h.out {
		if len(events) == 0 {
			continue
		}
		select {
		case h.watches[i].in <- events:
		case <-ctx.Done():
			return
		}
		h.out[i] = nil
	}
	h.throttled(h.limit.wait(ctx, bytes))
}

// throttled counts how long reading was held back, and tells it once a minute.
func (h *hub) throttled(held time.Duration) {
	h.status.Throttled.Add(int64(held))
	if held <= time.Millisecond {
		return
	}
	if now := h.cfg.Now(); now.Sub(h.held) > time.Minute {
		h.held = now
		h.cfg.Log.Warn("more bytes come than may be read in a second: reading is held back", "broker", h.status.Name, "limit", h.cfg.Limits.Bytes)
	}
}

// route puts an event into the batches of the flows that have its channel.
func (h *hub) route(e message.Event) (bytes int) {
	if e.Observation != nil {
		routes := h.routes[e.Observation.Channel]
		bytes = len(e.Observation.Payload)
		for i, r := range routes {
			o := e.Observation
			if i < len(routes)-1 {
				other := *o
				o = &other
			}
			o.Channel = r.channel
			h.put(r.watch, message.Event{Observation: o})
		}
		return bytes
	}
	if e.Mark.Kind == markBeat {
		for w := range h.watches {
			h.put(w, e)
		}
		return 0
	}
	routes := h.routes[e.Mark.Channel]
	kept := together(len(routes), e.Mark.Kept)
	for _, r := range routes {
		m := *e.Mark
		m.Channel, m.Kept = r.channel, kept
		h.put(r.watch, message.Event{Mark: &m})
	}
	return 0
}

func (h *hub) put(watch int, e message.Event) {
	if h.out[watch] == nil {
		h.out[watch] = make([]message.Event, 0, batchSize)
	}
	h.out[watch] = append(h.out[watch], e)
}

// together calls f when what it returns was called n times.
func together(n int, f func()) func() {
	if f == nil || n == 1 {
		return f
	}
	var mu sync.Mutex
	return func() {
		mu.Lock()
		defer mu.Unlock()
		if n--; n == 0 {
			f()
		}
	}
}

// beatTimeout bounds how long taps may take to say how far they have read.
const beatTimeout = 30 * time.Second

// beat asks the taps from time to time how far they have read, until ctx ends.
func (h *hub) beat(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	silent := false
	for {
		err := h.ask(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !silent:
			silent = true
			h.cfg.Log.Warn("a broker does not say how far its taps have read: what is missing there is not told yet", "broker", h.status.Name, "error", err)
		case err == nil && silent:
			silent = false
			h.cfg.Log.Info("the taps have caught up again", "broker", h.status.Name)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// ask has the taps catch up, and tells the watches.
func (h *hub) ask(ctx context.Context) error {
	started := h.cfg.Now()
	within, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	if _, err := h.tap.CatchUp(within); err != nil {
		return err
	}
	m := &message.Mark{Kind: markBeat, Seen: started, Position: message.Nth(int64(h.index))}
	select {
	case h.events <- message.Event{Mark: m}:
		h.status.Beat.Store(started.UnixNano())
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close ends the taps; what is durable stays on the broker.
func (h *hub) close(ctx context.Context) error {
	if h.tap == nil {
		return nil
	}
	stop := make(chan struct{})
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for {
			select {
			case <-h.events: // a tap that waits to hand on an event must not hang
			case <-stop:
				return
			}
		}
	}()
	var err error
	if d, ok := h.tap.(brokers.Detacher); ok && h.cfg.State != "" {
		err = d.Detach(ctx)
	} else {
		err = h.tap.Close(ctx)
	}
	close(stop)
	<-drained
	if err != nil {
		return errors.Join(ErrLeftBehind, err)
	}
	return nil
}
