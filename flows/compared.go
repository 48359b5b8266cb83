package flows

import "time"

// Compared is what a comparison of two recordings, or of a replay with its
// original, says beside its findings.
type Compared struct {
	// Was and Now name the two sides.
	Was, Now string
	// Pairs of chains were compared, found by their ids or by what their triggers
	// say.
	Pairs, ByIDs, ByTrigger int
	// Changed is how many pairs differ.
	Changed int
	// OutcomesWas and OutcomesNow count the pairs' outcomes; "" is none.
	OutcomesWas, OutcomesNow map[string]int
	Latencies                []StepLatency
	// Noise are the fields that differed and were passed over, each with the reason
	// and how often.
	Noise []string
	// Before are the timelines of changed chains as they were, by the chain's name;
	// the Result's Timelines are as they are.
	Before map[string][]Moment
}

// StepLatency is how long after its chain's first message a step came.
type StepLatency struct {
	Step     string
	Was, Now Quantiles
}

// Quantiles of N times, by nearest rank.
type Quantiles struct {
	N                  int
	P50, P95, P99, Max time.Duration
}

// QuantilesOf are the quantiles of sorted times.
func QuantilesOf(sorted []time.Duration) Quantiles {
	n := len(sorted)
	if n == 0 {
		return Quantiles{}
	}
	return Quantiles{
		N: n, P50: sorted[rankOf(50, n)-1], P95: sorted[rankOf(95, n)-1], P99: sorted[rankOf(99, n)-1], Max: sorted[n-1],
	}
}
