package shop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Control is how the shop is restarted and repaired from outside:
//
//	POST /restart    restarts the services, or starts them; answers when they are ready
//	POST /stop       stops them
//	POST /heal/ID    repairs what keeps the orders whose ids begin with ID back
type Control struct {
	// URL is where it listens.
	URL string

	server *http.Server
}

// restartWithin bounds a restart.
const restartWithin = 30 * time.Second

// ListenControl serves the control of a shop at addr, which must be of this
// machine alone.
func ListenControl(ctx context.Context, addr string, s *Shop) (*Control, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("shop: control: %w", err)
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		return nil, errors.Join(fmt.Errorf("shop: control: %s is no address of this machine alone: use 127.0.0.1:PORT", addr), listener.Close())
	}
	c := &Control{
		URL:    "http://" + listener.Addr().String(),
		server: &http.Server{Handler: controls(s), ReadHeaderTimeout: 10 * time.Second},
	}
	go func() { _ = c.server.Serve(listener) }() // it ends with Close
	return c, nil
}

// Close stops listening.
func (c *Control) Close() error { return c.server.Close() }

func controls(s *Shop) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /restart", func(w http.ResponseWriter, r *http.Request) {
		// A caller who does not wait leaves no shop half started.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), restartWithin)
		defer cancel()
		if err := s.Restart(ctx); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, _ *http.Request) {
		if err := s.Close(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /heal/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.Heal(r.PathValue("id"))
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}
