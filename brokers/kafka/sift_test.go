package kafka

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"pgregory.net/rapid"
)

// batch makes a batch of n records from an offset on, by a producer.
func batch(first int64, n int, producer int64) *sarama.RecordBatch {
	b := &sarama.RecordBatch{Version: 2, FirstOffset: first, LastOffsetDelta: int32(n - 1), ProducerID: producer}
	for i := range n {
		b.Records = append(b.Records, &sarama.Record{OffsetDelta: int64(i), Value: fmt.Append(nil, first+int64(i))})
	}
	return b
}

func transactional(b *sarama.RecordBatch) *sarama.RecordBatch {
	b.IsTransactional = true
	return b
}

// marker ends a transaction: key is version and type.
func marker(at, producer int64, kind byte) *sarama.RecordBatch {
	b := transactional(batch(at, 1, producer))
	b.Control = true
	b.Records[0].Key = []byte{0, 0, 0, kind}
	return b
}

const abort, commit = 0, 1

func block(batches ...*sarama.RecordBatch) *sarama.FetchResponseBlock {
	bl := &sarama.FetchResponseBlock{}
	for _, b := range batches {
		bl.RecordsSet = append(bl.RecordsSet, &sarama.Records{RecordBatch: b})
	}
	return bl
}

// sifted is what sift shows, and where it goes on.
func sifted(from int64, bl *sarama.FetchResponseBlock) (shown string, next int64, partial bool, err error) {
	var all []string
	next, partial, err = sifting{from: from, show: func(b *sarama.RecordBatch, r *sarama.Record) bool {
		all = append(all, fmt.Sprint(b.FirstOffset+r.OffsetDelta))
		return true
	}}.sift(bl)
	return strings.Join(all, " "), next, partial, err
}

func TestSift(t *testing.T) {
	compacted := batch(10, 10, -1)
	compacted.Records = compacted.Records[2:4] // 12 and 13 are left of 10 to 19
	cut := batch(0, 3, -1)
	cut.Records, cut.PartialTrailingRecord = nil, true
	aborted := func(bl *sarama.FetchResponseBlock, producerAndFirst ...int64) *sarama.FetchResponseBlock {
		for i := 0; i < len(producerAndFirst); i += 2 {
			bl.AbortedTransactions = append(bl.AbortedTransactions,
				&sarama.AbortedTransaction{ProducerID: producerAndFirst[i], FirstOffset: producerAndFirst[i+1]})
		}
		return bl
	}
	for _, c := range []struct {
		name  string
		from  int64
		block *sarama.FetchResponseBlock
		shown string
		next  int64
	}{
		{"nothing", 5, block(), "", 5},
		{"a batch", 0, block(batch(0, 3, -1)), "0 1 2", 3},
		{"from within a batch", 2, block(batch(0, 4, -1)), "2 3", 4},
		{"two batches with a hole", 0, block(batch(0, 1, -1), batch(7, 2, -1)), "0 7 8", 9},
		{"what compaction left", 10, block(compacted), "12 13", 20},
		{"behind what compaction left", 15, block(compacted), "", 20},
		{"a commit", 0, block(transactional(batch(0, 2, 9)), marker(2, 9, commit)), "0 1", 3},
		{"a marker alone", 2, block(marker(2, 9, commit)), "", 3},
		{"an abort", 0, aborted(block(transactional(batch(0, 2, 9)), marker(2, 9, abort)), 9, 0), "", 3},
		{"an abort that began before", 5, aborted(block(transactional(batch(5, 2, 9)), marker(7, 9, abort)), 9, 1), "", 8},
		{"an abort, then a commit of the same producer", 0, aborted(block(
			transactional(batch(0, 1, 9)), marker(1, 9, abort), transactional(batch(2, 1, 9)), marker(3, 9, commit)), 9, 0), "2", 4},
		{"a commit, then an abort of the same producer", 0, aborted(block(
			transactional(batch(0, 1, 9)), marker(1, 9, commit), transactional(batch(2, 1, 9)), marker(3, 9, abort)), 9, 2), "0", 4},
		{"two producers, out of order", 0, aborted(block(
			transactional(batch(0, 1, 8)), transactional(batch(1, 1, 9)), batch(2, 1, 9), marker(3, 9, abort),
			transactional(batch(4, 1, 9)), marker(5, 8, abort), marker(6, 9, abort)), 9, 4, 8, 0, 9, 1), "2", 7},
	} {
		shown, next, partial, err := sifted(c.from, c.block)
		if shown != c.shown || next != c.next || partial || err != nil {
			t.Errorf("%s: shown %q, next %d, partial %t, %v: want %q and %d", c.name, shown, next, partial, err, c.shown, c.next)
		}
	}
	if _, next, partial, _ := sifted(0, block(cut)); !partial || next != 0 {
		t.Errorf("a batch that is cut: partial %t, next %d", partial, next)
	}
	if shown, next, partial, _ := sifted(0, block(batch(0, 1, -1), cut)); partial || next != 1 || shown != "0" {
		t.Errorf("a cut batch behind a whole one: partial %t, next %d, shown %q", partial, next, shown)
	}
	old := &sarama.FetchResponseBlock{RecordsSet: []*sarama.Records{{MsgSet: &sarama.MessageSet{Messages: []*sarama.MessageBlock{{Offset: 41}}}}}}
	if _, next, _, err := sifted(40, old); !errors.Is(err, errOldFormat) || next != 42 {
		t.Errorf("old messages: %v, next %d", err, next)
	}
}

