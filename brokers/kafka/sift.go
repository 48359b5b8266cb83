package kafka

import (
	"errors"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

// errOldFormat: messages of before Kafka 0.11 that a broker still stores as
// they are.
var errOldFormat = errors.New("messages in the format of before Kafka 0.11 cannot be read")

// sifting is a walk through what one fetch brought of one partition.
type sifting struct {
	from int64 // what lies below was asked for before
	// show is given each record that a reader of committed messages may see, in
	// its order. It returns false to end the walk.
	show func(*sarama.RecordBatch, *sarama.Record) bool
}

// sift returns the offset to ask for next. It counts what is not shown, too:
// control records, aborted transactions, what compaction took away inside a
// batch. partial says that the first batch did not fit into the limit. With
// errOldFormat next is behind what cannot be read.
func (s sifting) sift(block *sarama.FetchResponseBlock) (next int64, partial bool, err error) {
	next = s.from
	hidden := newAborted(block.AbortedTransactions)
	for _, set := range block.RecordsSet {
		if set.MsgSet != nil {
			if n := len(set.MsgSet.Messages); n > 0 {
				return max(next, set.MsgSet.Messages[n-1].Offset+1), false, errOldFormat
			}
			return next, set.MsgSet.PartialTrailingMessage, nil
		}
		batch := set.RecordBatch
		if batch == nil || batch.PartialTrailingRecord {
			return next, batch != nil && next == s.from, nil
		}
		if !hidden.has(batch) && !s.walk(batch) {
			return next, false, nil
		}
		next = max(next, batch.LastOffset()+1)
	}
	return next, block.Partial, nil
}

// walk shows the records of one batch. The first may lie below the offset that
// was asked for: brokers send whole batches.
func (s sifting) walk(batch *sarama.RecordBatch) bool {
	for _, r := range batch.Records {
		if batch.FirstOffset+r.OffsetDelta >= s.from && !s.show(batch, r) {
			return false
		}
	}
	return true
}

// aborted tells which batches of a fetch belong to aborted transactions, as
// Kafka's own consumer does: a producer's batches are hidden from the first
// offset of its aborted transaction to its abort marker.
type aborted struct {
	later []*sarama.AbortedTransaction // by first offset
	now   map[int64]bool               // by producer id
}

func newAborted(all []*sarama.AbortedTransaction) *aborted {
	later := slices.Clone(all)
	slices.SortFunc(later, func(a, b *sarama.AbortedTransaction) int {
		return int(min(1, max(-1, a.FirstOffset-b.FirstOffset)))
	})
	return &aborted{later: later, now: map[int64]bool{}}
}

// has reports whether nobody may see the batch. Batches come in their order.
func (a *aborted) has(batch *sarama.RecordBatch) bool {
	for len(a.later) > 0 && a.later[0].FirstOffset <= batch.LastOffset() {
		a.now[a.later[0].ProducerID] = true
		a.later = a.later[1:]
	}
	if batch.Control {
		if isAbort(batch) {
			delete(a.now, batch.ProducerID)
		}
		return true
	}
	return batch.IsTransactional && a.now[batch.ProducerID]
}

// isAbort reads a control record's key: version and type, two bytes each, type
// 0 being the abort marker (org.apache.kafka.common.record.ControlRecordType).
func isAbort(batch *sarama.RecordBatch) bool {
	if len(batch.Records) == 0 {
		return false
	}
	key := batch.Records[0].Key
	return len(key) >= 4 && key[2] == 0 && key[3] == 0
}

// recordTime is the broker's time where the topic has LogAppendTime, else what
// the producer wrote; zero where it wrote none.
func recordTime(batch *sarama.RecordBatch, r *sarama.Record) time.Time {
	switch {
	case batch.LogAppendTime:
		return batch.MaxTimestamp
	case batch.FirstTimestamp.IsZero():
		return time.Time{}
	default:
		return batch.FirstTimestamp.Add(r.TimestampDelta)
	}
}
