package kafka

import (
	"math"
	"sync/atomic"
	"time"
)

// fetchSize is how many bytes of a partition a fetch asks for at first. A
// larger batch comes all the same, where it is the first of an answer.
const fetchSize = 1 << 20

// partition is one partition that a tap reads. Exactly one goroutine holds it
// at a time, a reader or the keeper.
type partition struct {
	spot
	channels []string // of the flow file, that have this topic
	base     int64    // the end when the tap was armed, control records included

	// For the holder only.
	at    place
	next  int64    // to fetch
	limit int32    // bytes to ask for
	gaps  []string // to be told before the next message
	lost  bool     // the broker has no such offset: ask what it has
	// fenced tells that a durable tap has told where it begins; so has one that is
	// not durable, which tells nothing.
	fenced   bool
	observer observer

	// For everybody.
	read    atomic.Int64 // all below has been sent to Events, or is never shown
	stable  atomic.Int64 // the last stable offset, when last heard of; math.MaxInt64 before
	barren  atomic.Bool  // the broker says there is more and shows nothing
	gone    atomic.Bool  // it was of a topic that is no more
	trouble atomic.Pointer[trouble]
}

// trouble is why a partition is not being read.
type trouble struct {
	since time.Time
	err   error
}

func newPartition(s spot, channels []string, next int64) *partition {
	p := &partition{spot: s, channels: channels, limit: fetchSize}
	p.stable.Store(math.MaxInt64)
	p.move(next)
	return p
}

// move goes to an offset.
func (p *partition) move(next int64) {
	p.next = next
	p.read.Store(next)
}

// fails notes why the partition is not being read, and since when.
func (p *partition) fails(err error) {
	since := time.Now()
	if was := p.trouble.Load(); was != nil {
		since = was.since
	}
	p.trouble.Store(&trouble{since: since, err: err})
}
