package brokertest

import (
	"time"

	"github.com/flowcheck/flowcheck/message"
)

// headers: texts under names of their own arrive as they are, and nothing else.
func headers(r *rig) {
	want := []message.Header{
		{Name: "traceparent", Value: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
		{Name: "city", Value: "Grünstadt \"x\""},
		{Name: "n", Value: "42"},
	}
	m := texts(1)[0]
	m.Headers = want
	got := r.accepted(m).Headers
	if !r.s.Claims.RepeatedHeaders { // neither is the order claimed
		got, want = byName(got), byName(want)
	}
	if !sameHeaders(got, want) {
		r.Fatalf("headers: published %+v, seen %+v", want, got)
	}
}

// repeatedHeaders: order and repeats are kept, empty values too; or they are
// not: as claimed.
func repeatedHeaders(r *rig) {
	r.headersClaimed(r.s.Claims.RepeatedHeaders, "repeated headers", []message.Header{
		{Name: "z", Value: "1"},
		{Name: "a", Value: "2"},
		{Name: "z", Value: "3"},
		{Name: "a", Value: ""},
		{Name: "z", Value: "1"},
	})
}

// binaryHeaders: a value is any bytes, or it is not: as claimed.
func binaryHeaders(r *rig) {
	r.headersClaimed(r.s.Claims.BinaryHeaders, "binary headers", []message.Header{
		{Name: "raw", Value: "\x00\x01\xfe\xff"},
	})
}

// typedHeaders: all types of message.Header are kept, or they are not: as
// claimed.
func typedHeaders(r *rig) {
	at := time.Date(2026, 11, 22, 10, 0, 5, 0, time.UTC)
	r.headersClaimed(r.s.Claims.TypedHeaders, "typed headers", []message.Header{
		{Name: "float", Value: 2.5},
		{Name: "int", Value: int64(-1 << 40)},
		{Name: "list", Value: []any{"a", int64(2), []any{true}, map[string]any{"at": at}}},
		{Name: "no", Value: false},
		{Name: "nothing", Value: nil},
		{Name: "table", Value: map[string]any{"name": "x", "count": int64(3), "keys": []any{"k"}}},
		{Name: "text", Value: "t"},
		{Name: "time", Value: at},
		{Name: "yes", Value: true},
	})
}

// headersClaimed publishes headers and compares by the claim: what is claimed
// must arrive, what is not must be refused or not arrive.
func (r *rig) headersClaimed(claimed bool, what string, want []message.Header) {
	r.Helper()
	m := texts(1)[0]
	m.Headers = want
	o, refused := r.roundTrip(m)
	if refused != nil {
		if claimed {
			r.Fatalf("Publish refuses %s: %v", what, refused)
		}
		return
	}
	got := o.Headers
	if !r.s.Claims.RepeatedHeaders && what != "repeated headers" {
		got = byName(got)
	}
	if arrived := sameHeaders(got, want); arrived != claimed {
		r.Fatalf("%s: claimed %t, published %+v, seen %+v", what, claimed, want, got)
	}
}

// properties: the producer's properties arrive, or they do not: as claimed.
func properties(r *rig) {
	m := texts(1)[0]
	m.Properties = map[string]any{
		"message-id": "m-1", "correlation-id": "c-1", "content-type": "application/json", "type": "OrderPlaced", "app-id": "shop",
	}
	o, refused := r.roundTrip(m)
	if refused != nil {
		if r.s.Claims.Properties {
			r.Fatalf("Publish refuses properties: %v", refused)
		}
		return
	}
	for name, want := range m.Properties {
		if got := o.Properties[name]; (got == want) != r.s.Claims.Properties {
			r.Fatalf("property %s: claimed %t, published %v, seen %v", name, r.s.Claims.Properties, want, got)
		}
	}
}
