package flows

import (
	"math/bits"
	"time"
)

// SpreadBuckets is how many buckets a Spread has.
const SpreadBuckets = 80

// Spread is how long after their chains' first messages a step's messages came:
// how many in each of buckets that grow by half an octave.
type Spread struct {
	Step    string
	N       int
	Buckets [SpreadBuckets]int
}

// add counts a time.
func (s *Spread) add(d time.Duration) {
	s.N++
	s.Buckets[BucketOf(d)]++
}

// BucketOf is the bucket of a time: two for each power of two microseconds.
func BucketOf(d time.Duration) int {
	us := uint64(max(d, 0) / time.Microsecond)
	if us < 2 {
		return 0
	}
	n := bits.Len64(us)
	half := int(us >> (n - 2) & 1)
	return min(2*(n-1)+half-1, SpreadBuckets-1)
}

// BucketFrom is the time at which a bucket begins.
func BucketFrom(bucket int) time.Duration {
	if bucket == 0 {
		return 0
	}
	n := (bucket + 1) / 2
	from := uint64(1) << n
	if bucket%2 == 0 {
		from += from / 2
	}
	return time.Duration(from) * time.Microsecond
}

// spread counts the times of a judged chain.
func (a *Audit) spread() {
	order := a.judge.order
	if len(order) < 2 {
		return
	}
	if a.spreads == nil {
		a.spreads = make([]Spread, len(a.flow.Steps))
	}
	first := order[0].At()
	for _, e := range order[1:] {
		first = min(first, e.At())
	}
	for _, e := range order {
		if e.Step >= 0 {
			a.spreads[e.Step].add(e.At().Sub(first))
		}
	}
}

// reportSpreads gives the times of each step that came later than its chain
// began.
func (a *Audit) reportSpreads() {
	for i := range a.spreads {
		if s := &a.spreads[i]; s.N > s.Buckets[0] {
			s.Step = a.flow.Steps[i].Name
			a.result.Spreads = append(a.result.Spreads, *s)
		}
	}
}
