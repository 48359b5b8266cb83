package rabbitmq

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/message"
)

// The properties of an observation, by RabbitMQ's names.
const (
	propMessageID       = "message-id"
	propCorrelationID   = "correlation-id"
	propContentType     = "content-type"
	propContentEncoding = "content-encoding"
	propReplyTo         = "reply-to"
	propExpiration      = "expiration"
	propPriority        = "priority"
	propDeliveryMode    = "delivery-mode"
	propType            = "type"
	propUserID          = "user-id"
	propAppID           = "app-id"
	propTimestamp       = "timestamp"
	propExchange        = "exchange"
	propRoutingKey      = "routing-key"
)

// decode is the message in a delivery. AMQP has no keys and no tombstones: an
// empty body is empty.
func decode(d *amqp091.Delivery) message.Message {
	payload := d.Body
	if payload == nil {
		payload = []byte{}
	}
	return message.Message{Headers: decodeHeaders(d.Headers), Properties: decodeProperties(d), Payload: payload}
}

// decodeProperties gives the properties that are set. AMQP as the library reads
// it does not tell a priority of 0 from none.
func decodeProperties(d *amqp091.Delivery) map[string]any {
	p := map[string]any{propExchange: d.Exchange, propRoutingKey: d.RoutingKey}
	for name, value := range map[string]string{
		propMessageID:       d.MessageId,
		propCorrelationID:   d.CorrelationId,
		propContentType:     d.ContentType,
		propContentEncoding: d.ContentEncoding,
		propReplyTo:         d.ReplyTo,
		propExpiration:      d.Expiration,
		propType:            d.Type,
		propUserID:          d.UserId,
		propAppID:           d.AppId,
	} {
		if value != "" {
			p[name] = value
		}
	}
	if d.Priority != 0 {
		p[propPriority] = int64(d.Priority)
	}
	if d.DeliveryMode != 0 {
		p[propDeliveryMode] = int64(d.DeliveryMode)
	}
	if !d.Timestamp.IsZero() {
		p[propTimestamp] = d.Timestamp.UTC()
	}
	return p
}

// decodeHeaders sorts by name: the library reads the table into a map.
func decodeHeaders(t amqp091.Table) []message.Header {
	if len(t) == 0 {
		return nil
	}
	headers := make([]message.Header, 0, len(t))
	for _, name := range slices.Sorted(maps.Keys(t)) {
		headers = append(headers, message.Header{Name: name, Value: decodeValue(t[name])})
	}
	return headers
}

// decodeValue turns a field of AMQP 0-9-1 (and RabbitMQ's additions) into one of
// the types that message.Header names. The library bounds the nesting.
func decodeValue(v any) any {
	switch v := v.(type) {
	case nil, string, bool, int64, float64:
		return v
	case []byte:
		return string(v)
	case time.Time:
		return v.UTC()
	case float32:
		return float64(v)
	case amqp091.Decimal:
		return decimal(v)
	case amqp091.Table:
		m := make(map[string]any, len(v))
		for name, field := range v {
			m[name] = decodeValue(field)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, field := range v {
			list[i] = decodeValue(field)
		}
		return list
	}
	return integer(v)
}

func integer(v any) any {
	switch v := v.(type) {
	case int8:
		return int64(v)
	case byte:
		return int64(v)
	case int16:
		return int64(v)
	case uint16:
		return int64(v)
	case int32:
		return int64(v)
	case uint32:
		return int64(v)
	case int:
		return int64(v)
	}
	return nil
}

// decimal is value / 10^scale.
func decimal(d amqp091.Decimal) float64 {
	return float64(d.Value) / math.Pow10(int(d.Scale))
}
