// Package console shows a shadow to people and programs: metrics, health, a gate,
// and a page, over HTTP.
//
//	shadow ── Closed, Told ──→ Console ┬→ Metrics ──→ /metrics
//	                                   ├→ history ──→ /api/overview, /api/gate
//	                                   └→ stream ───→ /api/stream (server-sent events)
//	state folder ──────────────────────→ /finding/ID: a chain with its messages
//
// What it shows of messages is as flows mask it, and escaped.
package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/shadow"
)

// Config is what a Console needs.
type Config struct {
	Flows  []*flows.Flow
	Status *shadow.Status
	// State is the folder where messages of chains are found; "" is nowhere.
	State string
	// Token is what others must show; "" lets anybody in who can reach the address,
	// which must be a loopback one then.
	Token string
	Now   func() time.Time
	Log   *slog.Logger
}

// Console is a shadow.Watcher, and what HTTP shows of it. It is safe for
// concurrent use.
type Console struct {
	cfg     Config
	metrics *Metrics
	history *history
	stream  *stream
	server  *http.Server
	logins  *rate.Limiter
	reading sync.Mutex // one search of the journal at a time
}

// New makes a console.
func New(cfg Config) *Console {
	c := &Console{cfg: cfg, metrics: newMetrics(cfg.Flows, cfg.Status, cfg.Now), history: newHistory(cfg.Flows, cfg.Now()), stream: newStream(), logins: newLogins()}
	c.server = &http.Server{
		Handler: c.handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
	}
	return c
}

// Metrics are the console's, for others to count in.
func (c *Console) Metrics() *Metrics { return c.metrics }

// Recall reads what an earlier process has told from a findings file, where there
// is one.
func (c *Console) Recall(name string) error {
	file, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	now := c.cfg.Now()
	err = shadow.Records(file, func(r *shadow.Record) error {
		c.history.recall(r, now)
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Closed takes a chain that has closed.
func (c *Console) Closed(flow string, j *flows.Judgement) {
	t := timesOf(j.Timeline())
	c.metrics.closed(flow, j, &t)
	c.history.closed(flow, j, &t, c.cfg.Now())
}

// Told takes a record.
func (c *Console) Told(r *shadow.Record) {
	c.metrics.told(r)
	if r.Event == shadow.EventChains {
		return // the history has counted them
	}
	c.history.told(r)
	c.stream.send(r)
}

// ErrAddress says that an address cannot be listened on as it is given.
var ErrAddress = errors.New("--listen")

// CheckAddress tells whether the address may be listened on: one that others can
// reach needs a token.
func CheckAddress(address, token string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%w %s: write HOST:PORT, such as 127.0.0.1:9464", ErrAddress, address)
	}
	switch {
	case token != "" && len(token) < minToken:
		return fmt.Errorf("%w: the token has %d characters; give it %d at least", ErrAddress, len(token), minToken)
	case token == "" && !isLoopback(host):
		return fmt.Errorf("%w %s: others can reach this address, so it needs a token: --token-file FILE, or FLOWCHECK_TOKEN", ErrAddress, address)
	}
	return nil
}

// minToken is how many characters a token has at least.
const minToken = 16

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Listen begins to serve, and returns the address.
func (c *Console) Listen(ctx context.Context, address string) (net.Addr, error) {
	if err := CheckAddress(address, c.cfg.Token); err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	go func() {
		if err := c.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			c.cfg.Log.Error("the console has ended", "error", err)
		}
	}()
	return l.Addr(), nil
}

// Close ends the server, and whoever is connected to it.
func (c *Console) Close() error {
	c.stream.close()
	return c.server.Close()
}
