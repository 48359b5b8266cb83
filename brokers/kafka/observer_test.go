package kafka

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/message"
)

// TestObservationsAreTheirOwn: each is what its record was, with empty and absent
// apart, whatever came before and after it, and once the records' memory is used
// for others.
func TestObservationsAreTheirOwn(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var m observer
	text := func() []byte {
		switch n := rng.IntN(20); n {
		case 0:
			return nil
		case 1:
			return []byte{}
		case 2:
			return bytes.Repeat([]byte{byte(rng.Uint32())}, textAhead)
		default:
			return fmt.Appendf(nil, "%d-%d", n, rng.IntN(3))
		}
	}
	var got, want []*message.Observation
	for i := range 2000 {
		r := &sarama.Record{Key: text(), Value: text(), OffsetDelta: int64(i)}
		o := &message.Observation{Position: message.At(3, int64(100+i)), ProducerClock: true, Message: message.Message{Key: bytes.Clone(r.Key), Payload: bytes.Clone(r.Value)}}
		for range rng.IntN(4) {
			h := &sarama.RecordHeader{Key: fmt.Appendf(nil, "h-%d", rng.IntN(2)), Value: text()}
			r.Headers = append(r.Headers, h)
			header := message.Header{Name: string(h.Key)}
			if h.Value != nil {
				header.Value = string(h.Value)
			}
			o.Headers = append(o.Headers, header)
		}
		got = append(got, m.observe(&sarama.RecordBatch{FirstOffset: 100}, r, spot{partition: 3}))
		want = append(want, o)
		for _, b := range [][]byte{r.Key, r.Value} {
			clear(b)
		}
		_ = append(got[i].Payload, '!') // must not reach the next
		if len(o.Headers) > 0 {
			_ = append(got[i].Headers, message.Header{Name: "!"})
		}
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("%d: %+v instead of %+v", i, got[i], want[i])
		}
	}
}
