package brokertest_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/brokertest"
	"github.com/flowcheck/flowcheck/brokers/memory/memorytest"
	"github.com/flowcheck/flowcheck/message"
)

var bodyFlaws = map[string][]flaw{
	"payload": {
		{"trims", nil, changed(func(o *message.Observation) { o.Payload = bytes.TrimSpace(o.Payload) }), "payload: published"},
		{"adds a header", nil, changed(func(o *message.Observation) { o.Headers = []message.Header{{Name: "x", Value: "y"}} }), "published without headers"},
		{"publisher refuses", nil, refuses(func(brokers.Outgoing) bool { return true }), "Publish: not taken"},
	},
	"binary-body": {
		{"mends", nil, changed(func(o *message.Observation) { o.Payload = bytes.ToValidUTF8(o.Payload, []byte("?")) }), "payload: published"},
		{"not claimed, but carried", nil, claim(func(c *brokertest.Claims) { c.BinaryBody = false }), "binary bodies are not claimed"},
		{"claimed, but refused", memorytest.SNS, claim(func(c *brokertest.Claims) { c.BinaryBody = true }), "Publish refuses bytes"},
	},
	"empty-body": {
		{"nil instead", nil, changed(func(o *message.Observation) { o.Payload = nil }), `published "", seen nil`},
		{"not claimed, but carried", nil, claim(func(c *brokertest.Claims) { c.EmptyBody = false }), "empty bodies are not claimed"},
		{"claimed, but refused", memorytest.SQS, claim(func(c *brokertest.Claims) { c.EmptyBody = true }), "Publish refuses an empty body"},
	},
	"tombstone": {
		{"empty instead", nil, changed(func(o *message.Observation) { o.Payload = []byte{} }), `published nil, seen ""`},
		{"not claimed, but carried", nil, claim(func(c *brokertest.Claims) { c.Tombstones = false }), "tombstones are not claimed"},
		{"claimed, but a body", memorytest.Exchange, claim(func(c *brokertest.Claims) { c.Tombstones = true }), `published nil, seen ""`},
		{"claimed, but refused", memorytest.SNS, claim(func(c *brokertest.Claims) { c.Tombstones = true }), "Publish refuses a tombstone"},
	},
	"large": {
		{"cut off", nil, changed(func(o *message.Observation) { o.Payload = o.Payload[:100_000] }), "payload: published"},
		{"claims more than there is", nil, claim(func(c *brokertest.Claims) { c.MaxMessage *= 2 }), "message too large"},
		{"claims no limit", nil, claim(func(c *brokertest.Claims) { c.MaxMessage = 0 }), "message too large"},
	},
	"too-large": {
		{"claims less than there is", nil, claim(func(c *brokertest.Claims) { c.MaxMessage /= 2 }), "want ErrTooLarge"},
		{"another error", nil, hides(brokers.ErrTooLarge), "want ErrTooLarge"},
		{"dies of it", nil, diesOfError, "after the error"},
	},
}

var keyFlaws = map[string][]flaw{
	"key": {
		{"dropped", nil, changed(func(o *message.Observation) { o.Key = nil }), "key: published"},
		{"refused", nil, refuses(func(m brokers.Outgoing) bool { return m.Key != nil }), "Publish refuses a key"},
		{"not claimed, but carried", nil, claim(func(c *brokertest.Claims) { c.Keys = false }), "keys are not claimed"},
		{"claimed, but refused", memorytest.Exchange, claim(func(c *brokertest.Claims) { c.Keys = true }), "Publish refuses a key"},
	},
	"nil-key": {
		{"nil becomes empty", nil, changed(func(o *message.Observation) { o.Key = append([]byte{}, o.Key...) }), `published nil, seen ""`},
		{"empty becomes nil", nil, changed(func(o *message.Observation) { o.Key = append([]byte(nil), o.Key...) }), `published "", seen nil`},
		{"refused", nil, refuses(func(m brokers.Outgoing) bool { return m.Key != nil }), "Publish refuses an empty key"},
		{"not claimed, but they differ", nil, claim(func(c *brokertest.Claims) { c.NilKey = false }), "it is not claimed"},
		{"no keys claimed, but some", nil, func(s *brokertest.Subject, w works) {
			s.Claims.Keys, s.Claims.NilKey = false, false
			changed(func(o *message.Observation) { o.Key = []byte{} })(s, w)
		}, `published nil, seen ""`},
	},
}

// onHeaders is an event fault on the headers.
func onHeaders(change func([]message.Header) []message.Header) func(*brokertest.Subject, works) {
	return changed(func(o *message.Observation) { o.Headers = change(slices.Clone(o.Headers)) })
}

// asTexts makes every value a text.
func asTexts(all []message.Header) []message.Header {
	for i := range all {
		all[i].Value = fmt.Sprint(all[i].Value)
	}
	return all
}

// onceEach keeps the last of each name.
func onceEach(all []message.Header) []message.Header {
	return slices.DeleteFunc(all, func(h message.Header) bool {
		m := message.Message{Headers: all}
		last, _ := m.Header(h.Name)
		return last != h.Value
	})
}

