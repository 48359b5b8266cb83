package memory_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/message"
)

// produce appends a text under a key.
func produce(t testing.TB, s *memory.Server, topic, key, body string) memory.Record {
	t.Helper()
	m := text(body)
	if key != "" {
		m.Key = []byte(key)
	}
	r, err := s.Produce(topic, brokers.Outgoing{Message: m})
	must(t, err)
	return r
}

// read takes the next n payloads of a member.
func read(t testing.TB, m *memory.Member, n int) (all []memory.Record) {
	t.Helper()
	for range n {
		r, err := m.Next(soon(t))
		must(t, err)
		all = append(all, r)
	}
	return all
}

func TestPartitions(t *testing.T) {
	s := server(memory.Options{})
	s.CreateTopic("orders", 3)
	var spread []int32
	for range 4 {
		spread = append(spread, produce(t, s, "orders", "", "x").Partition)
	}
	if diff := cmp.Diff([]int32{0, 1, 2, 0}, spread); diff != "" {
		t.Errorf("without a key: %s", diff)
	}
	a, b := produce(t, s, "orders", "k", "1"), produce(t, s, "orders", "k", "2")
	if a.Partition != b.Partition || b.Offset != a.Offset+1 || !a.Time.Equal(epoch) {
		t.Errorf("of one key: %+v, %+v", a, b)
	}
	for _, n := range []int32{-1, 3} {
		_, err := s.Produce("orders", brokers.Outgoing{Partition: &n})
		wantError(t, err, "the topic has 3")
	}
	_, err := s.Produce("absent", brokers.Outgoing{})
	if !errors.Is(err, brokers.ErrAbsent) {
		t.Errorf("Produce: %v", err)
	}
	_, err = s.Produce("orders", brokers.Outgoing{Message: message.Message{Headers: []message.Header{{Name: "n", Value: int64(1)}}}})
	wantError(t, err, `header "n" is a int64`)
}

func TestGroup(t *testing.T) {
	s := server(memory.Options{})
	s.CreateTopic("orders", 2)
	for range 2 {
		produce(t, s, "orders", "", "x")
	}
	first, err := s.Join("g", "orders")
	must(t, err)
	records := read(t, first, 2)
	first.Commit(records[0])
	// The second takes a partition over, and sees again what was not committed.
	second, err := s.Join("g", "orders")
	must(t, err)
	if r := read(t, second, 1)[0]; r.Partition != 1 || r.Offset != 0 {
		t.Errorf("the second member reads %+v", r)
	}
	n := int32(0)
	_, err = s.Produce("orders", brokers.Outgoing{Message: text("of the first"), Partition: &n})
	must(t, err)
	if _, err := second.Next(cancelled()); err == nil {
		t.Error("the second member reads the first one's partition")
	}
	first.Commit(read(t, first, 1)[0])
	n = 1
	_, err = s.Produce("orders", brokers.Outgoing{Message: text("of the second"), Partition: &n})
	must(t, err)
	if _, err := first.Next(cancelled()); err == nil {
		t.Error("the first member reads the second one's partition")
	}
	first.Leave()
	first.Leave()
	if _, err := first.Next(soon(t)); err == nil {
		t.Error("a member that has left reads")
	}
	// Alone, it reads both partitions.
	produce(t, s, "orders", "", "y")
	got := map[string]int{}
	for _, r := range read(t, second, 3) {
		got[string(r.Payload)]++
	}
	if diff := cmp.Diff(map[string]int{"x": 1, "of the second": 1, "y": 1}, got); diff != "" {
		t.Errorf("the last member reads: %s", diff)
	}
	_, err = s.Join("g", "absent")
	wantError(t, err, `topic "absent" on memory://test does not exist`)
}

// Members wait, and are woken; other groups read the same.
func TestGroupsAreIndependent(t *testing.T) {
	s := server(memory.Options{})
	s.CreateTopic("orders", 1)
	a, err := s.Join("a", "orders")
	must(t, err)
	woken := make(chan error, 1)
	ctx := soon(t)
	go func() {
		_, err := a.Next(ctx)
		woken <- err
	}()
	produce(t, s, "orders", "", "x")
	must(t, <-woken)
	b, err := s.Join("b", "orders")
	must(t, err)
	read(t, b, 1)
	if _, err := b.Next(cancelled()); !errors.Is(err, context.Canceled) {
		t.Errorf("nothing to read: %v", err)
	}
}

// What retention takes from a tap is a gap, and it goes on after it.
func TestTruncateIsAGap(t *testing.T) {
	s := server(memory.Options{})
	s.CreateTopic("orders", 1)
	armed, events := tap(t, s, 0, brokers.Channel{Name: "o", Topic: "orders"})
	for range 5 {
		produce(t, s, "orders", "", "x")
	}
	if e := <-events; e.Observation == nil || e.Observation.Position.Offset != 0 {
		t.Fatalf("first: %+v", e)
	}
	must(t, s.Truncate("orders", 0, 4))
	var marks, offsets []string
	for range 3 { // one more may be in hand
		e := <-events
		if e.Mark != nil {
			marks = append(marks, e.Mark.Reason)
			continue
		}
		offsets = append(offsets, e.Observation.Position.String())
		if e.Observation.Position.Offset == 4 {
			break
		}
	}
	if len(marks) != 1 || !strings.Contains(marks[0], "retention passed the tap: offsets") || offsets[len(offsets)-1] != "0@4" {
		t.Errorf("marks %q, offsets %q", marks, offsets)
	}
	if _, err := armed.CatchUp(soon(t)); err != nil {
		t.Error(err)
	}
	wantError(t, s.Truncate("absent", 0, 1), "does not exist")
	wantError(t, s.Truncate("orders", 1, 1), "partition 1")
	must(t, s.Truncate("orders", 0, 100))
	if r := produce(t, s, "orders", "", "x"); r.Offset != 5 {
		t.Errorf("after truncation the offset is %d", r.Offset)
	}
	m, err := s.Join("g", "orders")
	must(t, err)
	if r := read(t, m, 1)[0]; r.Offset != 5 {
		t.Errorf("a new group begins at %d, what is oldest is 5", r.Offset)
	}
}
