package brokertest

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/message"
)

// describe shows an observation in a failure.
func describe(o message.Observation) string {
	payload := o.Payload
	if len(payload) > 200 {
		payload = payload[:200]
	}
	return fmt.Sprintf("%s at %s: %q", o.Channel, o.Position, payload)
}

// same fails if the payloads seen are not those published, each once. Order is
// not looked at.
func (r *rig) same(got []message.Observation, want []message.Message) {
	r.Helper()
	count := map[string]int{}
	for _, m := range want {
		count[string(m.Payload)]++
	}
	for _, o := range got {
		count[string(o.Payload)]--
	}
	lost := 0
	for _, n := range count {
		lost += max(n, 0)
	}
	for payload, n := range count {
		switch {
		case n > 0:
			r.Fatalf("lost: %d of %d messages, among them %q", lost, len(want), payload)
		case n < 0 && lost == 0:
			r.Fatalf("seen %d times more than published: %q", -n, payload)
		}
	}
}

// sameBytes fails if the bytes differ; nil and empty differ, too.
func (r *rig) sameBytes(what string, got, want []byte) {
	r.Helper()
	if !bytes.Equal(got, want) || (got == nil) != (want == nil) {
		r.Fatalf("%s: published %s, seen %s", what, show(want), show(got))
	}
}

// show spells bytes so that nil and empty differ.
func show(b []byte) string {
	if b == nil {
		return "nil"
	}
	if len(b) > 100 {
		return fmt.Sprintf("%q… (%d bytes)", b[:100], len(b))
	}
	return fmt.Sprintf("%q", b)
}

// sameHeaders reports whether headers are equal, with times compared as times.
func sameHeaders(a, b []message.Header) bool {
	return slices.EqualFunc(a, b, func(x, y message.Header) bool {
		return x.Name == y.Name && sameValue(x.Value, y.Value)
	})
}

// sameValue compares two header values.
func sameValue(a, b any) bool {
	ta, okA := a.(time.Time)
	tb, okB := b.(time.Time)
	if okA && okB {
		return ta.Equal(tb)
	}
	return reflect.DeepEqual(a, b)
}

// byName sorts headers for a broker that keeps no order.
func byName(headers []message.Header) []message.Header {
	headers = slices.Clone(headers)
	slices.SortStableFunc(headers, func(a, b message.Header) int { return strings.Compare(a.Name, b.Name) })
	return headers
}
