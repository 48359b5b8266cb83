package shadow

import (
	"testing"

	"github.com/flowcheck/flowcheck/message"
)

// TestBatchesAreBoundedInBytes: messages of a megabyte go one by one, small ones
// together; none is left behind.
func TestBatchesAreBoundedInBytes(t *testing.T) {
	const n = 40
	for name, c := range map[string]struct{ size, batches int }{
		"large": {1 << 20, n}, "half a batch": {batchBytes / 2, n / 2}, "small": {100, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := &watch{in: make(chan []message.Event, n)}
			h := &hub{
				watches: []*watch{w}, routes: map[string][]route{"orders": {{0, "orders"}}}, limit: &throttle{},
				events: make(chan message.Event, n), status: &TapperStatus{}, out: make([][]message.Event, 1),
			}
			for range n {
				o := &message.Observation{Channel: "orders"}
				o.Payload = make([]byte, c.size)
				h.events <- message.Event{Observation: o}
			}
			h.drain(t.Context())
			total, batches := 0, len(w.in)
			for range batches {
				total += len(<-w.in)
			}
			if total != n || batches != c.batches {
				t.Errorf("%d messages in %d batches, want %d in %d", total, batches, n, c.batches)
			}
		})
	}
}
