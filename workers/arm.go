package workers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/message"
)

// taps reports whether a duty has a part of the channel: of a log each has some
// partitions, all else is one duty's.
func (w *worker) taps(flow string, ch brokers.Channel, duty int32) bool {
	return ch.Topic != "" || partitionOf([]byte(flow+"\x00"+ch.Name), w.parts) == duty
}

// share is the duty that has a partition of a log.
func (w *worker) share(topic string, partition int32) int32 {
	return int32((xxhash.Sum64String(topic) + uint64(partition)) % uint64(w.parts)) //nolint:gosec // below parts
}

// tapName is what a channel is called to its tap: it is the same in every worker.
func tapName(flow, channel string) string {
	sum := sha256.Sum256([]byte(flow + "\x00" + channel))
	return channel[:min(len(channel), 40)] + "-" + hex.EncodeToString(sum[:4])
}

// arm arms the taps of the duties where the last ones came to.
func (f *forwarder) arm(ctx context.Context) error {
	shadow := &f.w.cfg.Shadow
	began := shadow.Now() // what the taps see from now on may have waited
	f.taps = make([]brokers.Tap, len(shadow.Tappers))
	for i := range shadow.Tappers {
		cfg := brokers.TapConfig{Events: f.events, Durable: true, Resume: []message.Mark{}, Share: func(ch brokers.Channel, partition int32) bool {
			return slices.Contains(f.duties, f.w.share(ch.Topic, partition))
		}}
		for _, one := range f.w.flows {
			cfg.Channels = append(cfg.Channels, f.channels(one, i)...)
		}
		if len(cfg.Channels) == 0 {
			continue
		}
		for n := range f.resume {
			p := &f.resume[n]
			name := tapName(p.Flow, p.Channel)
			if r, ok := f.routes[name]; ok && r.tapper == i {
				cfg.Resume = append(cfg.Resume, p.fence(name))
			}
		}
		tap, err := shadow.Tappers[i].Tap(ctx, cfg)
		if err != nil {
			return fmt.Errorf("broker %s: %w", shadow.Tappers[i].Name, err)
		}
		f.taps[i] = tap
	}
	f.armed = shadow.Now()
	return f.returned(ctx, began)
}

// channels are those of a flow that the duties have a part of, by a tapper.
func (f *forwarder) channels(one *watched, tapper int) (all []brokers.Channel) {
	of := &f.w.cfg.Shadow.Flows[one.index]
	for i, ch := range of.Channels {
		if of.Brokers[of.Flow.Channels[i].Broker] != tapper {
			continue
		}
		if !slices.ContainsFunc(f.duties, func(d int32) bool { return f.w.taps(one.name, ch, d) }) {
			continue
		}
		name := tapName(one.name, ch.Name)
		f.routes[name] = route{one, ch.Name, tapper}
		ch.Name = name
		all = append(all, ch)
	}
	return all
}

// returned tells that nobody has read the channels until then.
func (f *forwarder) returned(ctx context.Context, until time.Time) error {
	if f.away.IsZero() {
		return nil
	}
	for name, r := range f.routes {
		f.waits[name] = true
		m := &message.Mark{Kind: message.MarkAway, Channel: r.channel, Since: f.away, Seen: until}
		if err := f.everywhere(ctx, r.flow, m); err != nil {
			return err
		}
	}
	return nil
}

// lag is how far the brokers' clocks may be behind ours, by tapper: the least time
// between a broker's stamp and the arrival here bounds it.
type lag map[int]time.Duration

// note learns from a message that came since the taps were armed: others are old.
func (l lag) note(tapper int, o *message.Observation, armed time.Time) {
	if o.Time.IsZero() || o.Time.Before(armed) {
		return
	}
	d := max(0, o.Seen.Sub(o.Time))
	if have, ok := l[tapper]; !ok || d < have {
		l[tapper] = d
	}
}

// broker is our time in the clock of the broker that is furthest behind.
func (l lag) broker(t time.Time) time.Time {
	most := time.Duration(0)
	for _, d := range l {
		most = max(most, d)
	}
	return t.Add(-most)
}

// timely takes a time away that is none: what is beyond the centuries can be
// neither compared nor recorded.
func timely(o *message.Observation) *message.Observation {
	if o.Time.IsZero() || correlate.InstantOf(o.Time).Known() {
		return o
	}
	without := *o
	without.Time = time.Time{}
	return &without
}