var headerFlaws = map[string][]flaw{
	"headers": {
		{"one is dropped", nil, onHeaders(func(all []message.Header) []message.Header { return all[1:] }), "headers: published"},
		{"one is dropped from a table", memorytest.Exchange, onHeaders(func(all []message.Header) []message.Header { return all[1:] }), "headers: published"},
		{"one is added", nil, onHeaders(func(all []message.Header) []message.Header { return append(all, message.Header{Name: "x", Value: "y"}) }), "headers: published"},
		{"order is lost", nil, onHeaders(func(all []message.Header) []message.Header {
			slices.Reverse(all)
			return all
		}), "headers: published"},
		{"a value is bytes", memorytest.SNS, onHeaders(func(all []message.Header) []message.Header {
			all[0].Value = []byte(all[0].Value.(string))
			return all
		}), "headers: published"},
	},
	"repeated-headers": {
		{"last wins", nil, onHeaders(onceEach), "repeated headers: claimed true"},
		{"empty values are dropped", nil, onHeaders(func(all []message.Header) []message.Header {
			return slices.DeleteFunc(all, func(h message.Header) bool { return h.Value == "" })
		}), "repeated headers: claimed true"},
		{"not claimed, but kept", nil, claim(func(c *brokertest.Claims) { c.RepeatedHeaders = false }), "repeated headers: claimed false"},
		{"claimed, but refused", memorytest.Exchange, claim(func(c *brokertest.Claims) { c.RepeatedHeaders = true }), "Publish refuses repeated headers"},
	},
	"binary-headers": {
		{"mended", nil, onHeaders(func(all []message.Header) []message.Header {
			return []message.Header{{Name: "raw", Value: "??"}}
		}), "binary headers: claimed true"},
		{"refused", memorytest.SQS, refuses(func(m brokers.Outgoing) bool { return len(m.Headers) > 0 }), "Publish refuses binary headers"},
		{"not claimed, but kept", memorytest.SQS, claim(func(c *brokertest.Claims) { c.BinaryHeaders = false }), "binary headers: claimed false"},
	},
	"typed-headers": {
		{"become texts", memorytest.Exchange, onHeaders(asTexts), "typed headers: claimed true"},
		{"not claimed, but kept", memorytest.Queue, claim(func(c *brokertest.Claims) { c.TypedHeaders = false }), "typed headers: claimed false"},
		{"claimed, but refused", nil, claim(func(c *brokertest.Claims) { c.TypedHeaders = true }), "Publish refuses typed headers"},
	},
	"properties": {
		{"one is dropped", memorytest.Exchange, changed(func(o *message.Observation) { delete(o.Properties, "app-id") }), "property app-id: claimed true"},
		{"refused", memorytest.Exchange, refuses(func(m brokers.Outgoing) bool { return m.Properties != nil }), "Publish refuses properties"},
		{"not claimed, but kept", memorytest.Exchange, claim(func(c *brokertest.Claims) { c.Properties = false }), "claimed false"},
		{"claimed, but not kept", nil, claim(func(c *brokertest.Claims) { c.Properties = true }), "claimed true"},
	},
}

// swaps holds back the nth event and sends it after the next one.
func swaps(n int) func(*brokertest.Subject, works) {
	return func(s *brokertest.Subject, _ works) {
		count := 0
		var held message.Event
		breakIt(s, faults{event: func(e message.Event, send func(message.Event)) {
			count++
			switch count {
			case n:
				held = e
			case n + 1:
				send(e)
				send(held)
			default:
				send(e)
			}
		}})
	}
}

// ignoresPartition publishes where the key leads, if the partition is one of
// those.
func ignoresPartition(which func(int32) bool) func(*brokertest.Subject, works) {
	return with(faults{publish: func(ctx context.Context, ch brokers.Channel, m brokers.Outgoing, next publishFunc) (brokers.Receipt, error) {
		if m.Partition != nil && which(*m.Partition) {
			m.Partition = nil
		}
		return next(ctx, ch, m)
	}})
}

var orderFlaws = map[string][]flaw{
	"order": {
		{"swaps two", nil, swaps(10), "number 9 was published as"},
		{"swaps two of a queue", memorytest.Queue, swaps(50), "number 49 was published as"},
		{"loses one", nil, nth(50, loses), "99 of 100 messages came"},
		{"not claimed, but positions order", nil, claim(func(c *brokertest.Claims) { c.Ordered = false }), "order is not claimed"},
		{"publisher fails", nil, refuses(func(brokers.Outgoing) bool { return true }), "Publish: not taken"},
	},
	"positions": {
		{"another kind than claimed", nil, claim(func(c *brokertest.Claims) { c.Positions = message.Sequence }), "claimed is"},
		{"none", nil, changed(func(o *message.Observation) { o.Position = message.Position{} }), "claimed is"},
		{"one for all", memorytest.SNS, changed(func(o *message.Observation) { o.Position.ID = "x" }), "two messages have it"},
		{"empty", memorytest.SNS, changed(func(o *message.Observation) { o.Position.ID = "" }), "is empty"},
		{"fall", memorytest.Exchange, changed(func(o *message.Observation) { o.Position.Offset = 100 - o.Position.Offset }), "positions go from"},
		{"one twice", nil, changed(func(o *message.Observation) { o.Position.Offset /= 2 }), "two messages have it"},
	},
	"partitions": {
		{"ignored", nil, ignoresPartition(func(int32) bool { return true }), "claimed: true, obeyed: false"},
		{"not claimed, but obeyed", nil, claim(func(c *brokertest.Claims) { c.Partitions = false }), "claimed: false, obeyed: true"},
		{"claimed, but refused", memorytest.Exchange, claim(func(c *brokertest.Claims) { c.Partitions = true }), "Publish to partition 2"},
		{"one that is not there", nil, ignoresPartition(func(n int32) bool { return n == 99 }), "accepts partition 99"},
	},
	"channels": {
		{"one name for all", nil, changed(func(o *message.Observation) { o.Channel = "alpha" }), "published to beta, seen on"},
		{"the second is not read", nil, with(faults{event: func(e message.Event, send func(message.Event)) {
			if e.Observation.Channel != "beta" {
				send(e)
			}
		}}), "5 of 10 messages came"},
	},
}
