package brokertest

import (
	"bytes"
	"errors"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// roundTrip publishes one message and returns what a tap sees of it; refused is
// what Publish said where it did not take it.
func (r *rig) roundTrip(m message.Message) (o message.Observation, refused error) {
	r.Helper()
	ch := r.channel("orders")
	w := r.arm(r.tapper(), ch)
	if _, err := r.publisher().Publish(r.ctx(), ch, brokers.Outgoing{Message: m}); err != nil {
		return o, err
	}
	return w.exactly(1)[0], nil
}

// accepted is roundTrip where a refusal is a failure.
func (r *rig) accepted(m message.Message) message.Observation {
	r.Helper()
	o, refused := r.roundTrip(m)
	if refused != nil {
		r.Fatalf("Publish: %v", refused)
	}
	return o
}

// payload: a text arrives byte for byte, and with nothing beside it.
func payload(r *rig) {
	text := []byte("{ \"n\": 12345678901234567890.50 ,\r\n\t\"s\":\"grün \u2028 <&>\" }\n")
	o := r.accepted(message.Message{Payload: text})
	r.sameBytes("payload", o.Payload, text)
	if len(o.Headers) > 0 {
		r.Fatalf("published without headers, seen with %+v", o.Headers)
	}
}

// binaryBody: any bytes arrive, or are refused.
func binaryBody(r *rig) {
	var all []byte
	for b := range 256 {
		all = append(all, byte(b))
	}
	o, refused := r.roundTrip(message.Message{Payload: all})
	switch {
	case r.s.Claims.BinaryBody && refused != nil:
		r.Fatalf("Publish refuses bytes: %v", refused)
	case r.s.Claims.BinaryBody:
		r.sameBytes("payload", o.Payload, all)
	case refused == nil:
		r.Fatalf("binary bodies are not claimed: Publish must refuse one, but it was seen as %s", show(o.Payload))
	}
}

// emptyBody: an empty payload arrives as empty and not as nil, or is refused.
func emptyBody(r *rig) {
	o, refused := r.roundTrip(message.Message{Payload: []byte{}, Key: r.anyKey()})
	switch {
	case r.s.Claims.EmptyBody && refused != nil:
		r.Fatalf("Publish refuses an empty body: %v", refused)
	case r.s.Claims.EmptyBody:
		r.sameBytes("payload", o.Payload, []byte{})
	case refused == nil:
		r.Fatalf("empty bodies are not claimed: Publish must refuse one, but it was seen as %s", show(o.Payload))
	}
}

// tombstone: a nil payload arrives as nil, or as a body, or is refused: as
// claimed.
func tombstone(r *rig) {
	o, refused := r.roundTrip(message.Message{Payload: nil, Key: r.anyKey()})
	switch {
	case r.s.Claims.Tombstones && refused != nil:
		r.Fatalf("Publish refuses a tombstone: %v", refused)
	case r.s.Claims.Tombstones:
		r.sameBytes("payload", o.Payload, nil)
	case refused == nil && o.Payload == nil:
		r.Fatalf("tombstones are not claimed, but a nil payload was seen")
	}
}

// anyKey is a key where there are keys: a compacted topic wants one.
func (r *rig) anyKey() []byte {
	if r.s.Claims.Keys {
		return []byte("k-1")
	}
	return nil
}

// large: the largest body that is claimed passes whole.
func large(r *rig) {
	size := r.s.Claims.MaxMessage
	if size == 0 {
		size = 8 << 20
	}
	body := letters(size)
	r.sameBytes("payload", r.accepted(message.Message{Payload: body}).Payload, body)
}

// tooLarge: twice as much as claimed is ErrTooLarge, and the publisher goes on
// working.
func tooLarge(r *rig) {
	ch := r.channel("orders")
	w := r.arm(r.tapper(), ch)
	p := r.publisher()
	_, err := p.Publish(r.ctx(), ch, brokers.Outgoing{Message: message.Message{Payload: letters(2 * r.s.Claims.MaxMessage)}})
	if !errors.Is(err, brokers.ErrTooLarge) {
		r.Fatalf("want ErrTooLarge for %d bytes, got: %v", 2*r.s.Claims.MaxMessage, err)
	}
	all := texts(1)
	r.publish(p, ch, all...)
	r.same(w.exactly(1), all)
}

// letters makes a text of n bytes that repeats only slowly.
func letters(n int) []byte {
	line := []byte("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_/+.")
	return bytes.Repeat(line, n/len(line)+1)[:n]
}
