// Package await has tests wait for a condition instead of for a while.
package await

import (
	"testing"
	"time"
)

// Patience is how long is waited for what must come, on a machine that has other
// work as well.
const Patience = 2 * time.Minute

// True waits until the condition holds.
func True(t testing.TB, what string, is func() bool) {
	t.Helper()
	Silence(t, what, func() string {
		if is() {
			return ""
		}
		return "it does not hold"
	})
}

// Silence asks until the answer is "", and fails with the last one.
func Silence(t testing.TB, what string, ask func() string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(Patience)
	for {
		last := ask()
		if last == "" {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %s: %s", what, Patience, last)
		}
	}
}
