package http

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	nethttp "net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// tapper listens for the taps of one address.
type tapper struct {
	address string
	name    string
	tls     *tls.Config
	log     *slog.Logger

	mu     sync.Mutex
	taps   map[*tap]bool
	closed bool
}

func openTapper(ctx context.Context, cfg brokers.Config) (brokers.Tapper, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	address, secure, err := listenAddress(cfg.URL)
	if err != nil {
		return nil, err
	}
	t := &tapper{address: address, name: cfg.Name, log: cfg.Log, taps: map[*tap]bool{}}
	if !secure {
		return t, nil
	}
	if cfg.TLS == nil || cfg.TLS.Cert == "" || cfg.TLS.Key == "" {
		return nil, errors.New("https needs a certificate to show: tls: { cert: FILE, key: FILE }")
	}
	pair, err := tls.LoadX509KeyPair(cfg.TLS.Cert, cfg.TLS.Key)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	t.tls = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	return t, nil
}

// Tap listens. It fails with ErrUnreachable where the address is taken.
func (t *tapper) Tap(ctx context.Context, cfg brokers.TapConfig) (brokers.Tap, error) {
	if cfg.Start.At != brokers.StartEnd {
		return nil, fmt.Errorf("start at %s: what was called before the tap is gone", cfg.Start.At)
	}
	for _, ch := range cfg.Channels {
		if err := check(ch); err != nil {
			return nil, err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, errors.New("tap: it is closed")
	}
	armed := newTap(t, cfg)
	mux, err := newMux(cfg.Channels, armed)
	if err != nil {
		return nil, fmt.Errorf("tap: %w", err)
	}
	listener, err := t.listen(ctx)
	if err != nil {
		return nil, err
	}
	armed.serve(listener, mux)
	t.taps[armed] = true
	return armed, nil
}

func (t *tapper) listen(ctx context.Context) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", t.address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%w: another program listens at %s: stop it, or give this broker another port", brokers.ErrUnreachable, t.address)
	case err != nil:
		return nil, fmt.Errorf("%w: listen at %s: %w", brokers.ErrUnreachable, t.address, err)
	case t.tls != nil:
		return tls.NewListener(listener, t.tls), nil
	}
	return listener, nil
}

// Plan says what Tap would do.
func (t *tapper) Plan(_ context.Context, cfg brokers.TapConfig) ([]brokers.Action, error) {
	var plan []brokers.Action
	for _, ch := range cfg.Channels {
		if err := check(ch); err != nil {
			return nil, err
		}
		method := ch.Method
		if method == "" {
			method = "any method"
		}
		plan = append(plan, brokers.Action{
			Verb: "listen", Object: fmt.Sprintf("%s, %s %s", t.address, strings.ToUpper(method), ch.Path),
			Permission: "that the port is free, and that the system calls this address",
		})
	}
	return plan, nil
}

// Identify says where it listens.
func (t *tapper) Identify(context.Context) (message.BrokerIdentity, error) {
	return message.BrokerIdentity{Kind: kind, ID: t.address}, nil
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
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	var errs []error
	for _, tap := range open {
		errs = append(errs, tap.Close(ctx))
	}
	return errors.Join(errs...)
}

// closeTimeout bounds the end of what is still being answered.
const closeTimeout = 10 * time.Second

func (t *tapper) forget(closed *tap) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.taps, closed)
}

// newMux routes requests to the channels' stubs; what no channel has is refused
// with a word to whoever reads it.
func newMux(channels []brokers.Channel, t *tap) (mux *nethttp.ServeMux, err error) {
	defer func() {
		if r := recover(); r != nil { // ServeMux has no other way to say that a pattern is wrong
			mux, err = nil, fmt.Errorf("%v", r)
		}
	}()
	mux = nethttp.NewServeMux()
	root := false
	for _, ch := range channels {
		pattern := ch.Path
		if ch.Method != "" {
			pattern = strings.ToUpper(ch.Method) + " " + pattern
		}
		root = root || pattern == "/"
		mux.Handle(pattern, &stub{tap: t, channel: ch})
	}
	if !root {
		mux.HandleFunc("/", func(w nethttp.ResponseWriter, r *nethttp.Request) {
			nethttp.Error(w, "flowcheck: no channel has "+r.Method+" "+r.URL.Path, nethttp.StatusNotFound)
		})
	}
	return mux, nil
}
