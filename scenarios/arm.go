package scenarios

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// arm arms the taps of every broker, and begins the audit and the recording.
func (r *runner) arm(ctx context.Context) error {
	r.report(r.cfg.Now())
	if err := r.armTaps(ctx, brokers.TapConfig{Events: r.events}); err != nil {
		return err
	}
	started := r.cfg.Now()
	r.stats.Armed = started.Sub(r.began)
	r.audit = flows.NewAudit(r.cfg.Flow, flows.AuditConfig{Mode: "run", Started: started, OwnOnly: true, Probes: r.probing || r.cfg.Whole})
	if r.cfg.Record == nil {
		return nil
	}
	return r.cfg.Record.Begin(r.header(ctx, started))
}

// header is that of a recording of what is tapped.
func (r *runner) header(ctx context.Context, started time.Time) message.RecordingHeader {
	h := message.RecordingHeader{
		Flow: r.cfg.Flow.Name, Started: started, Brokers: Identities(ctx, r.cfg.Flow, r.cfg.Tappers), Probes: r.probing,
	}
	for i := range r.cfg.Flow.Channels {
		if name := r.cfg.Flow.Channels[i].Name; !r.untapped[name] {
			h.Channels = append(h.Channels, name)
		}
	}
	return h
}

// armTaps taps every channel of the flow, broker by broker. The taps that were armed
// are there even with an error: the caller closes them. cfg's Channels are
// filled in.
func (r *runner) armTaps(ctx context.Context, cfg brokers.TapConfig) error {
	for _, i := range slices.Sorted(maps.Keys(r.cfg.Tappers)) {
		cfg.Channels = r.channelsOf(i)
		if len(cfg.Channels) == 0 {
			continue
		}
		tap, err := r.cfg.Tappers[i].Tap(ctx, cfg)
		if err != nil {
			return fmt.Errorf("broker %s: %w", r.cfg.Flow.Brokers[i].Name, err)
		}
		r.taps = append(r.taps, armed{tap, i})
	}
	return nil
}

// ChannelsOf are the channels of one broker.
func ChannelsOf(f *flows.Flow, channels []brokers.Channel, broker int) []brokers.Channel {
	var of []brokers.Channel
	for i := range f.Channels {
		if f.Channels[i].Broker == broker {
			of = append(of, channels[i])
		}
	}
	return of
}

func (r *runner) channelsOf(broker int) []brokers.Channel {
	of := ChannelsOf(r.cfg.Flow, r.cfg.Channels, broker)
	if len(r.untapped) == 0 {
		return of
	}
	return slices.DeleteFunc(of, func(ch brokers.Channel) bool { return r.untapped[ch.Name] })
}

// Identities tells which brokers these are, as far as they say.
func Identities(ctx context.Context, f *flows.Flow, tappers map[int]brokers.Tapper) map[string]message.BrokerIdentity {
	ids := map[string]message.BrokerIdentity{}
	for i, t := range tappers {
		who, ok := t.(brokers.Identifier)
		if !ok {
			continue
		}
		if id, err := who.Identify(ctx); err == nil {
			id.Hosts = strings.Join(brokers.Hosts(f.Brokers[i].URL, f.Brokers[i].Endpoint), ",")
			ids[f.Brokers[i].Name] = id
		}
	}
	return ids
}

// closeTaps removes what the taps created, within a bounded time of its own.
func (r *runner) closeTaps() error {
	stop := make(chan struct{})
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for {
			select {
			case <-r.events: // a tap that waits to hand on an event must not hang
			case <-stop:
				return
			}
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), tapCloseTimeout)
	defer cancel()
	var first error
	for _, tap := range r.taps {
		if err := tap.Close(ctx); err != nil && first == nil {
			first = fmt.Errorf("%w: %w", ErrLeftBehind, err)
		}
	}
	close(stop)
	<-drained
	return first
}

// finish has the taps catch up once more, so that the end is the brokers' word,
// and judges. Where a tap is lost there is no end: what did not come may still
// come.
func (r *runner) finish(ctx context.Context) (*flows.Result, error) {
	r.closing = true
	r.report(r.cfg.Now())
	if r.broken {
		return r.result(), nil
	}
	c, err := r.readToEnd(ctx, r.take)
	if err != nil {
		return nil, err
	}
	r.doubts = c.doubts
	if c.lost != nil {
		err = r.lose(c.lost)
	} else {
		end := max(r.lag.broker(c.started), r.watch.judged)
		err = r.take(message.Event{Mark: &message.Mark{Kind: message.MarkEnd, Seen: end.Time()}})
	}
	if err != nil {
		return nil, err
	}
	return r.result(), nil
}

// readToEnd has every tap deliver what there was when it was called, and gives
// the events to take.
func (r *runner) readToEnd(ctx context.Context, take func(message.Event) error) (catchUp, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // so that the taps stop where take fails
	done := make(chan catchUp, 1)
	go func() {
		c := catchUp{started: r.cfg.Now()}
		c.doubts, c.lost = r.catchUpAll(ctx)
		done <- c
	}()
	for {
		select {
		case e := <-r.events:
			if err := take(e); err != nil {
				return catchUp{}, err
			}
		case <-ctx.Done():
			return catchUp{}, fmt.Errorf("a tap cannot tell how far it has read: %w", context.Cause(ctx))
		case c := <-done:
			for range len(r.events) { // what the taps have delivered is there
				if err := take(<-r.events); err != nil {
					return c, err
				}
			}
			return c, nil
		}
	}
}

// result is the audit's, with what a recording cannot tell as warnings.
func (r *runner) result() *flows.Result {
	result := r.audit.Result()
	slices.Sort(r.doubts)
	result.Warnings = append(result.Warnings, slices.Compact(r.doubts)...)
	return result
}

// report tells how far the run is.
func (r *runner) report(now time.Time) {
	if r.cfg.Progress == nil {
		return
	}
	p := Progress{Stage: "running", Scenarios: len(r.all), Messages: r.messages, Since: now.Sub(r.began)}
	switch {
	case r.audit == nil:
		p.Stage = "arming"
	case r.closing:
		p.Stage = "closing"
	}
	for _, in := range r.all {
		if in.done {
			p.Done++
		}
	}
	for _, in := range r.active {
		if !in.decided.IsZero() {
			p.WatchingForDoubles++
			continue
		}
		if p.Waiting == "" {
			p.Waiting = in.wait.Reason
		}
	}
	r.cfg.Progress(p)
}
