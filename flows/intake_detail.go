package flows

import (
	"encoding/base64"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/deadletter"
	"github.com/flowcheck/flowcheck/expression"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// detail gives dead-lettered messages their origin, and messages that are no
// step but worth a finding the reason. wrong is what is wrong with the body.
func (in *intake) detail(ch *Channel, wrong problem) {
	e := &in.reduced.Entry
	kind := correlate.NotStray
	switch {
	case wrong.text != "" && (wrong.declared || ch.intake.format == formatJSON):
		kind = correlate.Malformed
	case e.Step != correlate.NoStep:
	case ch.DeadLetters != nil:
		kind = correlate.DeadLettered
	case ch.Only:
		kind = correlate.Unexpected
	}
	if kind == correlate.NotStray && !ch.takesCopies() {
		return
	}
	d := &correlate.Detail{Origin: -1, Lifted: true, Stray: kind, Text: wrong.on(ch.Name), Shown: wrong.shown}
	if ch.takesCopies() {
		in.findOrigin(ch, d)
	}
	if ch.DeadLetters != nil {
		in.lift(ch, d)
	}
	e.Detail = d
	if e.Step == correlate.NoStep {
		// A stray joins the chains of its ids and ties none.
		m := &in.reduced.Message
		m.Listed = append(m.Listed, m.IDs...)
		m.IDs, m.Opens = m.IDs[:0], false
	}
}

// findOrigin finds the channel and the position that the copy came from.
func (in *intake) findOrigin(ch *Channel, d *correlate.Detail) {
	if len(ch.DeadLetters) == 1 {
		d.Origin = int16(ch.DeadLetters[0])
	}
	if !in.dead {
		return
	}
	origin := &in.death.Origin
	at := in.flow.channelOf(origin, ch)
	switch {
	case at >= 0:
		d.Origin = int16(at)
	case origin.Topic != "":
		d.Origin = correlate.Elsewhere
	}
	if p, n := origin.Partition, origin.Offset; p != nil && n != nil && origin.Topic != "" {
		d.OriginAt = message.At(*p, *n)
	}
}

// channelOf returns the flow's channel that a dead letter came from, -1 where
// it is none: one of those that ch takes the dead letters of, if any fits.
func (f *Flow) channelOf(o *deadletter.Origin, ch *Channel) int {
	fits := func(i int) bool {
		c := &f.Channels[i]
		switch {
		case o.Topic != "":
			return c.Topic == o.Topic || c.SNS == o.Topic
		case o.Queue != "" && c.Queue == o.Queue, o.Queue != "" && c.SQS == o.Queue:
			return true
		default:
			return o.Exchange != "" && c.Exchange == o.Exchange
		}
	}
	if i := slices.IndexFunc(ch.DeadLetters, fits); i >= 0 {
		return ch.DeadLetters[i]
	}
	for i := range f.Channels {
		if fits(i) {
			return i
		}
	}
	return -1
}

// lift finds the origin's payload in an envelope, as `original:` says.
func (in *intake) lift(ch *Channel, d *correlate.Detail) {
	if ch.intake.original == nil {
		return
	}
	v := in.eval(ch.intake.original)
	switch v.Kind() {
	case payload.Nil:
		d.Lifted = false
	case payload.String:
		d.Payloads = []uint64{xxhash.Sum64String(v.Text())}
		if raw, err := base64.StdEncoding.DecodeString(v.Text()); err == nil {
			d.Payloads = append(d.Payloads, xxhash.Sum64(raw))
		}
		if tree, err := payload.Decode([]byte(v.Text())); err == nil {
			d.Payloads = append(d.Payloads, treeHash(tree))
		}
	default:
		d.Payloads = []uint64{treeHash(v)}
	}
}

// treeHash is a hash of a value, whatever its spelling.
func treeHash(v payload.Value) uint64 {
	return nonZero(xxhash.Sum64(payload.AppendKey(nil, v)))
}

// deathField reads death, or a part of it. A part that the dialect does not
// carry cannot be known.
func (in *intake) deathField(ch *Channel, f expression.Field) payload.Value {
	if !in.dead {
		return payload.Value{}
	}
	v := in.deathRecord(ch)
	for _, e := range f.Path {
		v = v.Member(e.Name)
	}
	if v.IsNil() {
		return payload.Unknowable()
	}
	return v
}

// deathRecord is the record of a dead letter as expressions see it.
func (in *intake) deathRecord(ch *Channel) payload.Value {
	d := &in.death
	var origin, fault []payload.Member
	text := func(to *[]payload.Member, name, value string) {
		if value != "" {
			*to = append(*to, payload.Member{Name: name, Value: payload.OfString(value)})
		}
	}
	if at := in.flow.channelOf(&d.Origin, ch); at >= 0 {
		text(&origin, "channel", in.flow.Channels[at].Name)
	} else if len(ch.DeadLetters) == 1 && d.Origin.Topic == "" {
		text(&origin, "channel", in.flow.Channels[ch.DeadLetters[0]].Name)
	}
	text(&origin, "topic", d.Origin.Topic)
	text(&origin, "exchange", d.Origin.Exchange)
	text(&origin, "routingKey", d.Origin.RoutingKey)
	text(&origin, "queue", d.Origin.Queue)
	if d.Origin.Partition != nil {
		origin = append(origin, payload.Member{Name: "partition", Value: payload.OfInt(int64(*d.Origin.Partition))})
	}
	if d.Origin.Offset != nil {
		origin = append(origin, payload.Member{Name: "offset", Value: payload.OfInt(*d.Origin.Offset)})
		if d.Origin.Partition != nil {
			text(&origin, "position", message.At(*d.Origin.Partition, *d.Origin.Offset).String())
		}
	}
	text(&fault, "class", d.ErrorClass)
	text(&fault, "text", d.ErrorText)
	members := []payload.Member{
		{Name: "origin", Value: payload.OfObject(origin)},
		{Name: "error", Value: payload.OfObject(fault)},
	}
	text(&members, "reason", d.Reason)
	if d.Attempts != nil {
		members = append(members, payload.Member{Name: "attempts", Value: payload.OfInt(int64(*d.Attempts))})
	}
	if !d.At.IsZero() {
		members = append(members, payload.Member{Name: "at", Value: payload.OfTime(d.At.UTC())})
	}
	return payload.OfObject(members)
}

// unwrapped returns the message within an SNS envelope as if it had come
// alone; any other observation as it is.
func unwrapped(o *message.Observation) *message.Observation {
	env, ok := payload.UnwrapSNS(o.Payload)
	if !ok {
		return o
	}
	inner := *o
	inner.Payload, inner.Scan = env.Message, 0
	inner.Headers = append(slices.Clone(env.Headers), o.Headers...)
	return &inner
}
