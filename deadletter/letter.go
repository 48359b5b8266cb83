package deadletter

import (
	"encoding/binary"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/message"
)

// letter is a message under examination.
type letter struct {
	headers    []message.Header
	properties map[string]any
	body       []byte
}

// first returns the first header called name: of those that are appended, the
// oldest. nil is none.
func (l letter) first(name string) any {
	for i := range l.headers {
		if l.headers[i].Name == name {
			return l.headers[i].Value
		}
	}
	return nil
}

// last returns the last header called name.
func (l letter) last(name string) any {
	for i := len(l.headers) - 1; i >= 0; i-- {
		if l.headers[i].Name == name {
			return l.headers[i].Value
		}
	}
	return nil
}

// has reports whether there is a header called name.
func (l letter) has(name string) bool {
	for i := range l.headers {
		if l.headers[i].Name == name {
			return true
		}
	}
	return false
}

// text is the last header called name; "" where that is no text.
func (l letter) text(name string) string { return text(l.last(name)) }

// oldest is where an origin's headers say that the message came from, given
// their common prefix.
func (l letter) oldest(prefix string) Origin {
	return Origin{
		Topic:     text(l.first(prefix + "topic")),
		Partition: partition(l.first(prefix + "partition")),
		Offset:    offset(l.first(prefix + "offset")),
	}
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	default:
		return ""
	}
}

// number reads an integer in any of the forms that frameworks write: AMQP's
// own, decimal text, or 1, 2, 4 or 8 bytes, big-endian. Bytes that are all
// digits are text: as an integer they would be beyond any count or partition.
func number(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case float64:
		return int64(v), v == math.Trunc(v) && math.Abs(v) < 1<<53
	case string:
		if isDecimal(v) {
			n, err := strconv.ParseInt(v, 10, 64)
			return n, err == nil
		}
		return bigEndian(v)
	default:
		return 0, false
	}
}

func isDecimal(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	for i := range len(digits) {
		if digits[i]-'0' > 9 {
			return false
		}
	}
	return digits != ""
}

func bigEndian(s string) (int64, bool) {
	switch b := []byte(s); len(b) {
	case 1:
		return int64(int8(b[0])), true
	case 2:
		return int64(int16(binary.BigEndian.Uint16(b))), true
	case 4:
		return int64(int32(binary.BigEndian.Uint32(b))), true
	case 8:
		return int64(binary.BigEndian.Uint64(b)), true
	default:
		return 0, false
	}
}

func partition(v any) *int32 {
	n, ok := number(v)
	if !ok || n < 0 || n > math.MaxInt32 {
		return nil
	}
	p := int32(n)
	return &p
}

func offset(v any) *int64 {
	n, ok := number(v)
	if !ok || n < 0 {
		return nil
	}
	return &n
}

// attempts is a count, and what is to be added to make it one of attempts.
func attempts(v any, add int64) *int {
	n, ok := number(v)
	if !ok || n < 0 || n > math.MaxInt32 || n+add < 0 {
		return nil
	}
	a := int(n + add)
	return &a
}

// millis reads a time in milliseconds since 1970.
func millis(v any) time.Time {
	n, ok := number(v)
	if !ok || n <= 0 || n > 253402300799999 { // the end of the year 9999
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}

// rfc3339 reads a time; zero where v is none.
func rfc3339(v any) time.Time {
	if t, ok := v.(time.Time); ok {
		return t.UTC()
	}
	t, err := time.Parse(time.RFC3339Nano, text(v))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// lastSegment is the end of an address's path, as in rabbitmq://host/queue?a=b.
func lastSegment(address string) string {
	address, _, _ = strings.Cut(address, "?")
	address = strings.TrimRight(address, "/")
	name := address[strings.LastIndexByte(address, '/')+1:]
	if plain, err := url.PathUnescape(name); err == nil {
		return plain
	}
	return name
}
