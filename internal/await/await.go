// Package await has tests, and programs that measure, wait for a condition instead
// of for a while.
package await

import (
	"context"
	"testing"
	"time"
)

// Often is how often is asked what costs nothing to ask.
const Often = 10 * time.Millisecond

// Until asks that often until it is so, asking fails, or ctx ends, whose error it
// returns then.
func Until(ctx context.Context, every time.Duration, is func() (bool, error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if ok, err := is(); ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

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
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	last := ""
	err := Until(ctx, Often, func() (bool, error) {
		last = ask()
		return last == "", nil
	})
	if err != nil {
		t.Fatalf("%s: not within %s: %s", what, Patience, last)
	}
}
