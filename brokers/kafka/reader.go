package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/internal/pause"
	"github.com/flowcheck/flowcheck/message"
)

// answerSize is how many bytes one fetch may bring, of all partitions together.
const answerSize = 32 << 20

// reader fetches from one broker all the partitions that it leads. It parks a
// partition that it cannot read: the keeper finds out where it belongs.
type reader struct {
	t      *tap
	leader int32
	conn   *conn
	inbox  []*partition // guarded by tap.mu
	parts  []*partition
	ahead  *fetching // asked for while the last answer was handed on
}

// run fetches until the tap is closed, nothing is left to read, or the
// connection fails.
func (r *reader) run() {
	defer r.close()
	stop := context.AfterFunc(r.t.ctx, r.conn.lines.cut)
	defer stop()
	idle := time.Duration(0)
	for r.adopt() {
		f := r.fetched()
		if f.err != nil {
			r.parkAll(f.err)
			continue
		}
		moved := r.take(f)
		if r.t.ctx.Err() != nil {
			return
		}
		// A broker that answers at once without bringing anything must not be
		// asked as fast as it answers.
		if moved || time.Since(f.begun) >= r.t.c.tune.poll/2 {
			idle = 0
			continue
		}
		idle = min(max(2*idle, 5*time.Millisecond), r.t.c.tune.poll)
		if pause.For(r.t.ctx, idle) != nil {
			return
		}
	}
}

// adopt takes in the partitions that the keeper brought, tells their gaps, and
// lets go of those whose topic is gone. It reports whether there is work; if
// not, the reader has left the tap.
func (r *reader) adopt() bool {
	r.t.mu.Lock()
	fresh := r.inbox
	r.inbox = nil
	r.parts = slices.DeleteFunc(append(r.parts, fresh...), func(p *partition) bool { return p.gone.Load() })
	work := len(r.parts) > 0 && r.t.ctx.Err() == nil
	if !work && r.t.readers[r.leader] == r {
		delete(r.t.readers, r.leader)
	}
	r.t.mu.Unlock()
	for _, p := range fresh {
		if !r.t.tell(p.channels, p.gaps...) || !r.t.fence(p) {
			return false
		}
		p.gaps = nil
	}
	return work
}

// newFetch is a fetch for committed messages, without a session (KIP-227), in
// the newest version that sarama speaks.
func newFetch(wait time.Duration) *sarama.FetchRequest {
	return &sarama.FetchRequest{
		Version: 12, SessionEpoch: -1, Isolation: sarama.ReadCommitted,
		MinBytes: 1, MaxBytes: answerSize, MaxWaitTime: int32(wait.Milliseconds()),
	}
}

// take sends what came and parks what failed. It reports whether anything got
// further.
func (r *reader) take(f *fetching) (moved bool) {
	if f.answer.ErrorCode != 0 {
		r.parkAll(sarama.KError(f.answer.ErrorCode))
		return false
	}
	seen := time.Now()
	r.fetchAhead(f)
	held := r.parts
	r.parts = nil
	for i, p := range held {
		if r.t.ctx.Err() != nil {
			r.parts = append(r.parts, held[i:]...)
			return moved
		}
		block := f.block(p)
		switch {
		case p.gone.Load():
		case block == nil: // a throttled answer is empty
			r.parts = append(r.parts, p)
		case errors.Is(block.Err, sarama.ErrNoError):
			r.parts = append(r.parts, p)
			moved = r.send(p, block, seen) || moved
		default:
			p.lost = errors.Is(block.Err, sarama.ErrOffsetOutOfRange)
			r.t.park(p, fmt.Errorf("fetch %s: %w", p.spot, block.Err))
		}
	}
	r.t.wake()
	return moved
}

// send turns a block into events. It reports whether the partition got further.
func (r *reader) send(p *partition, block *sarama.FetchResponseBlock, seen time.Time) bool {
	was := p.next
	next, partial, err := sifting{
		from: p.next,
		show: func(batch *sarama.RecordBatch, rec *sarama.Record) bool {
			return r.show(p, p.observer.observe(batch, rec, p.spot), seen)
		},
	}.sift(block)
	if r.t.ctx.Err() != nil {
		return false
	}
	if errors.Is(err, errOldFormat) {
		r.t.tell(p.channels, fmt.Sprintf("offsets %d to %d of %s: %v", was, next-1, p.spot, err))
	}
	p.trouble.Store(nil)
	p.stable.Store(block.LastStableOffset)
	p.barren.Store(next == was && !partial && block.LastStableOffset > was)
	switch {
	case partial:
		p.limit = int32(min(2*int64(p.limit), math.MaxInt32))
		return true
	case next > was:
		p.limit = fetchSize
		p.move(next)
		return true
	}
	return false
}

// show sends one observation, once for each channel that has the topic.
func (r *reader) show(p *partition, o *message.Observation, seen time.Time) bool {
	o.Seen = seen
	for i, channel := range p.channels {
		if i > 0 {
			copied := *o
			o = &copied
		}
		o.Channel = channel
		if !r.t.emit(message.Event{Observation: o}) {
			return false
		}
	}
	return true
}

// parkAll gives every partition to the keeper.
func (r *reader) parkAll(err error) {
	for _, p := range r.parts {
		r.t.park(p, fmt.Errorf("fetch from broker %d: %w", r.leader, err))
	}
	r.parts = nil
	r.leave()
}

// leave makes the keeper open a new reader for what it will bring.
func (r *reader) leave() {
	r.t.mu.Lock()
	defer r.t.mu.Unlock()
	if r.t.readers[r.leader] == r {
		delete(r.t.readers, r.leader)
	}
}
