package console_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/console"
	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/shadow"
)

// BenchmarkClosed is what a console costs for each chain of two messages.
func BenchmarkClosed(b *testing.B) {
	f, errs := flows.Load("test.yaml", []byte(orders), flows.Options{})
	if len(errs) > 0 {
		b.Fatal(errs)
	}
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	c := console.New(console.Config{Flows: []*flows.Flow{f}, Status: &shadow.Status{}, Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler)})
	live := flows.NewLive(f, flows.LiveConfig{Started: noon.Add(-time.Hour), Tell: func(j *flows.Judgement) {
		b.ReportAllocs()
		b.ResetTimer()
		for b.Loop() {
			c.Closed("orders", j)
		}
	}})
	for i, channel := range []string{"orders", "payments"} {
		live.Add(message.Event{Observation: &message.Observation{
			Channel: channel, Position: message.At(0, 1), Time: noon.Add(time.Duration(i) * time.Millisecond), Seen: noon,
			Message: message.Message{Payload: fmt.Append(nil, `{"order":"o-1","amount":5}`)},
		}})
	}
	for i := range f.Channels {
		live.ReadTo(i, correlate.InstantOf(noon.Add(time.Hour)))
	}
	live.Sweep(correlate.InstantOf(noon.Add(time.Hour)))
}
