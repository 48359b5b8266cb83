package correlate

import (
	"fmt"
	"testing"
)

// BenchmarkFind looks chains up by their ids, in an order that no cache helps.
func BenchmarkFind(b *testing.B) {
	for _, open := range []int{1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("open=%d", open), func(b *testing.B) {
			e := NewEngine(Config{})
			keys := make([]key, open)
			for i := range keys {
				keys[i] = key{order, fmt.Sprint("o-", i)}
				e.tie([]ID{ID(keys[i])}, keys[i].hash())
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				k := keys[i*7919%open]
				if e.find(k, k.hash()) == 0 {
					b.Fatal("lost")
				}
			}
		})
	}
}
