// Package proxy disturbs the connection between the system under test and a
// broker: the system connects to a Proxy, which passes everything on until it is
// told to cut, delay or stall it.
//
//	system → Proxy (toxiproxy, in this process) → broker
package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Fault is a way to disturb the connection.
type Fault string

// The faults.
const (
	// Cut closes every connection and takes no new one.
	Cut Fault = "cut"
	// Delay holds everything back for a while, in both directions.
	Delay Fault = "delay"
	// Stall lets nothing through, and keeps the connections open.
	Stall Fault = "stall"
)

// Faults are all of them.
func Faults() []Fault { return []Fault{Cut, Delay, Stall} }

// Proxy is a running proxy. Its methods may be called from any goroutine.
type Proxy struct {
	mu     sync.Mutex
	proxy  *toxiproxy.Proxy
	used   atomic.Bool
	listen string
}

// Start listens at an address, which must be of this machine alone, and passes on
// to another.
func Start(listen, to string) (*Proxy, error) {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, fmt.Errorf("proxy: %s is no host:port", listen)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("proxy: %s is no address of this machine alone: use 127.0.0.1:PORT", listen)
	}
	p := &Proxy{listen: listen}
	// toxiproxy counts what a connection has carried once it is closed, and the
	// system's may stay open for ever: its log says when one was taken.
	log := zerolog.New(io.Discard).Hook(zerolog.HookFunc(func(_ *zerolog.Event, _ zerolog.Level, said string) {
		if said == "Accepted client" {
			p.used.Store(true)
		}
	}))
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), log)
	p.proxy = toxiproxy.NewProxy(server, "flowcheck", listen, to)
	if err := p.proxy.Start(); err != nil {
		return nil, fmt.Errorf("proxy: listen at %s: %w", listen, err)
	}
	return p, nil
}

// Address is where it listens.
func (p *Proxy) Address() string { return p.proxy.Listen }

// Used reports whether anybody has connected so far.
func (p *Proxy) Used() bool { return p.used.Load() }

// Disturb begins a fault.
func (p *Proxy) Disturb(f Fault) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch f {
	case Cut:
		p.proxy.Stop()
		return nil
	case Delay:
		return p.add("latency", `{"latency":300}`)
	default:
		return p.add("timeout", `{"timeout":0}`)
	}
}

// add puts a toxic on both directions.
func (p *Proxy) add(kind, attributes string) error {
	var errs []error
	for _, stream := range []string{"upstream", "downstream"} {
		toxic := fmt.Sprintf(`{"name":"%s","type":"%s","stream":"%s","attributes":%s}`, stream, kind, stream, attributes)
		_, err := p.proxy.Toxics.AddToxicJson(strings.NewReader(toxic))
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Restore ends every fault. What a stall has swallowed is gone, so that its
// connections are closed: both ends know that they have to begin anew.
func (p *Proxy) Restore(ctx context.Context, f Fault) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f == Stall {
		p.proxy.Stop()
	}
	p.proxy.Toxics.ResetToxics(ctx)
	if f == Delay {
		return nil
	}
	if err := p.proxy.Start(); err != nil {
		return fmt.Errorf("proxy: listen at %s again: %w", p.listen, err)
	}
	return nil
}

// Close ends the proxy and its connections.
func (p *Proxy) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.proxy.Stop()
}
