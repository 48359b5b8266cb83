package brokers

import (
	"context"
	"errors"

	"github.com/flowcheck/flowcheck/message"
)

// Holder is an optional interface of a Tapper: it can look at what lies in a queue
// where only a consumer can, and put it back.
type Holder interface {
	// Hold takes up to most messages that lie on the channel, the oldest first, and
	// keeps them from others until they are removed or Release is called. It fails
	// with ErrNotTappable where the channel is no queue, and with ErrAbsent.
	Hold(ctx context.Context, ch Channel, most int) (Held, error)
}

// Held are messages that are kept from others. Its methods are for one goroutine.
type Held interface {
	// Messages are those that are held, in their order.
	Messages() []*message.Observation
	// Remove removes a message for good, by its index.
	Remove(ctx context.Context, i int) error
	// Release gives the rest back, to where they were as far as the broker can.
	Release(ctx context.Context) error
}

// ErrKept says that the broker removes no single message.
var ErrKept = errors.New("single messages cannot be removed")
