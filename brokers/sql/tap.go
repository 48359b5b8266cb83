package sql

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// tap asks the queries of its channels, each in a goroutine of its own.
type tap struct {
	owner   *tapper
	events  chan<- message.Event
	pollers []*poller

	stop    chan struct{}
	stopped sync.Once
	work    sync.WaitGroup
}

// poller asks one query.
type poller struct {
	tap     *tap
	channel brokers.Channel
	known   map[string][sha256.Size]byte // by key: what the last answer had
	pending []row                        // of the first answer, where the tap begins at the beginning
	count   int64
	wanted  chan chan error // an answer is wanted now
}

var errClosed = errors.New("the tap is closed")

func newPoller(t *tap, ch brokers.Channel) *poller {
	return &poller{tap: t, channel: ch, wanted: make(chan chan error)}
}

func interval(ch brokers.Channel) time.Duration {
	if ch.Every > 0 {
		return ch.Every
	}
	return every
}

// begin learns what is there before the tap.
func (p *poller) begin(ctx context.Context, fromBeginning bool) error {
	if err := check(p.channel); err != nil {
		return err
	}
	rows, err := p.ask(ctx)
	if err != nil {
		return err
	}
	if fromBeginning {
		p.pending = rows
	}
	return p.learn(rows)
}

func (p *poller) ask(ctx context.Context) ([]row, error) {
	return ask(ctx, p.tap.owner.db, p.channel.Query, p.channel.RowKeys)
}

// learn keeps what this answer has, to tell what the next one has beside it.
func (p *poller) learn(rows []row) error {
	known := make(map[string][sha256.Size]byte, len(rows))
	for _, r := range rows {
		if _, twice := known[r.key]; twice {
			return fmt.Errorf("two rows have the key %q: name with row-key the columns that tell rows apart", r.key)
		}
		known[r.key] = r.sum
	}
	p.known = known
	return nil
}

// start begins to ask.
func (t *tap) start() {
	for _, p := range t.pollers {
		t.work.Go(p.run)
	}
}

// run asks at each interval, and when somebody wants to know.
func (p *poller) run() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p.tap.work.Go(func() {
		select {
		case <-p.tap.stop:
			cancel()
		case <-ctx.Done():
		}
	})
	for _, r := range p.pending {
		if !p.send(r, "new") {
			return
		}
	}
	timer := time.NewTimer(interval(p.channel))
	defer timer.Stop()
	for {
		var asked chan error
		select {
		case <-p.tap.stop:
			return
		case asked = <-p.wanted:
		case <-timer.C:
		}
		err := p.poll(ctx)
		if err != nil && ctx.Err() == nil {
			p.tap.owner.log.Warn("a query was not answered", "channel", p.channel.Name, "error", err)
		}
		if asked != nil {
			asked <- err
		}
		timer.Reset(interval(p.channel))
	}
}

// poll asks once, and sends what is new or has changed.
func (p *poller) poll(ctx context.Context) error {
	rows, err := p.ask(ctx)
	if err != nil {
		return err
	}
	before := p.known
	if err := p.learn(rows); err != nil {
		return err
	}
	for _, r := range rows {
		sum, there := before[r.key]
		what := "new"
		switch {
		case there && sum == r.sum:
			continue
		case there:
			what = "changed"
		}
		if !p.send(r, what) {
			return errClosed
		}
	}
	return nil
}

// send makes a message of a row, and reports whether somebody took it.
func (p *poller) send(r row, what string) bool {
	p.count++
	o := &message.Observation{
		Message: message.Message{
			Key: []byte(r.key), Payload: r.body, Properties: map[string]any{"row": what},
		},
		Channel: p.channel.Name, Position: message.Nth(p.count), Seen: time.Now(),
	}
	select {
	case p.tap.events <- message.Event{Observation: o}:
		return true
	case <-p.tap.stop:
		return false
	}
}

// CatchUp has every query asked once more: what was committed when it was called
// has then been sent.
func (t *tap) CatchUp(ctx context.Context) (brokers.Caught, error) {
	for _, p := range t.pollers {
		if err := p.now(ctx); err != nil {
			return brokers.Caught{}, fmt.Errorf("catch up on %s: %w", p.channel.Name, err)
		}
	}
	return brokers.Caught{Exact: true}, nil
}

func (p *poller) now(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case p.wanted <- answer:
	case <-ctx.Done():
		return fmt.Errorf("not all has been sent yet: %w", ctx.Err())
	case <-p.tap.stop:
		return errClosed
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return fmt.Errorf("not all has been sent yet: %w", ctx.Err())
	case <-p.tap.stop:
		return errClosed
	}
}

// Close stops asking. There is nothing to remove.
func (t *tap) Close(context.Context) error {
	t.stopped.Do(func() {
		close(t.stop)
		t.owner.forget(t)
	})
	t.work.Wait()
	return nil
}
