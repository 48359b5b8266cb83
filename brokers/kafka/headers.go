package kafka

import (
	"fmt"
	"strconv"
	"time"

	"github.com/flowcheck/flowcheck/message"
)

// headerBytes spells a header's value. Kafka knows bytes and nil; numbers,
// booleans and times become the text that expressions read them as.
func headerBytes(h message.Header) ([]byte, error) {
	switch v := h.Value.(type) {
	case nil:
		return nil, nil
	case string:
		return []byte(v), nil
	case int64:
		return strconv.AppendInt(nil, v, 10), nil
	case float64:
		return strconv.AppendFloat(nil, v, 'g', -1, 64), nil
	case bool:
		return strconv.AppendBool(nil, v), nil
	case time.Time:
		return v.AppendFormat(nil, time.RFC3339Nano), nil
	default:
		return nil, fmt.Errorf("header %s: a kafka header is text or bytes, not %T", h.Name, v)
	}
}
