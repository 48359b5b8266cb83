package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
)

// grace is how long a broker may take to answer after the caller has given up,
// so that what was begun can be undone, and to close a connection.
const grace = 3 * time.Second

var errClosed = errors.New("closed")

// link is a connection that is made anew when it is lost. Its methods may be
// called from any goroutine.
type link struct {
	address *address
	purpose string

	mu     sync.Mutex
	conn   *amqp091.Connection
	closed bool
}

// connection returns the connection, made now if there is none.
func (l *link) connection(ctx context.Context) (*amqp091.Connection, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, fmt.Errorf("broker %s: %s: %w", l.address.broker, l.purpose, errClosed)
	}
	if l.conn != nil && !l.conn.IsClosed() {
		return l.conn, nil
	}
	conn, err := l.address.dial(ctx, l.purpose)
	if err != nil {
		return nil, err
	}
	l.conn = conn
	return conn, nil
}

// do runs f on an AMQP channel of its own, and once more if that shows that the
// connection was lost before. f looks at ctx between its steps; a broker that
// does not answer within grace of ctx's end loses the connection.
func (l *link) do(ctx context.Context, f func(*amqp091.Channel) error) error {
	conn, err := l.connection(ctx)
	if err != nil {
		return err
	}
	err = once(ctx, conn, f)
	if !errors.Is(err, brokers.ErrUnreachable) || ctx.Err() != nil {
		return err
	}
	_ = conn.CloseDeadline(time.Now()) // it is lost, and may not know it yet
	if conn, err = l.connection(ctx); err != nil {
		return err
	}
	return once(ctx, conn, f)
}

func once(ctx context.Context, conn *amqp091.Connection, f func(*amqp091.Channel) error) error {
	defer watch(ctx, conn)()
	ch, err := conn.Channel()
	if err != nil {
		return replyError(err)
	}
	defer ch.Close()
	return f(ch)
}

// watch ends the connection when it is still used after ctx's end and grace. The
// func that it returns ends the watch.
func watch(ctx context.Context, conn *amqp091.Connection) func() {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-done:
		case <-timer.C:
			_ = conn.CloseDeadline(time.Now())
		}
	})
	return func() {
		close(done)
		stop()
	}
}

// close ends the connection for good, within grace.
func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.conn != nil {
		_ = l.conn.CloseDeadline(time.Now().Add(grace)) // it is closed, whatever it says
	}
}
