package flows_test

import (
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/flows"
)

// TestBuckets: each bucket begins where the one before it ends, and they grow.
func TestBuckets(t *testing.T) {
	for b := 1; b < flows.SpreadBuckets; b++ {
		if flows.BucketFrom(b) <= flows.BucketFrom(b-1) {
			t.Errorf("bucket %d begins at %v, the one before it at %v", b, flows.BucketFrom(b), flows.BucketFrom(b-1))
		}
	}
	for d, want := range map[time.Duration]time.Duration{
		0: 0, time.Microsecond: 0, 2 * time.Microsecond: 2 * time.Microsecond, 3 * time.Microsecond: 3 * time.Microsecond,
		5 * time.Microsecond: 4 * time.Microsecond, 7 * time.Microsecond: 6 * time.Microsecond, time.Millisecond: 768 * time.Microsecond,
		1100 * time.Microsecond: 1024 * time.Microsecond, -time.Second: 0,
	} {
		if got := flows.BucketFrom(flows.BucketOf(d)); got != want {
			t.Errorf("%v is in the bucket from %v, not %v", d, got, want)
		}
	}
}
