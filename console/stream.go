package console

import (
	"encoding/json"
	"sync"

	"github.com/flowcheck/flowcheck/shadow"
)

// maxListeners bounds who follows the stream at a time.
const maxListeners = 64

// stream hands what is told to those who follow it. Who is too slow is cut off,
// and comes again by itself.
type stream struct {
	mu        sync.Mutex
	listeners map[chan []byte]bool
	closed    bool
}

func newStream() *stream { return &stream{listeners: map[chan []byte]bool{}} }

// follow is a channel of JSON lines, which is closed at the end; false where there
// are too many listeners.
func (s *stream) follow() (chan []byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.listeners) >= maxListeners {
		return nil, false
	}
	ch := make(chan []byte, 256)
	s.listeners[ch] = true
	return ch, true
}

func (s *stream) leave(ch chan []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listeners[ch] {
		delete(s.listeners, ch)
		close(ch)
	}
}

func (s *stream) send(r *shadow.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.listeners) == 0 {
		return
	}
	data, err := json.Marshal(briefOf(r))
	if err != nil {
		return
	}
	for ch := range s.listeners {
		select {
		case ch <- data:
		default:
			delete(s.listeners, ch)
			close(ch)
		}
	}
}

func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for ch := range s.listeners {
		delete(s.listeners, ch)
		close(ch)
	}
}

// brief is a record without its timeline, short enough for a list.
type brief struct {
	Time  string `json:"time"`
	Event string `json:"event"`
	Flow  string `json:"flow"`
	ID    string `json:"id"`
	Kind  string `json:"kind,omitempty"`
	Chain string `json:"chain,omitempty"`
	Step  string `json:"step,omitempty"`
	Rule  string `json:"rule,omitempty"`
	Text  string `json:"text"`
}

// maxBrief bounds a text of a brief, in bytes.
const maxBrief = 400

func briefOf(r *shadow.Record) brief {
	text := r.Text
	if r.Event == shadow.EventUnknown {
		text = r.Reason
	}
	return brief{
		r.Time.UTC().Format("2006-01-02T15:04:05.000Z"), r.Event, r.Flow, r.ID, r.Kind, short(r.Chain), short(r.Step), short(r.Rule), short(text),
	}
}

func short(s string) string { return cut(s, maxBrief) }
