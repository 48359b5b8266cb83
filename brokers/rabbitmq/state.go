package rabbitmq

import (
	"fmt"
	"sync"
)

// state is what others may know of a reader: its queue while it is armed, and
// else what is wrong. The zero value is not armed.
type state struct {
	mu      sync.Mutex
	queue   string
	why     error
	changed chan struct{} // closed with the next change; nil while nobody waits
}

// armed says that the reader reads the queue.
func (s *state) armed(queue string) { s.set(queue, nil) }

// lost says that it does not, and why.
func (s *state) lost(why error) { s.set("", why) }

func (s *state) set(queue string, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue, s.why = queue, why
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// get returns the queue, or "" when the reader is not armed, and a channel that
// is closed when that changes.
func (s *state) get() (queue string, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.queue, s.changed
}

// failed words why a CatchUp did not end in time.
func (s *state) failed(channel string, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why != nil {
		return fmt.Errorf("catch up on channel %s: %w; the tap was lost: %s", channel, err, cause(s.why))
	}
	return fmt.Errorf("catch up on channel %s: %w", channel, err)
}
