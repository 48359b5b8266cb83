package memory

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// tapper arms taps on one server.
type tapper struct {
	s     *Server
	runID string

	mu     sync.Mutex
	taps   map[*tap]bool
	closed bool
}

// Tap arms a tap on every channel.
func (t *tapper) Tap(ctx context.Context, cfg brokers.TapConfig) (brokers.Tap, error) {
	armed := &tap{s: t.s, owner: t, events: cfg.Events, stop: make(chan struct{})}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, fmt.Errorf("tap: the connection is closed")
	}
	if err := t.arm(ctx, armed, cfg); err != nil {
		armed.remove()
		return nil, err
	}
	t.taps[armed] = true
	armed.start()
	return armed, nil
}

// arm makes what the tap reads, all at one moment of the server.
func (t *tapper) arm(ctx context.Context, armed *tap, cfg brokers.TapConfig) error {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	for _, ch := range cfg.Channels {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("tap %s: %w", ch.Name, err)
		}
		if err := t.armChannel(armed, ch, cfg); err != nil {
			return fmt.Errorf("tap %s: %w", ch.Name, err)
		}
	}
	return nil
}

// armChannel goes by the kind of the channel. The caller holds s.mu.
func (t *tapper) armChannel(armed *tap, ch brokers.Channel, cfg brokers.TapConfig) error {
	start := cfg.Start
	if err := check(ch); err != nil {
		return err
	}
	if ch.Topic != "" {
		return armed.readTopic(ch, cfg)
	}
	if start.At != brokers.StartEnd {
		return fmt.Errorf("start at %s: only a topic keeps what was before the tap", start.At)
	}
	name := t.objectName()
	switch {
	case ch.SNS != "":
		return armed.readSNS(ch, name)
	case ch.SQS != "":
		return armed.readSQS(ch)
	default:
		return armed.readBound(ch, name)
	}
}

// objectName names what a tap creates. The caller holds s.mu.
func (t *tapper) objectName() string {
	return "flowcheck-" + t.runID + "-" + t.s.fresh()
}

// Plan says what Tap would do.
func (t *tapper) Plan(_ context.Context, cfg brokers.TapConfig) ([]brokers.Action, error) {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	var plan []brokers.Action
	for _, ch := range cfg.Channels {
		if err := check(ch); err != nil {
			return nil, err
		}
		actions, err := t.s.plan(ch)
		if err != nil {
			return nil, fmt.Errorf("plan %s: %w", ch.Name, err)
		}
		plan = append(plan, actions...)
	}
	return plan, nil
}

// Identify says which server this is.
func (t *tapper) Identify(context.Context) (message.BrokerIdentity, error) {
	return message.BrokerIdentity{Kind: Kind, ID: t.s.opts.Name}, nil
}

// Close ends every tap.
func (t *tapper) Close() error {
	t.mu.Lock()
	t.closed = true
	var open []*tap
	for tap := range t.taps {
		open = append(open, tap)
	}
	t.mu.Unlock()
	var errs []error
	for _, tap := range open {
		errs = append(errs, tap.Close(context.Background()))
	}
	return errors.Join(errs...)
}

// forget drops a tap that is closed.
func (t *tapper) forget(closed *tap) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.taps, closed)
}
