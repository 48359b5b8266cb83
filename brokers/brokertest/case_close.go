package brokertest

import (
	"context"
	"errors"

	"github.com/flowcheck/flowcheck/brokers"
)

// closeSilent: Close returns though Events takes nothing and publishers are at
// work, and afterwards nothing comes.
func closeSilent(r *rig) {
	ch := r.channelOf("orders", ChannelOptions{Partitions: 3})
	w := r.arm(r.tapper(), ch)
	crowd := r.startCrowd(r.publisher(), ch, 2)
	crowd.await(r, 20)
	w.take(3)
	r.closes("Close", func() error { return w.tap.Close(r.ctx()) })
	w.silent("after Close returned")
	crowd.stop(r)
}

// closeTwice: Close may be called again, and at once from two goroutines.
func closeTwice(r *rig) {
	w := r.arm(r.tapper(), r.channel("orders"))
	ctx := r.ctx()
	both := make(chan error, 2)
	for range 2 {
		go func() { both <- w.tap.Close(ctx) }()
	}
	r.closes("Close, twice at once", func() error { return errors.Join(<-both, <-both) })
	r.closes("Close, again", func() error { return w.tap.Close(ctx) })
}

// closeContext: Close with a context that is over returns, and nothing comes
// afterwards; a further Close ends the work.
func closeContext(r *rig) {
	ch := r.channel("orders")
	w := r.arm(r.tapper(), ch)
	r.publish(r.publisher(), ch, texts(5)...)
	ctx, cancel := context.WithCancel(r.ctx())
	cancel()
	r.within("Close with a cancelled context", func() { w.tap.Close(ctx) })
	w.silent("after Close with a cancelled context returned")
	r.closes("Close, again", func() error { return w.tap.Close(r.ctx()) })
}

// closeRemoves: Close takes away what Tap has made.
func closeRemoves(r *rig) {
	r.need("Observe", r.s.Observe != nil)
	a, b := r.channel("alpha"), r.channelOf("beta", ChannelOptions{Partitions: 2})
	unchanged := r.s.Observe(r.TB)
	w := r.arm(r.tapper(), a, b)
	w.catchUp()
	r.closes("Close", func() error { return w.tap.Close(r.ctx()) })
	unchanged()
}

// closeTapper: closing the tapper ends its taps and takes away what they made.
func closeTapper(r *rig) {
	r.need("Observe", r.s.Observe != nil)
	ch := r.channel("orders")
	p := r.publisher()
	unchanged := r.s.Observe(r.TB)
	t := r.tapper()
	w := r.arm(t, ch)
	r.closes("Tapper.Close", t.Close)
	unchanged()
	r.publish(p, ch, texts(3)...)
	w.silent("after Tapper.Close returned")
	if _, err := r.armAt(t, brokers.Start{}, ch); err == nil {
		r.Fatalf("a closed tapper taps")
	}
}

// closes runs a Close that must return in time and without an error.
func (r *rig) closes(what string, f func() error) {
	r.Helper()
	var err error
	r.within(what, func() { err = f() })
	if err != nil {
		r.Fatalf("%s: %v", what, err)
	}
}
