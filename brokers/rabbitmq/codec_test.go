package rabbitmq

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"pgregory.net/rapid"

	"github.com/flowcheck/flowcheck/message"
)

func TestDecodeValue(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.FixedZone("", 3600))
	for _, c := range []struct{ in, want any }{
		{nil, nil},
		{true, true},
		{"s", "s"},
		{"\xff\x00", "\xff\x00"},
		{[]byte{0, 255}, "\x00\xff"},
		{int8(-1), int64(-1)},
		{byte(255), int64(255)},
		{int16(-2), int64(-2)},
		{uint16(65535), int64(65535)},
		{int32(-3), int64(-3)},
		{uint32(math.MaxUint32), int64(math.MaxUint32)},
		{int64(math.MinInt64), int64(math.MinInt64)},
		{7, int64(7)},
		{float32(0.5), 0.5},
		{0.1, 0.1},
		{amqp091.Decimal{Scale: 2, Value: 12345}, 123.45},
		{amqp091.Decimal{Scale: 255, Value: -1}, -1e-255},
		{at, at.UTC()},
		{amqp091.Table{"a": int32(1), "b": amqp091.Table{}}, map[string]any{"a": int64(1), "b": map[string]any{}}},
		{[]any{int16(1), amqp091.Table{"x": nil}, []any{}}, []any{int64(1), map[string]any{"x": nil}, []any{}}},
		{struct{}{}, nil},
	} {
		if got := decodeValue(c.in); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%#v became %#v, want %#v", c.in, got, c.want)
		}
	}
}

// value makes what message.Header allows, with times of whole seconds.
func value(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kinds := 6
		if depth > 0 {
			kinds = 8
		}
		switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
		case 0:
			return nil
		case 1:
			return rapid.Bool().Draw(t, "bool")
		case 2:
			return rapid.Int64().Draw(t, "int")
		case 3:
			return rapid.Float64Range(-1e300, 1e300).Draw(t, "float")
		case 4:
			return string(rapid.SliceOf(rapid.Byte()).Draw(t, "text"))
		case 5:
			return time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "time"), 0).UTC()
		case 6:
			return append([]any{}, rapid.SliceOfN(value(depth-1), 0, 4).Draw(t, "list")...)
		}
		return map[string]any(rapid.MapOfN(rapid.String(), value(depth-1), 0, 4).Draw(t, "table"))
	})
}

// TestHeadersRoundTrip: what is encoded is decoded to the same.
func TestHeadersRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var headers []message.Header
		for i, v := range rapid.SliceOfN(value(3), 0, 5).Draw(t, "headers") {
			headers = append(headers, message.Header{Name: fmt.Sprint("h", i), Value: v})
		}
		p, err := encode(message.Message{Headers: headers})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Headers.Validate(); err != nil {
			t.Fatal(err)
		}
		if got := decodeHeaders(p.Headers); !reflect.DeepEqual(got, headers) {
			t.Fatalf("%#v became %#v", headers, got)
		}
	})
}

func TestPropertiesRoundTrip(t *testing.T) {
	properties := map[string]any{
		"message-id": "m", "correlation-id": "c", "content-type": "a/b", "content-encoding": "gzip", "reply-to": "r", "expiration": "1000",
		"priority": int64(9), "delivery-mode": int64(1), "type": "t", "user-id": "guest", "app-id": "a", "timestamp": time.Unix(1700000000, 0).UTC(),
	}
	p, err := encode(message.Message{Properties: properties})
	if err != nil {
		t.Fatal(err)
	}
	d := amqp091.Delivery{
		Exchange: "x", RoutingKey: "k",
		ContentType: p.ContentType, ContentEncoding: p.ContentEncoding, DeliveryMode: p.DeliveryMode, Priority: p.Priority,
		CorrelationId: p.CorrelationId, ReplyTo: p.ReplyTo, Expiration: p.Expiration, MessageId: p.MessageId, Timestamp: p.Timestamp,
		Type: p.Type, UserId: p.UserId, AppId: p.AppId,
	}
	properties["exchange"], properties["routing-key"] = "x", "k"
	m := decode(&d)
	if !reflect.DeepEqual(m.Properties, properties) {
		t.Fatalf("%v became %v", properties, m.Properties)
	}
	if m.Payload == nil || m.Headers != nil {
		t.Fatalf("no body and no headers became %#v", m)
	}
	if again, err := encode(m); err != nil || again.MessageId != "m" {
		t.Fatalf("what was seen cannot be published: %v", err)
	}
}

