package scenarios

import (
	"context"
	"fmt"
)

// Disturbance is something that is done to the system while a leg's triggers are
// sent.
type Disturbance struct {
	// Channel is the channel whose next message begins it, so that it comes in the
	// middle of chains.
	Channel string
	// Do does it, and returns when it is over; What says it for people.
	Do   func(context.Context) error
	What string
}

// disturbing is how far a leg is with its disturbances: spread over the sending,
// one after the other.
type disturbing struct {
	next    int
	armed   bool
	running chan error // nil while none is
	errs    []error
}

// tickDisturbances arms the next disturbance when its time has come, and takes the
// word of the one that is over.
func (d *Drill) tickDisturbances() {
	x := &d.disturb
	if x.running != nil {
		select {
		case err := <-x.running:
			d.disturbed(err)
		default:
		}
	}
	if all := d.leg.Disturb; x.running == nil && x.next < len(all) && d.leg.Sent != nil {
		x.armed = x.armed || d.leg.Sent() >= float64(x.next+1)/float64(len(all)+1)
	}
}

// disturbed notes that a disturbance is over.
func (d *Drill) disturbed(err error) {
	x := &d.disturb
	if err != nil {
		x.errs = append(x.errs, fmt.Errorf("%s: %w", d.leg.Disturb[x.next].What, err))
	}
	x.running = nil
	x.next++
}

// maybeDisturb begins the armed disturbance where a message came that it waits for.
func (d *Drill) maybeDisturb(channel string) {
	x := &d.disturb
	if !x.armed || x.running != nil || d.leg.Disturb[x.next].Channel != channel {
		return
	}
	x.armed, x.running = false, make(chan error, 1)
	do, over := d.leg.Disturb[x.next].Do, x.running
	go func() { over <- do(d.ctx) }()
}

// Disturbed is how many disturbances of the last leg were done, and what went wrong
// with them.
func (d *Drill) Disturbed() (done int, errs []error) { return d.disturb.next, d.disturb.errs }
