package kafka

import (
	"errors"
	"time"

	"github.com/IBM/sarama"
)

// fetching is a fetch that is under way, or has been answered.
type fetching struct {
	begun  time.Time
	asked  map[*partition]int64 // from where
	done   chan struct{}        // closed: the rest is there
	answer *sarama.FetchResponse
	err    error
}

// fetch asks for partitions, each from an offset, without waiting for the answer.
func (r *reader) fetch(from map[*partition]int64) *fetching {
	f := &fetching{begun: time.Now(), asked: from, done: make(chan struct{})}
	req := newFetch(r.t.c.tune.poll)
	for _, p := range r.parts {
		if offset, ok := from[p]; ok {
			req.AddBlock(p.topic, p.partition, offset, p.limit, p.at.epoch)
		}
	}
	go func() {
		defer close(f.done)
		f.answer, f.err = r.conn.Fetch(req)
	}()
	return f
}

// fetched is the answer to what was asked ahead, else to a fetch of all the
// partitions from where each is.
func (r *reader) fetched() *fetching {
	f := r.ahead
	if r.ahead = nil; f == nil {
		from := make(map[*partition]int64, len(r.parts))
		for _, p := range r.parts {
			from[p] = p.next
		}
		f = r.fetch(from)
	}
	<-f.done
	return f
}

// fetchAhead asks for what comes behind an answer that is still to be handed on, so
// that the broker and this process work at the same time. It does not where the
// answer brought nothing, or anything but whole batches: what comes next is told by
// a closer look then.
func (r *reader) fetchAhead(f *fetching) {
	from := make(map[*partition]int64, len(r.parts))
	further := false
	for _, p := range r.parts {
		if p.gone.Load() {
			continue
		}
		block := f.block(p)
		if block == nil {
			from[p] = p.next
			continue
		}
		if !errors.Is(block.Err, sarama.ErrNoError) {
			return
		}
		all := func(*sarama.RecordBatch, *sarama.Record) bool { return true }
		next, partial, err := sifting{from: p.next, show: all}.sift(block)
		if partial || err != nil {
			return
		}
		from[p] = next
		further = further || next > p.next
	}
	if further {
		r.ahead = r.fetch(from)
	}
}

// block is what the answer has of a partition; nil if that was not asked for from
// where it is now.
func (f *fetching) block(p *partition) *sarama.FetchResponseBlock {
	if from, ok := f.asked[p]; !ok || from != p.next {
		return nil
	}
	return f.answer.GetBlock(p.topic, p.partition)
}

// close closes the connection, and waits for what is under way on it.
func (r *reader) close() {
	r.conn.close()
	if r.ahead != nil {
		<-r.ahead.done
	}
}