// TestPropertiesFromAFlowFile are typed as a flow file types them.
func TestPropertiesFromAFlowFile(t *testing.T) {
	p, err := encode(message.Message{Properties: map[string]any{"priority": 3.0, "expiration": int64(500), "timestamp": "2026-11-22T10:00:00Z", "reply-to": nil}})
	if err != nil || p.Priority != 3 || p.Expiration != "500" || p.Timestamp.Unix() != 1795341600 || p.DeliveryMode != amqp091.Persistent {
		t.Fatalf("%+v, %v", p, err)
	}
	for name, bad := range map[string]any{"priority": 1.5, "delivery-mode": "two", "timestamp": "yesterday", "type": true, "x-own": "v"} {
		if _, err := encode(message.Message{Properties: map[string]any{name: bad}}); err == nil || !strings.Contains(err.Error(), "property "+name) {
			t.Errorf("%s: %v says %v", name, bad, err)
		}
	}
}

func TestDeepHeadersAreRefused(t *testing.T) {
	var v any = "core"
	for range 40 {
		v = []any{v}
	}
	if _, err := encode(message.Message{Headers: []message.Header{{Name: "deep", Value: v}}}); err == nil || !strings.Contains(err.Error(), "header deep") {
		t.Fatalf("encode says %v", err)
	}
	if _, err := encode(message.Message{Headers: []message.Header{{Name: "h", Value: struct{}{}}}}); err == nil || !strings.Contains(err.Error(), "struct") {
		t.Fatalf("encode says %v", err)
	}
}

// TestFieldSize is what the library writes.
func TestFieldSize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		encoded, err := encodeValue(value(3).Draw(t, "value"), 1)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := fieldSize(encoded), len(written(encoded)); got != want {
			t.Fatalf("%#v: %d bytes, the library writes %d", encoded, got, want)
		}
	})
}

// written spells a field as AMQP does, independently of the library.
func written(v any) []byte {
	var b bytes.Buffer
	switch v := v.(type) {
	case nil:
		return []byte{'V'}
	case bool:
		return []byte{'t', 0}
	case string:
		b.WriteByte('S')
		b.Write(make([]byte, 4))
		b.WriteString(v)
	case amqp091.Table:
		b.WriteByte('F')
		b.Write(make([]byte, 4))
		for name, field := range v {
			b.WriteByte(0)
			b.WriteString(name)
			b.Write(written(field))
		}
	case []any:
		b.WriteByte('A')
		b.Write(make([]byte, 4))
		for _, field := range v {
			b.Write(written(field))
		}
	default: // 64 bits
		b.Write(make([]byte, 9))
	}
	return b.Bytes()
}

func FuzzUntrace(f *testing.F) {
	f.Add("x", "k", int64(300), "q")
	f.Fuzz(func(t *testing.T, exchange, key string, n int64, queue string) {
		for _, v := range []any{exchange, n, nil, []any{key, n}, amqp091.Table{"headers": amqp091.Table{key: n}, "priority": n, "timestamp": n, "type": n}} {
			d := amqp091.Delivery{Headers: amqp091.Table{"exchange_name": v, "routing_keys": v, "properties": v, "routed_queues": v}}
			for _, tr := range []trace{{queue: queue}, {exchange: exchange, keys: []string{key}}} {
				original, _ := tr.untrace(&d)
				decode(&original)
			}
		}
	})
}
