package rabbitmq

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// maxDepth is how deep headers may nest: the library cannot read deeper ones.
const maxDepth = 32

// encode makes a publishing. It is persistent unless its properties say
// otherwise. The key of a message means nothing on AMQP.
func encode(m message.Message) (amqp091.Publishing, error) {
	p := amqp091.Publishing{DeliveryMode: amqp091.Persistent, Body: m.Payload}
	for _, name := range slices.Sorted(maps.Keys(m.Properties)) {
		if err := setProperty(&p, name, m.Properties[name]); err != nil {
			return p, fmt.Errorf("property %s: %w", name, err)
		}
	}
	if strings.Trim(p.Expiration, "0123456789") != "" {
		return p, fmt.Errorf("property %s: %q is no number of milliseconds", propExpiration, p.Expiration)
	}
	if len(m.Headers) == 0 {
		return p, nil
	}
	p.Headers = make(amqp091.Table, len(m.Headers))
	for _, h := range m.Headers {
		if _, twice := p.Headers[h.Name]; twice {
			return p, fmt.Errorf("header %s: given twice, AMQP carries one of a name", h.Name)
		}
		if len(h.Name) > maxName {
			return p, fmt.Errorf("header %.20s…: the name has %d bytes, AMQP carries %d", h.Name, len(h.Name), maxName)
		}
		value, err := encodeValue(h.Value, 1)
		if err != nil {
			return p, fmt.Errorf("header %s: %w", h.Name, err)
		}
		p.Headers[h.Name] = value
	}
	return p, nil
}

func setProperty(p *amqp091.Publishing, name string, value any) error {
	texts := map[string]*string{
		propMessageID:       &p.MessageId,
		propCorrelationID:   &p.CorrelationId,
		propContentType:     &p.ContentType,
		propContentEncoding: &p.ContentEncoding,
		propReplyTo:         &p.ReplyTo,
		propExpiration:      &p.Expiration,
		propType:            &p.Type,
		propUserID:          &p.UserId,
		propAppID:           &p.AppId,
	}
	if target, ok := texts[name]; ok {
		return setText(target, value)
	}
	switch name {
	case propPriority:
		return setByte(&p.Priority, value)
	case propDeliveryMode:
		return setByte(&p.DeliveryMode, value)
	case propTimestamp:
		return setTime(&p.Timestamp, value)
	case propExchange, propRoutingKey:
		return nil // the address, not the message
	}
	return fmt.Errorf("unknown on AMQP: %s", "message-id, correlation-id, content-type, content-encoding, reply-to, expiration, "+
		"priority, delivery-mode, type, user-id, app-id, timestamp and routing-key are known")
}

func setText(target *string, value any) error {
	switch v := value.(type) {
	case string:
		*target = v
	case int64:
		*target = strconv.FormatInt(v, 10)
	case int:
		*target = strconv.Itoa(v)
	case nil:
	default:
		return fmt.Errorf("is a text, not %T", value)
	}
	if len(*target) > maxName {
		return fmt.Errorf("has %d bytes, AMQP carries %d", len(*target), maxName)
	}
	return nil
}

func setByte(target *uint8, value any) error {
	n := float64(-1)
	switch v := value.(type) {
	case int64:
		n = float64(v)
	case int:
		n = float64(v)
	case float64:
		n = v
	case nil:
		return nil
	}
	if n < 0 || n > math.MaxUint8 || n != math.Trunc(n) {
		return fmt.Errorf("is a number from 0 to 255, not %v", value)
	}
	*target = uint8(n)
	return nil
}

func setTime(target *time.Time, value any) (err error) {
	switch v := value.(type) {
	case time.Time:
		*target = v
	case int64:
		*target = time.Unix(v, 0)
	case int:
		*target = time.Unix(int64(v), 0)
	case string:
		*target, err = time.Parse(time.RFC3339Nano, v)
	case nil:
	default:
		err = fmt.Errorf("is a time, not %T", value)
	}
	return err
}

// encodeValue turns what message.Header allows into a field. Text goes as a long
// string, which holds any bytes.
func encodeValue(v any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested more than %d deep", maxDepth)
	}
	switch v := v.(type) {
	case nil, string, bool, int64, float64, time.Time:
		return v, nil
	case int:
		return int64(v), nil
	case map[string]any:
		return encodeTable(v, depth)
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			value, err := encodeValue(item, depth+1)
			if err != nil {
				return nil, err
			}
			list[i] = value
		}
		return list, nil
	}
	return nil, fmt.Errorf("AMQP has no field of type %T", v)
}

func encodeTable(m map[string]any, depth int) (amqp091.Table, error) {
	table := make(amqp091.Table, len(m))
	for name, item := range m {
		if len(name) > maxName {
			return nil, fmt.Errorf("the name %.20q… has %d bytes, AMQP carries %d", name, len(name), maxName)
		}
		value, err := encodeValue(item, depth+1)
		if err != nil {
			return nil, err
		}
		table[name] = value
	}
	return table, nil
}

// frameOverhead is what a content header frame has beside the headers, at most:
// the frame, the class, sizes and flags, and nine short strings.
const frameOverhead = 64 + 9*(maxName+1)

// checkFrame refuses headers that do not fit a frame: the broker would close the
// connection on them, and lose what others are publishing.
func checkFrame(p amqp091.Publishing, frame int) error {
	if size := fieldSize(p.Headers) + frameOverhead; frame > 0 && size > frame {
		return fmt.Errorf("%w: the headers need %d bytes, the broker takes %d in a frame", brokers.ErrTooLarge, size, frame)
	}
	return nil
}

// fieldSize is the size of an encoded field, its type included.
func fieldSize(v any) int {
	switch v := v.(type) {
	case nil:
		return 1
	case bool:
		return 2
	case string:
		return 5 + len(v)
	case amqp091.Table:
		size := 5
		for name, field := range v {
			size += 1 + len(name) + fieldSize(field)
		}
		return size
	case []any:
		size := 5
		for _, field := range v {
			size += fieldSize(field)
		}
		return size
	}
	return 9
}
