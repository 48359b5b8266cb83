package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/internal/testbroker"
)

// TestABrokerThatIsAway: a Kafka that stops and comes back costs a shadow
// nothing, however long it was away: nothing is found where there is no fault.
func TestABrokerThatIsAway(t *testing.T) {
	t.Parallel()
	own := testbroker.OwnKafka(t)
	o := &options{kafka: strings.TrimPrefix(own.URL, "kafka://"), partitions: 2, memory: 512 << 20, remember: "1h", log: t.Output()}
	ctx, cancel := context.WithTimeout(t.Context(), *away+15*time.Minute)
	defer cancel()
	l, err := newLoad(o)
	if err != nil {
		t.Fatal(err)
	}
	w, err := o.watch(ctx, l, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	await := func(what string, is func() bool) {
		t.Helper()
		if err := w.until(ctx, is); err != nil || w.over() {
			t.Fatalf("not %s: %v", what, err)
		}
	}
	await("armed", w.status.Armed.Load)
	messages := &w.status.Flows()[0].Messages
	for round := range 2 {
		if err := l.fill(500); err != nil {
			t.Fatal(err)
		}
		await("all read", func() bool { return messages.Load() >= int64(2000*(round+1)) })
		if round > 0 {
			break
		}
		if err := own.Stop(); err != nil {
			t.Fatal(err)
		}
		await("behind", func() bool { return w.status.Tappers()[0].Behind(time.Now()) > max(*away, 3*time.Second) })
		if err := own.Restart(ctx); err != nil {
			t.Fatal(err)
		}
		l.close()
		if l.client, err = l.connect(); err != nil {
			t.Fatal(err)
		}
	}
	await("caught up", w.current)
	s, err := w.end()
	if err != nil {
		t.Fatal(err)
	}
	if f := &s.Flows[0]; f.Findings > 0 || f.Unknowns > 0 || f.Chains.Total+f.Open != 1000 {
		t.Fatalf("%+v", f)
	}
	l.close()
}
