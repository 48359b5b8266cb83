package scenarios

import (
	"context"
	"errors"
	"fmt"

	"github.com/flowcheck/flowcheck/correlate"
)

// DrillLimits are how much may go wrong before a replay stops.
type DrillLimits struct {
	// Findings of the chains so far, Dead letters of whatever chain, Open chains that
	// have begun and have no verdict yet, and messages that wait in the system by the
	// brokers' word: the lag of its groups, the depth of its queues.
	Findings, Dead, Open, Lag int
}

// ErrLimit says that a limit has ended the sending.
var ErrLimit = errors.New("a limit was passed")

// send sends while events are taken, and stops where a limit is passed.
func (d *Drill) send(ctx context.Context) error {
	sendCtx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var sendErr error
	d.sending, d.waiting = true, nil
	err := d.during(sendCtx, func(ctx context.Context) { sendErr = d.leg.Send(ctx) }, func() {
		d.look(false)
		d.askLag(sendCtx)
		if passed := d.passed(); passed != "" {
			stop(fmt.Errorf("%w: %s", ErrLimit, passed))
		}
	})
	d.sending = false
	d.last = d.r.cfg.Now()
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case sendCtx.Err() != nil:
		d.stopped = context.Cause(sendCtx)
	default:
		d.stopped = sendErr
	}
	return nil
}

// passed tells which limit is passed.
func (d *Drill) passed() string {
	l := d.leg.Limits
	over := func(n, limit int) bool { return limit > 0 && n > limit }
	switch {
	case over(d.found, l.Findings):
		return fmt.Sprintf("%d findings, more than %d", d.found, l.Findings)
	case over(d.parked, l.Dead):
		return fmt.Sprintf("%d dead letters, more than %d", d.parked, l.Dead)
	case d.waiting != nil && over(int(d.waiting.left.Load()), l.Lag):
		return fmt.Sprintf("%d messages wait in the system, more than %d", d.waiting.left.Load(), l.Lag)
	case over(d.begun(), l.Open):
		return fmt.Sprintf("%d chains wait for their next step, more than %d", d.begun(), l.Open)
	}
	return ""
}

// begun counts the chains that have begun and are not decided.
func (d *Drill) begun() int {
	if d.leg.Limits.Open == 0 {
		return 0
	}
	n := 0
	for id := range d.open {
		if d.r.audit.Wait(id, d.readTo()).Messages > 0 {
			n++
		}
	}
	return n
}

func (d *Drill) readTo() correlate.Instant { return d.r.readTo() }
