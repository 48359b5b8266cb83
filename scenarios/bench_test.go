package scenarios_test

import (
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/scenarios"
)

// BenchmarkRun runs a hundred scenarios of a four-step chain, side by side and
// with a recording in memory. decided-ms is the time from the last message of a
// scenario to its decision, of the slowest; watched-ms how long it was then
// watched for doubles.
func BenchmarkRun(b *testing.B) {
	for name, text := range map[string]string{"1": many(1), "100": many(100), "1000": many(1000)} {
		b.Run(name, func(b *testing.B) {
			var decided, watched time.Duration
			for b.Loop() {
				b.StopTimer()
				r := newRig(b, text, memory.Options{})
				r.cfg.Parallel = 1000
				stop := r.serve(honest)
				b.StartTimer()
				result, stats, err := scenarios.Run(b.Context(), r.cfg)
				b.StopTimer()
				stop()
				if err != nil || result.State != flows.Pass {
					b.Fatalf("%v: %+v", err, result)
				}
				decided += stats.Decided
				watched += stats.Watched
				b.StartTimer()
			}
			perRun := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 / float64(b.N) }
			b.ReportMetric(perRun(decided), "decided-ms")
			b.ReportMetric(perRun(watched), "watched-ms")
		})
	}
}
