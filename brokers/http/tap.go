package http

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	nethttp "net/http"
	"sync"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// tap is an address that listens.
type tap struct {
	owner  *tapper
	events chan<- message.Event
	queue  chan entry
	server *nethttp.Server
	// address is where it listens.
	address string

	stop    chan struct{} // closed by Close
	stopped sync.Once
	work    sync.WaitGroup
}

// entry is an event on its way, or a caller who waits until those before it are
// sent.
type entry struct {
	event message.Event
	sent  chan struct{}
}

// queueLength is how many messages may wait for the reader of the events before
// answers wait, too.
const queueLength = 1024

// Limits of a connection, for clients that never finish what they began.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
)

var errClosed = errors.New("the tap is closed")

func newTap(owner *tapper, cfg brokers.TapConfig) *tap {
	return &tap{owner: owner, events: cfg.Events, queue: make(chan entry, queueLength), stop: make(chan struct{})}
}

// serve answers what comes in, until Close.
func (t *tap) serve(listener net.Listener, mux nethttp.Handler) {
	t.address = listener.Addr().String()
	t.server = &nethttp.Server{
		Handler: mux, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(t.owner.log.Handler(), slog.LevelDebug),
	}
	t.work.Go(func() {
		if err := t.server.Serve(listener); !errors.Is(err, nethttp.ErrServerClosed) {
			t.owner.log.Error("listening has ended", "address", t.owner.address, "error", err)
		}
	})
	t.work.Go(t.deliver)
}

// put queues an event.
func (t *tap) put(ctx context.Context, e message.Event) error {
	select {
	case <-t.stop:
		return errClosed
	default:
	}
	select {
	case t.queue <- entry{event: e}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.stop:
		return errClosed
	}
}

// lose tells of a loss.
func (t *tap) lose(channel, reason string) {
	mark := &message.Mark{Kind: message.MarkGap, Channel: channel, Reason: reason, Seen: time.Now()}
	_ = t.put(context.Background(), message.Event{Mark: mark}) // it fails only where nobody reads any more
}

// deliver sends what is queued, in its order.
func (t *tap) deliver() {
	for {
		select {
		case e := <-t.queue:
			if e.sent != nil {
				close(e.sent)
				continue
			}
			select {
			case t.events <- e.event:
			case <-t.stop:
				return
			}
		case <-t.stop:
			return
		}
	}
}

// CatchUp waits until each request that was answered when it was called has been
// sent.
func (t *tap) CatchUp(ctx context.Context) (brokers.Caught, error) {
	e := entry{sent: make(chan struct{})}
	select {
	case t.queue <- e:
	case <-ctx.Done():
		return brokers.Caught{}, fmt.Errorf("catch up: not all has been sent yet: %w", ctx.Err())
	case <-t.stop:
		return brokers.Caught{}, fmt.Errorf("catch up: %w", errClosed)
	}
	select {
	case <-e.sent:
		return brokers.Caught{Exact: true}, nil
	case <-ctx.Done():
		return brokers.Caught{}, fmt.Errorf("catch up: not all has been sent yet: %w", ctx.Err())
	case <-t.stop:
		return brokers.Caught{}, fmt.Errorf("catch up: %w", errClosed)
	}
}

// Close stops listening. Requests under way are answered as far as ctx allows.
func (t *tap) Close(ctx context.Context) error {
	var err error
	t.stopped.Do(func() {
		close(t.stop)
		if err = t.server.Shutdown(ctx); err != nil {
			err = errors.Join(fmt.Errorf("stop listening at %s: %w", t.owner.address, err), t.server.Close())
		}
		t.owner.forget(t)
	})
	t.work.Wait()
	return err
}

// openPublisher is refused: the system calls flowcheck, not the other way round.
func openPublisher(context.Context, brokers.Config) (brokers.Publisher, error) {
	return refusing{}, nil
}

type refusing struct{}

func (refusing) Publish(_ context.Context, ch brokers.Channel, _ brokers.Outgoing) (brokers.Receipt, error) {
	return brokers.Receipt{}, fmt.Errorf("send to %s: flowcheck listens there: to call the system, begin the scenario with a call", ch.Name)
}

func (refusing) Close() error { return nil }
