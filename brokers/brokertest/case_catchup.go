package brokertest

import (
	"context"
	"errors"
)

// catchUp: it returns once everything is sent, at once where there is nothing,
// and says how sure it is.
func catchUp(r *rig) {
	ch := r.channelOf("orders", ChannelOptions{Partitions: 3})
	w := r.arm(r.tapper(), ch)
	if got, _ := w.catchUp(); len(got) > 0 {
		r.Fatalf("nothing was published, but seen: %s", describe(got[0]))
	}
	all := texts(100)
	r.publish(r.publisher(), ch, all...)
	got, caught := w.catchUp()
	r.same(got, all)
	if caught.Exact != r.s.Claims.ExactCatchUp || caught.Exact != (caught.Reason == "") {
		r.Fatalf("CatchUp says exact: %t, reason %q; claimed exact: %t", caught.Exact, caught.Reason, r.s.Claims.ExactCatchUp)
	}
	if got, _ := w.catchUp(); len(got) > 0 {
		r.Fatalf("seen twice: %s", describe(got[0]))
	}
}

// catchUpLoad: under load it returns, with all that was accepted when it was
// called.
func catchUpLoad(r *rig) {
	ch := r.channelOf("orders", ChannelOptions{Partitions: 3})
	w := r.arm(r.tapper(), ch)
	crowd := r.startCrowd(r.publisher(), ch, 4)
	crowd.await(r, 50)
	accepted, _, _ := crowd.accepted()
	got, _ := w.catchUp()
	r.covers(got, accepted)
	before, _ := crowd.stop(r)
	rest, _ := w.catchUp()
	r.covers(append(got, rest...), before)
}

// catchUpBlocked: it does not return while Events has not taken all, be it one
// message only, and returns when it has.
func catchUpBlocked(r *rig) {
	ch := r.channel("orders")
	w := r.arm(r.tapper(), ch)
	all := texts(10)
	r.publish(r.publisher(), ch, all...)
	pending := w.startCatchUp(r.ctx())
	r.stillPending(pending, "before anything had been sent")
	got := w.take(len(all) - 1)
	r.stillPending(pending, "before the last had been sent")
	last, _ := w.finishCatchUp(pending)
	r.same(append(got, last...), all)
}

// stillPending fails if CatchUp returns within a while.
func (r *rig) stillPending(pending <-chan caughtUp, when string) {
	r.Helper()
	select {
	case c := <-pending:
		r.Fatalf("CatchUp returned (%+v, %v) %s", c.caught, c.err, when)
	case <-r.after(r.s.Pause):
	}
}

// catchUpContext: it gives up when its context does.
func catchUpContext(r *rig) {
	ch := r.channel("orders")
	w := r.arm(r.tapper(), ch)
	r.publish(r.publisher(), ch, texts(10)...)
	ctx, cancel := context.WithCancel(r.ctx())
	pending := w.startCatchUp(ctx)
	<-r.after(r.s.Pause)
	cancel()
	select {
	case c := <-pending:
		if !errors.Is(c.err, context.Canceled) {
			r.Fatalf("CatchUp with a cancelled context returned (%+v, %v), want context.Canceled", c.caught, c.err)
		}
	case <-r.after(r.s.Patience / 2):
		r.Fatalf("CatchUp does not return when its context is cancelled")
	}
}
