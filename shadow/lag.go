package shadow

import (
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/message"
)

// lag is how far the brokers' clocks may be behind ours: the least time between a
// broker's stamp and the arrival here bounds it. Of several brokers the one
// furthest behind counts, since a deadline may be in the time of any. A clock
// ahead of ours needs no care: waiting longer is always right.
type lag struct {
	least map[int]time.Duration // by tapper, once it is known
	most  time.Duration
}

func newLag() lag { return lag{least: map[int]time.Duration{}} }

func (l *lag) note(tapper int, d time.Duration) {
	d = max(0, d)
	if have, ok := l.least[tapper]; ok && d >= have {
		return
	}
	l.least[tapper], l.most = d, 0
	for _, least := range l.least {
		l.most = max(l.most, least)
	}
}

// broker is our time in the brokers' clocks.
func (l *lag) broker(t time.Time) time.Time { return t.Add(-l.most) }

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
