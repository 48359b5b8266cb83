package correlate

import (
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/message"
)

func second(n int) Instant { return Instant(time.Duration(n) * time.Second) }

// TestArrived: what was read while messages waited may have come since the tap was
// last there.
func TestArrived(t *testing.T) {
	h := NewHorizon(1, Never)
	h.Gone(0, second(10), second(20))
	for seen, want := range map[int]int{9: 9, 19: 19, 20: 10, 25: 10} {
		if got := h.Arrived(0, second(seen)); got != second(want) {
			t.Errorf("seen at %ds: arrived at %v", seen, got.Time().Unix())
		}
	}
	h.Read(0, message.Nth(1), Never, second(21))
	if h.ReadPast(0, second(15), true) {
		t.Error("what waits is taken for read")
	}
	h.Back(0, second(22))
	if !h.ReadPast(0, second(15), true) || h.Arrived(0, second(23)) != second(23) || h.Arrived(0, second(21)) != second(10) {
		t.Error("the end of the time away counts for nothing")
	}
}

// TestExpect: a partition of which nothing was read holds the others up; one that
// begins anew after a loss is another.
func TestExpect(t *testing.T) {
	h := NewHorizon(1, Never)
	h.Expect(0, message.At(0, 0))
	h.Expect(0, message.At(1, 0))
	h.Read(0, message.At(0, 0), second(5), second(5))
	if h.ReadPast(0, second(4), false) {
		t.Error("partition 1 has said nothing")
	}
	h.Channels[0].ReadTo = second(6)
	if !h.ReadPast(0, second(6), false) || h.ReadPast(0, second(7), false) {
		t.Error("the tap's word counts for nothing, or for too much")
	}
	h.Expect(0, message.At(0, 0))
	if h.Read(0, message.At(0, 0), second(7), second(7)) {
		t.Error("an offset is new twice without a loss")
	}
	h.Lost(0, second(8), "made anew")
	h.Expect(0, message.At(0, 0))
	if !h.Read(0, message.At(0, 0), second(9), second(9)) {
		t.Error("an offset of a log that is another is taken for read")
	}
}

func TestShedAndExpire(t *testing.T) {
	var early int
	e := NewEngine(Config{Done: func(_ *Chain, was bool) bool {
		if was {
			early++
		}
		return false
	}})
	for i := range 10 {
		e.Add(&Message{Entry: Entry{Seq: uint64(i + 1), Seen: second(i)}, IDs: []ID{{0, string(rune('a' + i))}}})
	}
	if e.Shed(3) != 3 || e.Len() != 7 || early != 3 || e.Lookup(ID{0, "c"}) != nil || e.Lookup(ID{0, "d"}) == nil {
		t.Errorf("%d left, %d early", e.Len(), early)
	}
	e.Add(&Message{Entry: Entry{Seq: 20, Seen: second(1)}, Listed: []ID{{0, "x"}}})
	e.Add(&Message{Entry: Entry{Seq: 21, Seen: second(5)}, Loose: []ID{{1, "y"}}})
	gone := []uint64{}
	e.Expire(func(e *Entry) bool { return e.Seen < second(3) }, func(e *Entry) { gone = append(gone, e.Seq) })
	if len(gone) != 1 || gone[0] != 20 {
		t.Errorf("expired: %v", gone)
	}
}
