package sql

import (
	"context"
	dbsql "database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// tapper arms taps on one database.
type tapper struct {
	db   *dbsql.DB
	log  *slog.Logger
	name string

	mu     sync.Mutex
	taps   map[*tap]bool
	closed bool
}

func openTapper(ctx context.Context, cfg brokers.Config) (brokers.Tapper, error) {
	db, err := connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &tapper{db: db, log: cfg.Log, name: where(cfg.URL), taps: map[*tap]bool{}}, nil
}

// where is the URL without the login and the options.
func where(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery = nil, ""
	return u.String()
}

// Tap asks each query once: what is there then is not new, unless the tap begins
// at the beginning.
func (t *tapper) Tap(ctx context.Context, cfg brokers.TapConfig) (brokers.Tap, error) {
	if cfg.Start.At != brokers.StartEnd && cfg.Start.At != brokers.StartBeginning {
		return nil, fmt.Errorf("start at %s: a table has no history", cfg.Start.At)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, errors.New("tap: the connection is closed")
	}
	armed := &tap{owner: t, events: cfg.Events, stop: make(chan struct{})}
	for _, ch := range cfg.Channels {
		p := newPoller(armed, ch)
		if err := p.begin(ctx, cfg.Start.At == brokers.StartBeginning); err != nil {
			return nil, fmt.Errorf("tap %s: %w", ch.Name, err)
		}
		armed.pollers = append(armed.pollers, p)
	}
	armed.start()
	t.taps[armed] = true
	return armed, nil
}

// Plan says what Tap would do.
func (t *tapper) Plan(_ context.Context, cfg brokers.TapConfig) ([]brokers.Action, error) {
	var plan []brokers.Action
	for _, ch := range cfg.Channels {
		if err := check(ch); err != nil {
			return nil, err
		}
		plan = append(plan, brokers.Action{
			Verb: "ask", Object: fmt.Sprintf("every %v: %s", interval(ch), strings.Join(strings.Fields(ch.Query), " ")),
			Permission: "SELECT on what the query reads",
		})
	}
	return plan, nil
}

// Identify says which database this is.
func (t *tapper) Identify(context.Context) (message.BrokerIdentity, error) {
	return message.BrokerIdentity{Kind: kind, ID: t.name}, nil
}

// Close ends every tap and the connections.
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
	return errors.Join(append(errs, t.db.Close())...)
}

func (t *tapper) forget(closed *tap) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.taps, closed)
}
