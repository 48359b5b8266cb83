package shadow

import (
	"fmt"
	"os"
	"testing"

	"github.com/flowcheck/flowcheck/message"
)

// TestIDsAreKnownAgain: the last ones at least, each channel's own; numbers are not
// its business.
func TestIDsAreKnownAgain(t *testing.T) {
	named := func(channel string, n int) *message.Observation {
		return &message.Observation{Channel: channel, Position: message.Named(fmt.Sprint("m-", n))}
	}
	i := ids{}
	for n := range 3 * maxIDs {
		if !i.take(named("a", n)) {
			t.Fatalf("m-%d is new", n)
		}
		if back := n - maxIDs + 1; back >= 0 && i.take(named("a", back)) {
			t.Fatalf("m-%d was told", back)
		}
	}
	if !i.take(named("b", 3*maxIDs-1)) {
		t.Error("another channel's")
	}
	for range 2 {
		if !i.take(&message.Observation{Channel: "a", Position: message.Nth(1)}) || !i.take(nil) {
			t.Error("it has no id")
		}
	}
}

// TestNothingIsKeptThatDidNotReachTheDisk: nor anything after it.
func TestNothingIsKeptThatDidNotReachTheDisk(t *testing.T) {
	s := startSyncer()
	s.folder = t.TempDir()
	for i := range 2 {
		file, err := os.CreateTemp(s.folder, "")
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			_ = file.Close()
		}
		s.take(syncing{file, true, []func(){func() { t.Error("it was told to be kept") }}})
	}
	if s.close() == nil {
		t.Error("nobody says that it failed")
	}
}
