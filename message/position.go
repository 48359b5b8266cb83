package message

import (
	"math"
	"strconv"
	"strings"
)

// PositionKind tells how a Position orders messages.
type PositionKind uint8

const (
	// NoPosition is the zero value: the place of the message is not known.
	NoPosition PositionKind = iota
	// PartitionOffset orders by offset within one partition (Kafka).
	PartitionOffset
	// Sequence orders by a plain integer within the channel (RabbitMQ's taps, streams).
	Sequence
	// Opaque names the message without ordering it (an SQS message id).
	Opaque
)

// Position is the place of a message in its channel. It is comparable, so that
// it can be a map key.
type Position struct {
	Kind      PositionKind
	Partition int32
	Offset    int64  // the offset, or the sequence number
	ID        string // for Opaque
}

// At is the position of a Kafka record.
func At(partition int32, offset int64) Position {
	return Position{Kind: PartitionOffset, Partition: partition, Offset: offset}
}

// Nth is the position of the nth message of a queue.
func Nth(n int64) Position { return Position{Kind: Sequence, Offset: n} }

// Named is a position that only names its message.
func Named(id string) Position { return Position{Kind: Opaque, ID: id} }

// ParsePosition reads a position as recordings spell it: "partition@offset", a
// plain integer, or anything else as an opaque name. The empty string is
// NoPosition.
func ParsePosition(s string) Position {
	if s == "" {
		return Position{}
	}
	// What is plain is read at once, and the rest below.
	switch n, rest := digits(s); {
	case n >= 0 && rest == "":
		return Nth(n)
	case n >= 0 && n <= math.MaxInt32 && rest[0] == '@':
		if offset, rest := digits(rest[1:]); offset >= 0 && rest == "" {
			return At(int32(n), offset)
		}
	}
	return parseOdd(s)
}

// parseOdd reads what is a position though it is not written as String does.
func parseOdd(s string) Position {
	if p, o, ok := strings.Cut(s, "@"); ok {
		part, err1 := strconv.ParseInt(p, 10, 32)
		off, err2 := strconv.ParseInt(o, 10, 64)
		if err1 == nil && err2 == nil && part >= 0 && off >= 0 {
			return At(int32(part), off)
		}
		return Named(s)
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 {
		return Nth(n)
	}
	return Named(s)
}

// digits reads a number of at most 18 digits at the beginning of s; n is -1 where
// there is none.
func digits(s string) (n int64, rest string) {
	i := 0
	for ; i < len(s) && i < 18 && s[i]-'0' <= 9; i++ {
		n = n*10 + int64(s[i]-'0')
	}
	if i == 0 {
		return -1, s
	}
	return n, s[i:]
}

// String spells the position as recordings and reports do.
func (p Position) String() string {
	switch p.Kind {
	case PartitionOffset:
		return strconv.FormatInt(int64(p.Partition), 10) + "@" + strconv.FormatInt(p.Offset, 10)
	case Sequence:
		return strconv.FormatInt(p.Offset, 10)
	case Opaque:
		return p.ID
	default:
		return ""
	}
}

// Ordered reports whether p and q lie in the same partition or queue, given
// that they are on the same channel, so that their offsets decide their order.
func (p Position) Ordered(q Position) bool {
	return p.Kind == q.Kind && p.Partition == q.Partition &&
		(p.Kind == PartitionOffset || p.Kind == Sequence)
}
