package brokertest

import (
	"context"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// armed: with publishers at work all the time, every message whose Publish
// began after Tap had returned is seen, once.
func armed(r *rig) {
	ch := r.channelOf("orders", ChannelOptions{Partitions: 3})
	p, t := r.publisher(), r.tapper()
	for range 5 {
		crowd := r.startCrowd(p, ch, 4)
		crowd.await(r, 10)
		w := r.arm(t, ch)
		crowd.mark()
		crowd.await(r, 10)
		_, since := crowd.stop(r)
		got, _ := w.catchUp()
		r.covers(got, since)
		w.close()
	}
}

// startsAtEnd: what was published before Tap is not seen.
func startsAtEnd(r *rig) {
	ch := r.channel("orders")
	p := r.publisher()
	r.publish(p, ch, texts(5)...)
	w := r.arm(r.tapper(), ch)
	after := texts(3)
	r.publish(p, ch, after...)
	r.same(w.exactly(3), after)
}

// callContext: a context bounds the call that it is given to, not what the call
// opened.
func callContext(r *rig) {
	ch := r.channel("orders")
	ctx, cancel := context.WithCancel(r.ctx())
	t, err := r.s.Adapter.OpenTapper(ctx, r.config(r.s.Config))
	if err != nil {
		r.Fatalf("OpenTapper: %v", err)
	}
	r.Cleanup(func() { t.Close() })
	p, err := r.s.Adapter.OpenPublisher(ctx, r.config(r.s.Config))
	if err != nil {
		r.Fatalf("OpenPublisher: %v", err)
	}
	r.Cleanup(func() { p.Close() })
	w := &watch{r: r, events: make(chan message.Event)}
	if w.tap, err = t.Tap(ctx, brokers.TapConfig{Channels: []brokers.Channel{ch}, Events: w.events}); err != nil {
		r.Fatalf("Tap: %v", err)
	}
	r.Cleanup(w.close)
	cancel()
	<-r.after(r.s.Pause)
	all := texts(3)
	r.publish(p, ch, all...)
	r.same(w.exactly(3), all)
}
