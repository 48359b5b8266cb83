package brokertest

import (
	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// order: what is published one after the other to one partition or queue comes
// in that order, where it is claimed.
func order(r *rig) {
	ch := r.channelOf("orders", ChannelOptions{Partitions: 3})
	w := r.arm(r.tapper(), ch)
	p := r.publisher()
	all := texts(100)
	for _, m := range all {
		out := brokers.Outgoing{Message: m}
		if r.s.Claims.Partitions {
			out.Partition = new(int32)
		}
		if _, err := p.Publish(r.ctx(), ch, out); err != nil {
			r.Fatalf("Publish: %v", err)
		}
	}
	got := w.exactly(len(all))
	r.same(got, all)
	if !r.s.Claims.Ordered {
		if kind := got[0].Position.Kind; kind == message.PartitionOffset || kind == message.Sequence {
			r.Fatalf("order is not claimed, but positions order: %v", got[0].Position)
		}
		return
	}
	for i, o := range got {
		if string(o.Payload) != string(all[i].Payload) {
			r.Fatalf("number %d was published as %s, seen as %s", i, all[i].Payload, o.Payload)
		}
	}
}

// positions: each observation has a position of the kind claimed, no two the
// same, and those that order rise.
func positions(r *rig) {
	ch := r.channelOf("orders", ChannelOptions{Partitions: 3})
	w := r.arm(r.tapper(), ch)
	all := texts(30)
	r.publish(r.publisher(), ch, all...)
	seen := map[message.Position]bool{}
	last := map[int32]int64{}
	for _, o := range w.exactly(len(all)) {
		p := o.Position
		if p.Kind != r.s.Claims.Positions {
			r.Fatalf("position %q is of kind %d, claimed is %d", p, p.Kind, r.s.Claims.Positions)
		}
		if p.Kind == message.NoPosition {
			continue
		}
		if seen[p] || p.String() == "" {
			r.Fatalf("position %q is empty, or two messages have it", p)
		}
		seen[p] = true
		if before, ok := last[p.Partition]; ok && p.Kind != message.Opaque && p.Offset <= before {
			r.Fatalf("positions go from %d to %d in partition %d", before, p.Offset, p.Partition)
		}
		last[p.Partition] = p.Offset
	}
}

// partitions: the publisher decides the partition, or cannot: as claimed.
func partitions(r *rig) {
	ch := r.channelOf("orders", ChannelOptions{Partitions: 3})
	w := r.arm(r.tapper(), ch)
	p := r.publisher()
	want := map[string]int32{}
	for i, m := range texts(6) {
		partition := []int32{2, 2, 0, 1, 0, 1}[i] // as no partitioner would
		_, err := p.Publish(r.ctx(), ch, brokers.Outgoing{Message: m, Partition: &partition})
		if err != nil {
			if r.s.Claims.Partitions {
				r.Fatalf("Publish to partition %d: %v", partition, err)
			}
			return
		}
		want[string(m.Payload)] = partition
	}
	obeyed := true
	for _, o := range w.exactly(len(want)) {
		obeyed = obeyed && o.Position.Kind == message.PartitionOffset && o.Position.Partition == want[string(o.Payload)]
	}
	if obeyed != r.s.Claims.Partitions {
		r.Fatalf("partitions are claimed: %t, obeyed: %t", r.s.Claims.Partitions, obeyed)
	}
	beyond := int32(99)
	if _, err := p.Publish(r.ctx(), ch, brokers.Outgoing{Message: texts(1)[0], Partition: &beyond}); err == nil && obeyed {
		r.Fatalf("Publish accepts partition 99 of 3")
	}
}

// channels: one tap on two channels tells them apart.
func channels(r *rig) {
	a, b := r.channel("alpha"), r.channel("beta")
	w := r.arm(r.tapper(), a, b)
	p := r.publisher()
	want := map[string]string{}
	for _, ch := range []brokers.Channel{a, b} {
		all := texts(5)
		r.publish(p, ch, all...)
		for _, m := range all {
			want[string(m.Payload)] = ch.Name
		}
	}
	got := w.exactly(len(want))
	for _, o := range got {
		if o.Channel != want[string(o.Payload)] {
			r.Fatalf("published to %s, seen on %q", want[string(o.Payload)], o.Channel)
		}
		delete(want, string(o.Payload))
	}
	if len(want) > 0 {
		r.Fatalf("lost on two channels: %v", want)
	}
}
