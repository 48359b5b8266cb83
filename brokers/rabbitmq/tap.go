package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// The pause between attempts to arm again after a loss: doubled from the first
// to the last.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 2 * time.Second
)

// reader reads one channel: a queue of the tap's own, or a stream. arm and read
// are called in turns by one goroutine, catchUp by any.
type reader interface {
	// arm makes ready to read; after a loss it does so again, and tells in the
	// events what the loss may have cost.
	arm(ctx context.Context) error
	// read sends events until ctx ends or the broker is lost, and says why.
	read(ctx context.Context) error
	// catchUp returns once all that the broker had accepted has been sent.
	catchUp(ctx context.Context) (brokers.Caught, error)
}

// tap is one goroutine a reader, over one connection.
type tap struct {
	tapper  *tapper
	cfg     brokers.TapConfig
	link    *link
	log     *slog.Logger
	readers []reader

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	running sync.WaitGroup
	gate    sync.RWMutex // held while an event is being sent
	shut    bool         // no event may be sent any more; guarded by gate

	mu      sync.Mutex
	made    []created
	tracing bool // switched on by this tap
	stays   bool // what was made stays on the broker

	dispose  sync.Once
	disposed chan struct{}
	err      error // what could not be undone; read after disposed
}

func newTap(t *tapper, cfg brokers.TapConfig, targets []target) *tap {
	tp := &tap{
		tapper: t, cfg: cfg, log: t.address.log, disposed: make(chan struct{}),
		link: &link{address: t.address, purpose: "tap"},
	}
	tp.ctx, tp.cancel = context.WithCancel(context.Background())
	for _, tg := range targets {
		if tg.channel.Stream != "" {
			tp.readers = append(tp.readers, newStreamReader(tp, tg.channel))
		} else {
			tp.readers = append(tp.readers, newQueueReader(tp, tg))
		}
	}
	return tp
}

func (tp *tap) arm(ctx context.Context) error {
	for _, r := range tp.readers {
		if err := r.arm(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (tp *tap) start() {
	tp.running.Go(tp.guard)
	for _, r := range tp.readers {
		tp.running.Go(func() { tp.keep(r) })
	}
}

// keep reads, and arms again whenever the broker is lost.
func (tp *tap) keep(r reader) {
	for {
		why := r.read(tp.ctx)
		if tp.ctx.Err() != nil {
			return
		}
		tp.log.Warn("tap lost", "broker", tp.tapper.address.broker, "reason", cause(why))
		pause := firstPause
		for r.arm(tp.ctx) != nil {
			select {
			case <-tp.ctx.Done():
				return
			case <-time.After(pause):
				pause = min(2*pause, lastPause)
			}
		}
	}
}

// send hands an event on. It fails once the tap is being closed.
func (tp *tap) send(e message.Event) bool {
	tp.gate.RLock()
	defer tp.gate.RUnlock()
	if tp.shut {
		return false
	}
	select {
	case tp.cfg.Events <- e:
		return true
	case <-tp.ctx.Done():
		return false
	}
}

// sendAll hands events on, in their order.
func (tp *tap) sendAll(events []message.Event) bool {
	for _, e := range events {
		if !tp.send(e) {
			return false
		}
	}
	return true
}

// gap tells of a possible loss between the channel's last message and now.
func (tp *tap) gap(channel string, seen time.Time, reason string) bool {
	tp.log.Warn("gap", "broker", tp.tapper.address.broker, "channel", channel, "reason", reason)
	return tp.send(message.Event{Mark: &message.Mark{Kind: message.MarkGap, Seen: seen, Channel: channel, Reason: reason}})
}

// CatchUp asks all readers at the same time.
func (tp *tap) CatchUp(ctx context.Context) (brokers.Caught, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(tp.ctx, cancel)()
	caught := make([]brokers.Caught, len(tp.readers))
	errs := make([]error, len(tp.readers))
	var all sync.WaitGroup
	for i, r := range tp.readers {
		all.Go(func() { caught[i], errs[i] = r.catchUp(ctx) })
	}
	all.Wait()
	if tp.ctx.Err() != nil {
		return brokers.Caught{}, fmt.Errorf("catch up: the tap is %w", errClosed)
	}
	if err := errors.Join(errs...); err != nil {
		return brokers.Caught{}, err
	}
	for _, c := range caught {
		if !c.Exact {
			return c, nil
		}
	}
	return brokers.Caught{Exact: true}, nil
}

// created is what the broker does not drop by itself with the connection.
type created struct {
	exchange string
	queues   []string
}

// create notes names before they are created, so that they are removed whatever
// happens.
func (tp *tap) create(c created) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.made = append(tp.made, c)
}

// trace switches the firehose on, and tells whether it was off.
func (tp *tap) trace(ctx context.Context) (changed bool, err error) {
	changed, err = tp.tapper.api.switchTracing(ctx, true)
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.tracing = tp.tracing || changed
	return changed, err
}

// Close stops reading at once; what the tap created is removed in the
// background, and Close waits for that as long as ctx lasts.
func (tp *tap) Close(ctx context.Context) error {
	tp.cancel()
	tp.gate.Lock() // what was being sent has been, or has been given up
	tp.shut = true
	tp.gate.Unlock()
	tp.dispose.Do(func() {
		go func() {
			defer close(tp.disposed)
			tp.err = tp.remove()
		}()
	})
	select {
	case <-tp.disposed:
		return tp.err
	case <-ctx.Done():
		return fmt.Errorf("close the tap: it is still removing what it created: %w", ctx.Err())
	}
}

// Detach implements brokers.Detacher: the queues of a durable tap stay, and go on
// collecting until they expire.
func (tp *tap) Detach(ctx context.Context) error {
	tp.mu.Lock()
	tp.stays = tp.cfg.Durable
	tp.mu.Unlock()
	return tp.Close(ctx)
}

// remove ends the connection, with which the broker drops what is exclusive, and
// deletes the rest. Deleting what is not there is no error on RabbitMQ.
func (tp *tap) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	defer tp.tapper.forget(tp)
	tp.link.close()
	tp.running.Wait()
	var errs []error
	for _, c := range tp.made {
		if tp.stays {
			break
		}
		err := tp.tapper.control.do(ctx, c.delete)
		if err != nil && !errors.Is(err, brokers.ErrRefused) { // then it could not be created, either
			errs = append(errs, fmt.Errorf("broker %s: what the tap created may be left behind until it expires: %w", tp.tapper.address.broker, err))
		}
	}
	if tp.tracing {
		if _, err := tp.tapper.api.switchTracing(ctx, false); err != nil {
			errs = append(errs, fmt.Errorf("broker %s: tracing of vhost %s is left on: rabbitmqctl trace_off -p %s: %w", tp.tapper.address.broker, tp.tapper.address.vhost, tp.tapper.address.vhost, err))
		}
	}
	return errors.Join(errs...)
}

func (c created) delete(ch *amqp091.Channel) error {
	for _, name := range c.queues {
		if _, err := ch.QueueDelete(name, false, false, false); err != nil {
			return fmt.Errorf("queue %s: %w", name, replyError(err))
		}
	}
	if err := ch.ExchangeDelete(c.exchange, false, false); err != nil {
		return fmt.Errorf("exchange %s: %w", c.exchange, replyError(err))
	}
	return nil
}
