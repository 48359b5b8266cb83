package rabbitmq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
)

// errNotSent: the message was not written.
var errNotSent = errors.New("not sent")

// publisher hands messages to one goroutine, which writes them one behind the
// other without waiting for confirms:
//
//	Publish → requests → write → session → confirms → Publish returns
//
// A lost connection is made anew by the next Publish.
type publisher struct {
	link     *link
	requests chan *request

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	writing sync.WaitGroup

	session *session // of the writing goroutine
}

// request is one message on its way.
type request struct {
	ctx      context.Context
	exchange string
	key      string
	queue    string // a queue or stream that is meant by the default exchange
	message  amqp091.Publishing
	done     chan error // takes one
}

func openPublisher(ctx context.Context, cfg brokers.Config) (brokers.Publisher, error) {
	a, err := newAddress(cfg)
	if err != nil {
		return nil, err
	}
	p := newPublisher(a, "publisher")
	if err := p.connect(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func newPublisher(a *address, purpose string) *publisher {
	p := &publisher{link: &link{address: a, purpose: purpose}, requests: make(chan *request)}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.writing.Go(p.write)
	return p
}

// connect logs in, so that a wrong login shows at once.
func (p *publisher) connect(ctx context.Context) error {
	_, err := p.link.connection(ctx)
	return err
}

// Publish sends with mandatory and waits for the confirm. A channel that names a
// queue or a stream is published to by the default exchange.
func (p *publisher) Publish(ctx context.Context, ch brokers.Channel, m brokers.Outgoing) (brokers.Receipt, error) {
	r, err := newRequest(ctx, ch, m)
	if err != nil {
		return brokers.Receipt{}, fmt.Errorf("publish to channel %s: %w", ch.Name, err)
	}
	if err := p.hand(ctx, r); err != nil {
		return brokers.Receipt{}, fmt.Errorf("publish to %s: %w%s", r, err, r.lacking(err))
	}
	return brokers.Receipt{}, nil
}

func newRequest(ctx context.Context, ch brokers.Channel, m brokers.Outgoing) (*request, error) {
	if err := check(ch); err != nil {
		return nil, err
	}
	if m.Partition != nil {
		return nil, errors.New("RabbitMQ has no partitions")
	}
	publishing, err := encode(m.Message)
	if err != nil {
		return nil, err
	}
	r := &request{ctx: ctx, exchange: ch.Exchange, queue: ch.Queue + ch.Stream + ch.Reply, message: publishing, done: make(chan error, 1)}
	r.key = r.queue
	if len(ch.RoutingKeys) > 0 {
		r.key = ch.RoutingKeys[0]
	}
	if key, ok := m.Properties[propRoutingKey]; ok && r.queue == "" {
		if err := setText(&r.key, key); err != nil {
			return nil, fmt.Errorf("property %s: %w", propRoutingKey, err)
		}
	}
	return r, nil
}

// String names where a message goes.
func (r *request) String() string {
	if r.queue != "" {
		return "queue " + r.queue
	}
	return fmt.Sprintf("exchange %s with key %q", r.exchange, r.key)
}

// lacking names the permission that a refused publish takes; "" where that is not
// why it failed.
func (r *request) lacking(err error) string {
	if !errors.Is(err, brokers.ErrRefused) || !strings.Contains(err.Error(), "ACCESS_REFUSED") {
		return ""
	}
	return ": the login needs to write to " + cmp.Or(r.exchange, "amq.default")
}

// hand gives the request to the writing goroutine and waits for the confirm.
func (p *publisher) hand(ctx context.Context, r *request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case p.requests <- r:
	case <-ctx.Done():
		return fmt.Errorf("not sent: %w", ctx.Err())
	case <-p.ctx.Done():
		return fmt.Errorf("the publisher is %w", errClosed)
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("the broker may or may not have it, no confirm came: %w", ctx.Err())
	}
}

// write sends requests until the publisher is closed.
func (p *publisher) write() {
	for {
		select {
		case r := <-p.requests:
			if err := p.send(r); err != nil {
				r.done <- err
			}
		case <-p.ctx.Done():
			return
		}
	}
}

// send writes one message, on a new connection if the last one turns out to be
// lost before anything was written. Without an error, the session answers the
// request.
func (p *publisher) send(r *request) error {
	err := p.attempt(r)
	if errors.Is(err, errNotSent) {
		err = p.attempt(r)
	}
	return err
}

func (p *publisher) attempt(r *request) error {
	if err := r.ctx.Err(); err != nil {
		return fmt.Errorf("not sent: %w", err)
	}
	conn, err := p.link.connection(r.ctx)
	if err != nil {
		return err
	}
	if err := checkFrame(r.message, conn.Config.FrameSize); err != nil {
		return err
	}
	defer watch(r.ctx, conn)()
	if p.session == nil || p.session.conn != conn || p.session.over() {
		if p.session, err = newSession(conn); err != nil {
			return unsent(conn, err)
		}
	}
	if err := p.session.exists(r.exchange); err != nil {
		return unsent(conn, err)
	}
	return p.session.publish(r)
}

// unsent ends a connection that turned out to be lost.
func unsent(conn *amqp091.Connection, err error) error {
	if !errors.Is(err, brokers.ErrUnreachable) {
		return err
	}
	_ = conn.CloseDeadline(time.Now())
	return fmt.Errorf("%w: %w", errNotSent, err)
}

// Close ends the connection, once what is being written has been confirmed or
// grace is over. It may be called twice.
func (p *publisher) Close() error {
	p.cancel()
	timer := time.AfterFunc(grace, p.link.close) // a broker that reads no more
	defer timer.Stop()
	p.writing.Wait()
	if p.session != nil {
		p.session.drain(grace)
	}
	p.link.close()
	return nil
}
