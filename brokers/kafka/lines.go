package kafka

import (
	"context"
	"net"
	"sync"
	"time"
)

// lines dials for sarama and keeps what it dialled, because sarama's Broker
// cannot be closed while one of its requests waits: cutting the line under it
// can.
type lines struct {
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	timeout time.Duration
	ctx     context.Context //nolint:containedctx // sarama's dialer takes none
	cancel  context.CancelFunc

	mu   sync.Mutex
	open map[*line]struct{}
}

// newLines are cut with parent, or by themselves.
func newLines(parent context.Context, tune tuning) *lines {
	l := &lines{dial: tune.dial, timeout: tune.connect, open: map[*line]struct{}{}}
	l.ctx, l.cancel = context.WithCancel(parent)
	context.AfterFunc(l.ctx, l.hangUp)
	return l
}

// Dial implements sarama's proxy.Dialer. It fails once the lines are cut.
func (l *lines) Dial(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(l.ctx, l.timeout)
	defer cancel()
	conn, err := l.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	ln := &line{Conn: conn, of: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	l.open[ln] = struct{}{}
	return ln, nil
}

// cut closes every connection and forbids new ones.
func (l *lines) cut() {
	l.cancel()
	l.hangUp()
}

func (l *lines) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for ln := range l.open {
		_ = ln.Conn.Close()
	}
	clear(l.open)
}

// line is one connection.
type line struct {
	net.Conn
	of *lines
}

func (ln *line) Close() error {
	ln.of.mu.Lock()
	delete(ln.of.open, ln)
	ln.of.mu.Unlock()
	return ln.Conn.Close()
}
