package scenarios

import (
	"context"
	"time"

	"github.com/flowcheck/flowcheck/message"
)

// maxLook bounds the undecided chains that are looked at each time; with more,
// all are looked at once a second.
const maxLook = 5000

// look asks the audit where the chains stand: those that have grown, and with
// all every one that is undecided.
func (d *Drill) look(all bool) {
	now := d.r.cfg.Now()
	stirred, every := d.r.audit.Stirred()
	if every && len(d.chains) <= maxLook {
		for _, c := range d.chains {
			d.see(c)
		}
	}
	for id := range stirred {
		if c := d.chains[id]; c != nil {
			d.see(c)
		}
	}
	if all && (len(d.open) <= maxLook || now.Sub(d.looked) > time.Second) {
		d.looked = now
		for _, c := range d.open {
			d.see(c)
		}
	}
	d.r.report(now)
}

// see looks where a chain stands.
func (d *Drill) see(c *drillChain) {
	w := d.r.audit.Wait(c.id, d.readTo())
	d.found += w.Found - c.found
	c.found = w.Found
	overdue := !w.Due.Known() && !d.sending && d.r.cfg.Now().After(d.last.Add(d.r.cfg.Flow.Timeout))
	if c.decided = w.Decided || overdue; c.decided {
		delete(d.open, c.id)
	} else {
		d.open[c.id] = c
	}
}

// wait waits until every chain is decided and the brokers, or the flow's settle,
// say that all is quiet.
func (d *Drill) wait(ctx context.Context) (lost []loss, err error) {
	pause := drillTick
	for {
		var c catchUp
		before := d.r.messages
		err := d.during(ctx, func(ctx context.Context) {
			c.started = d.r.cfg.Now()
			c.quiet = d.r.quiet(ctx)
			c.doubts, c.lost = d.r.catchUpAll(ctx)
		}, func() {})
		switch {
		case err != nil:
			return nil, err
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case c.lost != nil:
			return c.lost, nil
		}
		for range len(d.r.events) {
			if err := d.take(<-d.r.events); err != nil {
				return nil, err
			}
		}
		d.r.watch.caughtAt = c.started
		d.look(true)
		if len(d.open) == 0 && d.disturb.running == nil && d.isQuiet(&c, before) {
			d.r.watch.judged = max(d.r.watch.judged, d.readTo())
			return nil, nil
		}
		pause = min(2*pause, drillPause)
		err = d.during(ctx, func(ctx context.Context) {
			timer := time.NewTimer(pause)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		}, func() {})
		if err != nil {
			return nil, err
		}
	}
}

// isQuiet reports whether no further message is on its way.
func (d *Drill) isQuiet(c *catchUp, before int) bool {
	f := d.r.cfg.Flow
	hoping := d.leg.Done != nil && !d.leg.Done()
	if c.quiet.Known && c.quiet.Quiet && d.r.messages == before && !hoping {
		return true
	}
	rest := f.Settle
	if hoping {
		rest = max(rest, d.leg.Patience)
	}
	if d.leg.NoEffect && !c.quiet.Known {
		rest = max(rest, f.Timeout)
	}
	return c.started.After(d.last.Add(rest))
}

// lose ends the drill where taps are lost: what they did not deliver is a gap.
func (d *Drill) lose(lost []loss) error {
	for _, l := range lost {
		for _, ch := range d.r.channelsOf(l.tap.broker) {
			gap := &message.Mark{
				Kind: message.MarkGap, Channel: ch.Name, Seen: d.r.cfg.Now(),
				Reason: "the tap cannot tell how far it has read: " + l.err.Error(),
			}
			if err := d.take(message.Event{Mark: gap}); err != nil {
				return err
			}
		}
	}
	return nil
}
