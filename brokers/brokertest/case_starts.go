package brokertest

import (
	"time"

	"github.com/flowcheck/flowcheck/brokers"
)

// startBeginning: the tap sees all that there is, and goes on; or refuses.
func startBeginning(r *rig) {
	ch := r.channel("orders")
	p := r.publisher()
	all := texts(6)
	r.publish(p, ch, all[:5]...)
	w := r.started(r.s.Claims.StartBeginning, brokers.Start{At: brokers.StartBeginning}, ch)
	if w == nil {
		return
	}
	got := w.take(5)
	r.publish(p, ch, all[5:]...)
	r.same(append(got, w.exactly(1)...), all)
}

// startOffset: the tap sees what is at the offset and after it; or refuses. A
// fresh channel counts from 0.
func startOffset(r *rig) {
	ch := r.channel("orders")
	p := r.publisher()
	all := texts(6)
	r.publish(p, ch, all[:5]...)
	w := r.started(r.s.Claims.StartOffset, brokers.Start{At: brokers.StartOffset, Offset: 2}, ch)
	if w == nil {
		return
	}
	got := w.take(3)
	r.publish(p, ch, all[5:]...)
	r.same(append(got, w.exactly(1)...), all[2:])
}

// startTime: the tap sees what the broker took at the time and after it; or
// refuses.
func startTime(r *rig) {
	ch := r.channel("orders")
	p := r.publisher()
	before, since := texts(3), texts(3)
	r.publish(p, ch, before...)
	<-r.after(20 * time.Millisecond) // broker times have milliseconds
	at := time.Now()
	<-r.after(20 * time.Millisecond)
	r.publish(p, ch, since[:2]...)
	w := r.started(r.s.Claims.StartTime, brokers.Start{At: brokers.StartTime, Time: at}, ch)
	if w == nil {
		return
	}
	got := w.take(2)
	r.publish(p, ch, since[2:]...)
	r.same(append(got, w.exactly(1)...), since)
}

// started taps from a start that is claimed, or sees that Tap refuses it.
func (r *rig) started(claimed bool, start brokers.Start, ch brokers.Channel) *watch {
	r.Helper()
	w, err := r.armAt(r.tapper(), start, ch)
	switch {
	case claimed && err != nil:
		r.Fatalf("Tap from the %s: %v", start.At, err)
	case !claimed && err == nil:
		r.Fatalf("a start at the %s is not claimed, but Tap does not refuse it", start.At)
	case err != nil:
		return nil
	}
	return w
}
