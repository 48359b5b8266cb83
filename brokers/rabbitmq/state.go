package rabbitmq

import (
	"fmt"
	"sync"
)

// state is what others may know of a reader: its queue while it is armed, and
// else what is wrong. The zero value is not armed.
type state struct {
	mu       sync.Mutex
	queue    string
	bindings []bind
	why      error
	changed  chan struct{} // closed with the next change; nil while nobody waits
}

// armed says that the reader reads the queue, which is bound like this.
func (s *state) armed(queue string, bindings []bind) { s.set(queue, bindings, nil) }

// lost says that it does not, and why.
func (s *state) lost(why error) { s.set("", nil, why) }

func (s *state) set(queue string, bindings []bind, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue, s.bindings, s.why = queue, bindings, why
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

// bound returns the queue, or "", and its bindings.
func (s *state) bound() (queue string, bindings []bind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue, s.bindings
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
