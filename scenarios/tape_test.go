package scenarios_test

import (
	"bytes"
	"sync"
	"testing"

	"github.com/flowcheck/flowcheck/message"
)

// tape is a recording in memory. It fails at the given event, if that is set.
type tape struct {
	mu       sync.Mutex
	begun    bool
	header   message.RecordingHeader
	events   []message.Event
	failWith error
	failAt   int // -1: Begin
	on       func(message.Event)
}

func (t *tape) Begin(h message.RecordingHeader) error {
	if t.failWith != nil && t.failAt < 0 {
		return t.failWith
	}
	t.begun, t.header = true, h
	return nil
}

func (t *tape) Event(e message.Event) error {
	if t.failWith != nil && len(t.events) >= t.failAt {
		return t.failWith
	}
	t.mu.Lock()
	t.events = append(t.events, e)
	t.mu.Unlock()
	if t.on != nil {
		t.on(e)
	}
	return nil
}

func (t *tape) text(tb testing.TB) string {
	tb.Helper()
	var b bytes.Buffer
	w := message.NewWriter(&b, t.header)
	for _, e := range t.events {
		if err := w.Write(e); err != nil {
			tb.Fatal(err)
		}
	}
	return b.String()
}

// marks are the recording's marks of a kind.
func (t *tape) marks(kind message.MarkKind) []*message.Mark {
	var all []*message.Mark
	for _, e := range t.events {
		if e.Mark != nil && e.Mark.Kind == kind {
			all = append(all, e.Mark)
		}
	}
	return all
}
