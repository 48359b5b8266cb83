package scenarios

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
)

// lagInterval is how often the brokers are asked how much waits in the system.
const lagInterval = 500 * time.Millisecond

// waiting is the brokers' last word on how many messages wait in the system.
type waiting struct {
	left  atomic.Int64
	busy  atomic.Bool // they are being asked
	asked time.Time
}

// askLag asks the brokers, beside the taps, if it is time to.
func (d *Drill) askLag(ctx context.Context) {
	if d.leg.Limits.Lag == 0 {
		return
	}
	if d.waiting == nil {
		d.waiting = &waiting{}
	}
	w, now := d.waiting, d.r.cfg.Now()
	if now.Sub(w.asked) < lagInterval || !w.busy.CompareAndSwap(false, true) {
		return
	}
	w.asked = now
	go func() {
		defer w.busy.Store(false)
		w.left.Store(int64(d.r.left(ctx)))
	}()
}

// left is how many messages wait in the system, at least: of the channels that the
// brokers can tell of.
func (r *runner) left(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	all := 0
	for i := range r.cfg.Flow.Brokers {
		watcher, ok := r.cfg.Tappers[i].(brokers.Watcher)
		if !ok {
			continue
		}
		for _, ch := range r.channelsOf(i) {
			if q, err := watcher.Quiet(ctx, []brokers.Channel{ch}); err == nil && q.Known {
				all += q.Left
			}
		}
	}
	return all
}
