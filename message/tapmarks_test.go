package message

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTapMarks: what a durable tap says of itself, and a run of what it could not send, is read as it was written.
func TestTapMarks(t *testing.T) {
	want := []Event{
		{Mark: &Mark{Kind: MarkFence, Channel: "orders", Position: At(2, 77), Seen: at("10:00:01")}},
		{Mark: &Mark{Kind: MarkFence, Channel: "shipments", Position: Nth(5), ID: "abc", Seen: at("10:00:02")}},
		{Mark: &Mark{Kind: MarkFence, Channel: "mails", ID: "d", Seen: at("10:00:03")}},
		{Mark: &Mark{Kind: MarkAway, Channel: "orders", Since: at("09:00:00"), Seen: at("10:00:04")}},
		{Mark: &Mark{Kind: MarkBack, Channel: "orders", Seen: at("10:00:05")}},
		{Mark: &Mark{Kind: MarkUnsent, ID: "o-1", Reason: "send to orders: message too large", Seen: at("10:00:06")}},
	}
	_, got, err := readAll(bytes.NewReader(writeAll(t, RecordingHeader{Flow: "f"}, want)))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
}
