package scenarios

import (
	"slices"
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// lag is how far the brokers' clocks may be behind ours: a deadline in their
// time is past only once that much more of ours has gone by. For each broker the
// least time between its stamp and the arrival here bounds it; of several
// brokers the one furthest behind counts, since a deadline may be in the time of
// any. A clock ahead of ours needs no care: waiting longer is always right.
type lag struct {
	most   time.Duration
	byName map[string]*brokerLag // by channel
	all    []*brokerLag          // by broker
}

// brokerLag is the lag of one broker; known once a message of it had a time.
type brokerLag struct {
	least time.Duration
	known bool
}

func newLag(f *flows.Flow) lag {
	l := lag{byName: map[string]*brokerLag{}}
	for range f.Brokers {
		l.all = append(l.all, &brokerLag{})
	}
	for i := range f.Channels {
		l.byName[f.Channels[i].Name] = l.all[f.Channels[i].Broker]
	}
	return l
}

func (l *lag) note(o *message.Observation) {
	b, ok := l.byName[o.Channel]
	if !ok || o.Time.IsZero() {
		return
	}
	d := max(0, o.Seen.Sub(o.Time))
	if b.known && d >= b.least {
		return
	}
	b.least, b.known = d, true
	l.most = slices.MaxFunc(l.all, func(x, y *brokerLag) int { return int(x.least - y.least) }).least
}

// timely takes a time away that is none: a producer can write any number, and
// what is beyond the centuries can be neither compared nor recorded.
func timely(o *message.Observation) *message.Observation {
	if o.Time.IsZero() || correlate.InstantOf(o.Time).Known() {
		return o
	}
	without := *o
	without.Time = time.Time{}
	return &without
}

// broker is our time in the brokers' clocks.
func (l *lag) broker(t time.Time) correlate.Instant { return correlate.InstantOf(t.Add(-l.most)) }

// local is a broker's time in our clock.
func (l *lag) local(i correlate.Instant) time.Time { return i.Time().Add(l.most) }
