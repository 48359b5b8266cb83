package brokertest

import "github.com/flowcheck/flowcheck/message"

// key: a key of any bytes arrives, or none does.
func key(r *rig) {
	want := []byte("k-1\x00\xff")
	m := texts(1)[0]
	m.Key = want
	o, refused := r.roundTrip(m)
	switch {
	case r.s.Claims.Keys && refused != nil:
		r.Fatalf("Publish refuses a key: %v", refused)
	case r.s.Claims.Keys:
		r.sameBytes("key", o.Key, want)
	case refused == nil && o.Key != nil:
		r.Fatalf("keys are not claimed, but %s was seen", show(o.Key))
	}
}

// nilKey: no key and an empty key differ, or they do not: as claimed.
func nilKey(r *rig) {
	none := r.accepted(texts(1)[0])
	if r.s.Claims.NilKey || !r.s.Claims.Keys {
		r.sameBytes("key", none.Key, nil)
	}
	m := texts(1)[0]
	m.Key = []byte{}
	empty, refused := r.roundTrip(m)
	switch {
	case r.s.Claims.NilKey && refused != nil:
		r.Fatalf("Publish refuses an empty key: %v", refused)
	case r.s.Claims.NilKey:
		r.sameBytes("key", empty.Key, []byte{})
	case refused == nil && differ(none, empty):
		r.Fatalf("it is not claimed that no key and an empty key differ, but %s and %s were seen", show(none.Key), show(empty.Key))
	}
}

// differ reports whether one key is nil and the other is not.
func differ(a, b message.Observation) bool { return (a.Key == nil) != (b.Key == nil) }
