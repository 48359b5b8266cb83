package kafka

import (
	"context"
	"errors"
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
	tp     *tapper
	c      *cluster
	events chan<- message.Event
	ctx    context.Context //nolint:containedctx // the life of the tap
	cancel context.CancelFunc
	work   sync.WaitGroup

	nudge   chan struct{} // wakes the keeper for parked partitions
	waiters atomic.Int32  // how many CatchUps wait

	surveying sync.Mutex         // held during a survey
	topics    map[string]*tapped // guarded by surveying
	untold    []gap              // guarded by surveying; for the keeper to tell

	mu      sync.Mutex
	readers map[int32]*reader // by the leader's id
	parked  []*partition      // held by the keeper
	moved   chan struct{}     // closed when a partition got further
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
		tp: tp, c: tp.c, events: cfg.Events, topics: topics,
		nudge: make(chan struct{}, 1), readers: map[int32]*reader{}, moved: make(chan struct{}),
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

// park gives a partition to the keeper.
func (t *tap) park(p *partition, err error) {
	if err != nil {
		t.c.log.Debug("parked", "partition", p.spot, "error", err)
		p.fails(err)
	}
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

// CatchUp implements brokers.Tap. It compares how far each partition was read,
// control records and aborted transactions included, with the high watermark.
// Behind an open transaction nothing can be read: after tuning.patience it
// returns without having seen what lies there, and says so.
func (t *tap) CatchUp(ctx context.Context) (brokers.Caught, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()
	t.waiters.Add(1)
	defer t.waiters.Add(-1)
	goal, deleted, err := t.goal(ctx)
	if err == nil {
		var caught brokers.Caught
		if caught, err = t.await(ctx, goal); err == nil {
			if deleted != "" {
				caught = brokers.Caught{Reason: deleted}
			}
			return caught, nil
		}
	}
	if t.ctx.Err() != nil {
		err = errors.New("the tap is closed")
	}
	return brokers.Caught{}, fmt.Errorf("catch up on kafka %s: %w", t.c.name, err)
}

// goal asks for the ends of all partitions, new ones included. It goes on
// asking while brokers are away, up to tuning.outage.
func (t *tap) goal(ctx context.Context) (goal map[*partition]int64, deleted string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, t.c.tune.outage, brokers.ErrUnreachable)
	defer cancel()
	for {
		goal, deleted, err = t.askGoal(ctx)
		if err == nil || !errors.Is(err, brokers.ErrUnreachable) || ctx.Err() != nil {
			return goal, deleted, err
		}
		if pause(ctx, 50*time.Millisecond) != nil {
			return nil, "", err
		}
	}
}

func (t *tap) askGoal(ctx context.Context) (goal map[*partition]int64, deleted string, err error) {
	if err := t.survey(ctx); err != nil {
		return nil, "", err
	}
	parts, spots := map[spot]*partition{}, map[spot]place{}
	t.surveying.Lock()
	for name, topic := range t.topics {
		if !topic.missing.IsZero() {
			deleted = fmt.Sprintf("topic %s %v any more", name, brokers.ErrAbsent)
			continue
		}
		for _, p := range topic.parts {
			parts[p.spot], spots[p.spot] = p, place{leader: -1}
		}
	}
	t.surveying.Unlock()
	if spots, err = t.c.relocate(ctx, spots); err != nil {
		return nil, "", err
	}
	ends, err := t.c.offsets(ctx, spots, high)
	if err != nil {
		return nil, "", err
	}
	goal = map[*partition]int64{}
	for s, end := range ends {
		goal[parts[s]] = end
	}
	return goal, deleted, nil
}

// await waits until every partition was read up to its goal.
func (t *tap) await(ctx context.Context, goal map[*partition]int64) (brokers.Caught, error) {
	var since time.Time // when only held partitions were left
	tick := time.NewTicker(max(t.c.tune.patience/10, time.Millisecond))
	defer tick.Stop()
	for {
		t.mu.Lock()
		moved := t.moved
		t.mu.Unlock()
		behind, held, err := t.behind(goal)
		switch {
		case err != nil:
			return brokers.Caught{}, err
		case behind == "" && held == "":
			return brokers.Caught{Exact: true}, nil
		case behind != "":
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		case time.Since(since) >= t.c.tune.patience:
			return brokers.Caught{Reason: held}, nil
		}
		select {
		case <-moved:
		case <-tick.C:
		case <-ctx.Done():
			return brokers.Caught{}, fmt.Errorf("%s%s: %w", behind, held, ctx.Err())
		}
	}
}

// behind looks for a partition that has not been read up to its goal: behind
// names one that is to come, held one that the broker does not show.
func (t *tap) behind(goal map[*partition]int64) (behind, held string, err error) {
	for p, end := range goal {
		read, stable := p.read.Load(), p.stable.Load()
		switch trouble := p.trouble.Load(); {
		case read >= end || p.gone.Load():
			delete(goal, p)
		case trouble != nil && (isRefusal(trouble.err) || time.Since(trouble.since) > t.c.tune.outage):
			return "", "", failed("read "+p.String(), trouble.err)
		case trouble == nil && stable < end && read >= stable:
			held = fmt.Sprintf("a transaction on %s is open since offset %d: what was accepted after it is not to be seen yet", p, stable)
		case trouble == nil && p.barren.Load():
			held = fmt.Sprintf("%s ends at offset %d, and the broker shows nothing from %d on", p, end, read)
		default:
			behind = fmt.Sprintf("%s is read up to offset %d of %d", p, read, end)
		}
	}
	return behind, held, nil
}
