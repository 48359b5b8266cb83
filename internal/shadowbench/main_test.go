package main

import (
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/internal/testbroker"
)

// TestASmallBacklog: all of it is judged, while new messages come.
func TestASmallBacklog(t *testing.T) {
	o := &options{kafka: testbroker.Kafka(t), messages: 4000, rounds: 2, rate: 50, partitions: 2, memory: 512 << 20, remember: "1h", log: t.Output()}
	f, err := o.backlogOf(t.Context(), t.TempDir())
	if err != nil || len(f.shadow) != 2 || f.raw[1].rate <= 0 || f.judge[1].rate <= 0 || f.shadow[1].rate <= 0 {
		t.Fatalf("%+v (%v)", f, err)
	}
}

// TestAShortSoak: it tells of what it has seen.
func TestAShortSoak(t *testing.T) {
	o := &options{kafka: testbroker.Kafka(t), rate: 50, partitions: 2, memory: 512 << 20, remember: "1s", soak: 2 * time.Second, every: time.Second, log: t.Output()}
	if err := o.run(t.Context()); err != nil {
		t.Fatal(err)
	}
}
