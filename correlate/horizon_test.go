package correlate

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/flowcheck/flowcheck/message"
)

func TestAnOffsetIsReadOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := NewHorizon(1, Never)
		seen := map[int64]bool{}
		for _, offset := range rapid.SliceOf(rapid.Int64Range(0, 40)).Draw(t, "offsets") {
			if isNew := h.Read(0, message.At(0, offset), 1, 1); isNew == seen[offset] {
				t.Fatalf("offset %d: new %v", offset, isNew)
			}
			seen[offset] = true
		}
	})
}

func TestRunsOfOffsetsStayFew(t *testing.T) {
	var s spans
	offsets := rand.New(rand.NewPCG(1, 1)).Perm(10_000)
	for _, o := range offsets {
		if !s.add(int64(o)) {
			t.Fatal("an offset that is new was taken for read")
		}
	}
	if len(s) != 1 {
		t.Errorf("%d runs", len(s))
	}
}

func TestAQueueCountsEveryMessage(t *testing.T) {
	h := NewHorizon(1, Never)
	for range 2 {
		if !h.Read(0, message.Nth(1), Never, 1) {
			t.Error("a tap's own count begins anew when it does: it is no name of a message")
		}
	}
}

func TestANameIsReadOnce(t *testing.T) {
	h := NewHorizon(1, Never)
	if !h.Read(0, message.Named("a"), 1, 1) || h.Read(0, message.Named("a"), 1, 1) {
		t.Error("the same name twice is one message")
	}
}

func TestAChannelIsReadAsFarAsItsSlowestPartition(t *testing.T) {
	h := NewHorizon(1, Never)
	if h.ReadPast(0, 5, false) {
		t.Error("nothing was read yet")
	}
	h.Read(0, message.At(0, 1), 10, 11)
	if !h.ReadPast(0, 9, false) || h.ReadPast(0, 10, false) {
		t.Error("past means past")
	}
	h.Read(0, message.At(1, 1), 5, 6)
	if h.ReadPast(0, 9, false) {
		t.Error("the other partition has been read to 5 only")
	}
	if !h.ReadPast(0, 5, true) || h.ReadPast(0, 6, true) {
		t.Error("by arrival it has been read to 6")
	}
	h.End = 20
	if !h.ReadPast(0, 20, false) || h.ReadPast(0, 21, false) {
		t.Error("the end says that all had been read to 20")
	}
}

func TestALossReachesFromTheLastMessageToItsMark(t *testing.T) {
	h := NewHorizon(1, Never)
	h.Read(0, message.At(0, 1), 10, 11)
	h.Lost(0, 20, "why")
	for _, c := range []struct {
		from, to Instant
		want     bool
	}{{0, 9, false}, {0, 10, true}, {12, 15, true}, {20, 30, true}, {21, 30, false}} {
		if _, got := h.LossIn(0, c.from, c.to); got != c.want {
			t.Errorf("window %d to %d: %v", c.from, c.to, got)
		}
	}
}
