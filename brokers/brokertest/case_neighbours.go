package brokertest

import (
	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// twoTaps: taps do not take from each other, be they of one connection or two.
func twoTaps(r *rig) {
	ch := r.channel("orders")
	t := r.tapper()
	watches := []*watch{r.arm(t, ch), r.arm(t, ch), r.arm(r.tapper(), ch)}
	all := texts(20)
	r.publish(r.publisher(), ch, all...)
	for _, w := range watches {
		r.same(w.exactly(len(all)), all)
	}
}

// competingConsumer: the system's own consumer gets every message once, while
// the tap does and after it has gone.
func competingConsumer(r *rig) {
	r.need("NewConsumer", r.s.NewConsumer != nil)
	ch := r.channel("orders")
	consumer := r.s.NewConsumer(r.TB, ch)
	w := r.arm(r.tapper(), ch)
	p := r.publisher()
	all := texts(20)
	r.publish(p, ch, all...)
	r.sameTaken(consumer.Take(r.TB, len(all)), all)
	r.same(w.exactly(len(all)), all)
	w.close()
	after := texts(5)
	r.publish(p, ch, after...)
	r.sameTaken(consumer.Take(r.TB, len(after)), after)
}

// sameTaken fails if a consumer did not get what was published, each once.
func (r *rig) sameTaken(got [][]byte, want []message.Message) {
	r.Helper()
	var all []message.Observation
	for _, payload := range got {
		all = append(all, message.Observation{Message: message.Message{Payload: payload}, Channel: "the consumer"})
	}
	r.same(all, want)
}

// undisturbed: planning, tapping from as far back as can be, catching up and
// asking leave the system as it was: groups, offsets, queues, counts.
func undisturbed(r *rig) {
	r.need("Observe", r.s.Observe != nil)
	rest, consumed := r.channel("rest"), r.channel("consumed")
	p := r.publisher()
	r.publish(p, rest, texts(3)...)
	r.publish(p, consumed, texts(3)...)
	if r.s.NewConsumer != nil {
		r.s.NewConsumer(r.TB, consumed).Take(r.TB, 3)
	}
	unchanged := r.s.Observe(r.TB)
	t := r.tapper()
	var start brokers.Start
	if r.s.Claims.StartBeginning {
		start.At = brokers.StartBeginning
	}
	if _, err := t.Plan(r.ctx(), brokers.TapConfig{Channels: []brokers.Channel{rest, consumed}}); err != nil {
		r.Fatalf("Plan: %v", err)
	}
	w, err := r.armAt(t, start, rest, consumed)
	if err != nil {
		r.Fatalf("Tap: %v", err)
	}
	w.catchUp()
	if watcher, ok := t.(brokers.Watcher); ok {
		if _, err := watcher.Quiet(r.ctx(), []brokers.Channel{rest, consumed}); err != nil {
			r.Fatalf("Quiet: %v", err)
		}
	}
	w.close()
	if err := t.Close(); err != nil {
		r.Fatalf("closing the tapper: %v", err)
	}
	unchanged()
}
