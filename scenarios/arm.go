package scenarios

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// arm arms the taps of every broker, and begins the audit and the recording.
func (r *runner) arm(ctx context.Context) error {
	r.report(r.cfg.Now())
	taps, err := Arm(ctx, r.cfg.Flow, r.cfg.Tappers, r.cfg.Channels, brokers.TapConfig{Events: r.events})
	r.taps = taps
	if err != nil {
		return err
	}
	started := r.cfg.Now()
	r.stats.Armed = started.Sub(r.began)
	r.audit = flows.NewAudit(r.cfg.Flow, flows.AuditConfig{Mode: "run", Started: started, OwnOnly: true})
	if r.cfg.Record == nil {
		return nil
	}
	return r.cfg.Record.Begin(message.RecordingHeader{
		Flow: r.cfg.Flow.Name, Started: started, Brokers: Identities(ctx, r.cfg.Flow, r.cfg.Tappers),
	})
}

// Arm taps every channel of the flow, broker by broker. The taps that were armed
// are returned even with an error: the caller closes them. cfg's Channels are
// filled in.
func Arm(ctx context.Context, f *flows.Flow, tappers map[int]brokers.Tapper, channels []brokers.Channel, cfg brokers.TapConfig) ([]brokers.Tap, error) {
	var taps []brokers.Tap
	for _, i := range slices.Sorted(maps.Keys(tappers)) {
		cfg.Channels = ChannelsOf(f, channels, i)
		if len(cfg.Channels) == 0 {
			continue
		}
		tap, err := tappers[i].Tap(ctx, cfg)
		if err != nil {
			return taps, fmt.Errorf("broker %s: %w", f.Brokers[i].Name, err)
		}
		taps = append(taps, tap)
	}
	return taps, nil
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
	return ChannelsOf(r.cfg.Flow, r.cfg.Channels, broker)
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
			ids[f.Brokers[i].Name] = id
		}
	}
	return ids
}

// CloseTaps removes what the taps created, within a bounded time of its own.
func CloseTaps(taps []brokers.Tap) error {
	ctx, cancel := context.WithTimeout(context.Background(), tapCloseTimeout)
	defer cancel()
	var first error
	for _, tap := range taps {
		if err := tap.Close(ctx); err != nil && first == nil {
			first = fmt.Errorf("%w: %w", ErrLeftBehind, err)
		}
	}
	return first
}

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
	err := CloseTaps(r.taps)
	close(stop)
	<-drained
	return err
}

// finish has the taps catch up once more, so that the end is the brokers' word,
// and judges.
func (r *runner) finish(ctx context.Context) (*flows.Result, error) {
	r.closing = true
	r.report(r.cfg.Now())
	end, err := r.readToEnd(ctx, r.take)
	if err != nil {
		return nil, err
	}
	end = max(end, r.watch.judged)
	if err := r.take(message.Event{Mark: &message.Mark{Kind: message.MarkEnd, Seen: end.Time()}}); err != nil {
		return nil, err
	}
	return r.result(), nil
}

// readToEnd has every tap deliver what there was when it was called, and gives
// the events to take. It returns when that was, by the brokers' clocks.
func (r *runner) readToEnd(ctx context.Context, take func(message.Event) error) (correlate.Instant, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // so that the taps stop where take fails
	done := make(chan catchUp, 1)
	go func() {
		c := catchUp{started: r.cfg.Now()}
		c.doubts, c.err = r.catchUpAll(ctx)
		done <- c
	}()
	for {
		select {
		case e := <-r.events:
			if err := take(e); err != nil {
				return correlate.Never, err
			}
		case <-ctx.Done():
			return correlate.Never, fmt.Errorf("a tap cannot tell how far it has read: %w", context.Cause(ctx))
		case c := <-done:
			if c.err != nil {
				return correlate.Never, fmt.Errorf("a tap cannot tell how far it has read: %w", c.err)
			}
			for range len(r.events) { // what the taps have delivered is there
				if err := take(<-r.events); err != nil {
					return correlate.Never, err
				}
			}
			r.doubts = c.doubts
			return r.lag.broker(c.started), nil
		}
	}
}

// result is the audit's, with what a recording cannot tell as warnings.
func (r *runner) result() *flows.Result {
	result := r.audit.Result()
	for _, in := range r.all {
		if in.err != nil {
			result.Warnings = append(result.Warnings, in.err.Error())
		}
		if in.scenario.Probes > 0 {
			result.Warnings = append(result.Warnings,
				fmt.Sprintf("scenario %q asks for probes, which are not served yet: only the scenario itself was run", in.scenario.Name))
		}
	}
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
