package scenarios

import (
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/message"
)

// lag is how far the brokers' clocks may be behind ours: a deadline in their
// time is past only once that much more of ours has gone by. The least time
// between a broker's stamp and its arrival here bounds it; a clock ahead of
// ours needs no care, since waiting longer is always right.
type lag struct {
	least time.Duration
	known bool
}

func (l *lag) note(o *message.Observation) {
	if o.Time.IsZero() {
		return
	}
	d := max(0, o.Seen.Sub(o.Time))
	if !l.known || d < l.least {
		l.least, l.known = d, true
	}
}

// broker is our time in the brokers' clocks.
func (l *lag) broker(t time.Time) correlate.Instant { return correlate.InstantOf(t.Add(-l.least)) }

// local is a broker's time in our clock.
func (l *lag) local(i correlate.Instant) time.Time { return i.Time().Add(l.least) }