// TestSiftShowsWhatWasCommitted plays producers that commit and abort side by
// side, cuts the log into fetches anywhere, and wants exactly what was
// committed, or sent without a transaction, in order.
func TestSiftShowsWhatWasCommitted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := drawLog(t)
		var got []string
		next := int64(0)
		for next < log.end {
			bl := log.fetch(next, rapid.IntRange(1, 5).Draw(t, "batches"))
			shown, after, partial, err := sifted(next, bl)
			if err != nil || partial || after <= next {
				t.Fatalf("from %d: next %d, partial %t, %v", next, after, partial, err)
			}
			got = append(got, strings.Fields(shown)...)
			next = after
		}
		if !slices.Equal(got, log.visible) {
			t.Fatalf("shown %v, want %v", got, log.visible)
		}
	})
}

// fakeLog is a partition's log whose transactions are all ended.
type fakeLog struct {
	batches []*sarama.RecordBatch
	aborts  []abortedAt
	visible []string
	end     int64
}

// abortedAt is an entry of the broker's transaction index.
type abortedAt struct{ producer, first, last int64 }

func drawLog(t *rapid.T) *fakeLog {
	log := &fakeLog{}
	open := map[int64][]*sarama.RecordBatch{}
	hidden := map[int64]bool{}
	finish := func(producer int64, kind byte) {
		log.batches = append(log.batches, marker(log.end, producer, kind))
		if kind == abort {
			log.aborts = append(log.aborts, abortedAt{producer, open[producer][0].FirstOffset, log.end})
			for _, b := range open[producer] {
				hidden[b.FirstOffset] = true
			}
		}
		delete(open, producer)
		log.end++
	}
	for range rapid.IntRange(1, 40).Draw(t, "steps") {
		producer := rapid.Int64Range(0, 3).Draw(t, "producer") // 0 sends without transactions
		if len(open[producer]) > 0 && rapid.IntRange(0, 2).Draw(t, "end") == 0 {
			finish(producer, byte(rapid.IntRange(0, 1).Draw(t, "kind")))
			continue
		}
		b := batch(log.end, rapid.IntRange(1, 3).Draw(t, "size"), producer)
		if producer > 0 {
			open[producer] = append(open[producer], transactional(b))
		}
		log.batches = append(log.batches, b)
		log.end = b.LastOffset() + 1
	}
	for producer := range int64(4) {
		if len(open[producer]) > 0 {
			finish(producer, byte(rapid.IntRange(0, 1).Draw(t, "last kind")))
		}
	}
	for _, b := range log.batches {
		if !b.Control && !hidden[b.FirstOffset] {
			for _, r := range b.Records {
				log.visible = append(log.visible, string(r.Value))
			}
		}
	}
	return log
}

// fetch is what a broker answers: whole batches from the one with the offset
// on, and the aborted transactions that meet them.
func (l *fakeLog) fetch(from int64, n int) *sarama.FetchResponseBlock {
	at := slices.IndexFunc(l.batches, func(b *sarama.RecordBatch) bool { return b.LastOffset() >= from })
	some := l.batches[at:min(at+n, len(l.batches))]
	bl := block(some...)
	upper := some[len(some)-1].LastOffset()
	for _, a := range l.aborts {
		if a.last >= from && a.first <= upper {
			bl.AbortedTransactions = append(bl.AbortedTransactions, &sarama.AbortedTransaction{ProducerID: a.producer, FirstOffset: a.first})
		}
	}
	return bl
}
