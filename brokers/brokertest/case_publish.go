package brokertest

import (
	"errors"
	"sync"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// publishAccepted: what Publish has returned for is on the broker, even if the
// publisher is closed at that moment, and whoever else publishes.
func publishAccepted(r *rig) {
	ch := r.channel("orders")
	w := r.arm(r.tapper(), ch)
	p := r.openPublisher()
	all := texts(40)
	errs := make([]error, len(all))
	var publishers sync.WaitGroup
	for i, m := range all {
		publishers.Go(func() { _, errs[i] = p.Publish(r.ctx(), ch, brokers.Outgoing{Message: m}) })
	}
	publishers.Wait()
	if err := errors.Join(append(errs, p.Close())...); err != nil {
		r.Fatalf("publishing: %v", err)
	}
	r.same(w.exactly(len(all)), all)
}

// receipt: the position that Publish returns is the one that the tap sees, or
// it returns none.
func receipt(r *rig) {
	ch := r.channelOf("orders", ChannelOptions{Partitions: 3})
	w := r.arm(r.tapper(), ch)
	p := r.publisher()
	told := map[string]message.Position{}
	for _, m := range texts(10) {
		got, err := p.Publish(r.ctx(), ch, brokers.Outgoing{Message: m})
		if err != nil {
			r.Fatalf("Publish: %v", err)
		}
		told[string(m.Payload)] = got.Position
	}
	for _, o := range w.exactly(len(told)) {
		position := told[string(o.Payload)]
		switch {
		case r.s.Claims.Receipts && position != o.Position:
			r.Fatalf("the receipt says position %q, the tap %q", position, o.Position)
		case !r.s.Claims.Receipts && position != message.Position{}:
			r.Fatalf("receipts are not claimed, but one says position %q", position)
		}
	}
}

// unroutable: what no queue wants is refused, where that is claimed.
func unroutable(r *rig) {
	ch := r.channelOf("nobody", ChannelOptions{State: Unread})
	_, err := r.publisher().Publish(r.ctx(), ch, brokers.Outgoing{Message: texts(1)[0]})
	switch {
	case r.s.Claims.Unroutable && !errors.Is(err, brokers.ErrUnroutable):
		r.Fatalf("want ErrUnroutable where nobody reads, got: %v", err)
	case !r.s.Claims.Unroutable && err != nil:
		r.Fatalf("unroutable is not claimed, but publishing where nobody reads fails: %v", err)
	}
}

// absentPublish: publishing to what does not exist is refused by name, each
// time, and the publisher goes on working.
func absentPublish(r *rig) {
	live := r.channel("live")
	w := r.arm(r.tapper(), live)
	absent := r.channelOf("absent", ChannelOptions{State: Absent})
	p := r.publisher()
	for range 2 { // the second time finds what the first has created
		_, err := p.Publish(r.ctx(), absent, brokers.Outgoing{Message: texts(1)[0]})
		if !errors.Is(err, brokers.ErrAbsent) {
			r.Fatalf("want ErrAbsent, got: %v", err)
		}
		r.names(err, absent)
	}
	all := texts(1)
	r.publish(p, live, all...)
	r.same(w.exactly(1), all)
}
