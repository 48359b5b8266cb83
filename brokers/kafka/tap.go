package kafka

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// tap is an armed tap. The keeper and the readers are its goroutines.
type tap struct {
	tp      *tapper
	c       *cluster
	events  chan<- message.Event
	durable bool
	share   func(brokers.Channel, int32) bool // nil: every partition
	ctx     context.Context                   //nolint:containedctx // the life of the tap
	cancel  context.CancelFunc
	work    sync.WaitGroup

	nudge   chan struct{} // wakes the keeper for parked partitions
	waiters atomic.Int32  // how many CatchUps wait

	surveying chan struct{} // has room for one: who surveys puts something in

	mu      sync.Mutex
	topics  map[string]*tapped // changed by surveys only
	untold  []gap              // for the keeper to tell
	readers map[int32]*reader  // by the leader's id
	parked  []*partition       // held by the keeper
	moved   chan struct{}      // closed when a partition got further
}

// tapped is a topic that a tap reads.
type tapped struct {
	id       sarama.Uuid
	channels []string
	parts    map[int32]*partition
	missing  time.Time // since when the topic is away; zero: it is there
	deleted  bool      // and it has been told
}

// gap is a gap mark to be sent.
type gap struct {
	channels []string
	reason   string
}

// newTap makes a tap that reads nothing yet: every partition is parked.
func newTap(tp *tapper, cfg brokers.TapConfig, topics map[string]*tapped) *tap {
	t := &tap{
		tp: tp, c: tp.c, events: cfg.Events, durable: cfg.Durable, share: cfg.Share, topics: topics,
		nudge: make(chan struct{}, 1), surveying: make(chan struct{}, 1), readers: map[int32]*reader{}, moved: make(chan struct{}),
	}
	t.ctx, t.cancel = context.WithCancel(tp.c.ctx)
	for _, topic := range topics {
		for _, p := range topic.parts {
			t.parked = append(t.parked, p)
		}
	}
	return t
}

// start begins to read.
func (t *tap) start() {
	t.place(nil)
	t.work.Go(t.keep)
}

// emit sends an event; false means that the tap is closed.
func (t *tap) emit(e message.Event) bool {
	select {
	case t.events <- e: // mostly there is room, which costs less to find out alone
		return true
	default:
	}
	select {
	case t.events <- e:
		return true
	case <-t.ctx.Done():
		return false
	}
}

// tell sends gap marks to the channels; false means that the tap is closed.
func (t *tap) tell(channels []string, gaps ...string) bool {
	for _, reason := range gaps {
		for _, channel := range channels {
			t.c.log.Warn("gap", "channel", channel, "reason", reason)
			mark := &message.Mark{Kind: message.MarkGap, Seen: time.Now(), Channel: channel, Reason: reason}
			if !t.emit(message.Event{Mark: mark}) {
				return false
			}
		}
	}
	return true
}

// fence tells where a partition begins; false means that the tap is closed.
func (t *tap) fence(p *partition) bool {
	if p.fenced {
		return true
	}
	p.fenced = true
	for _, channel := range p.channels {
		mark := &message.Mark{Kind: message.MarkFence, Seen: time.Now(), Channel: channel, Position: message.At(p.partition, p.next)}
		if !t.emit(message.Event{Mark: mark}) {
			return false
		}
	}
	return true
}

// park gives a partition to the keeper.
func (t *tap) park(p *partition, err error) {
	t.c.log.Debug("parked", "partition", p.spot, "error", err)
	p.fails(err)
	t.mu.Lock()
	t.parked = append(t.parked, p)
	t.mu.Unlock()
	select {
	case t.nudge <- struct{}{}:
	default:
	}
}

// wake tells the CatchUps that something got further.
func (t *tap) wake() {
	if t.waiters.Load() == 0 {
		return
	}
	t.mu.Lock()
	close(t.moved)
	t.moved = make(chan struct{})
	t.mu.Unlock()
}

// Detach implements brokers.Detacher: on Kafka a tap leaves nothing anyway.
func (t *tap) Detach(ctx context.Context) error { return t.Close(ctx) }

// Close implements brokers.Tap.
func (t *tap) Close(ctx context.Context) error {
	t.mu.Lock() // no reader starts after this
	t.cancel()
	t.mu.Unlock()
	t.tp.forget(t)
	done := make(chan struct{})
	go func() {
		t.work.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	// The connections are cut: it takes no time, even where ctx has none left.
	select {
	case <-done:
		return nil
	case <-time.After(time.Second):
		return fmt.Errorf("close the tap on kafka %s: %w", t.c.name, ctx.Err())
	}
}
