package http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/brokertest"
	"github.com/flowcheck/flowcheck/message"
)

// site is where taps listen, and a system that calls them.
type site struct {
	mu      sync.Mutex
	address string // of the last tap
}

// adapter is the adapter, with the system's calls in the place of a publisher.
func (s *site) adapter() brokers.Adapter {
	a := Adapter()
	open := a.OpenTapper
	a.OpenTapper = func(ctx context.Context, cfg brokers.Config) (brokers.Tapper, error) {
		t, err := open(ctx, cfg)
		return &noted{t, s}, err
	}
	a.OpenPublisher = func(context.Context, brokers.Config) (brokers.Publisher, error) {
		return &caller{s: s, client: &nethttp.Client{Transport: &nethttp.Transport{DisableCompression: true, DisableKeepAlives: true}}}, nil
	}
	return a
}

// noted tells the site where its taps listen: on a port that was free.
type noted struct {
	brokers.Tapper
	s *site
}

func (n *noted) Tap(ctx context.Context, cfg brokers.TapConfig) (brokers.Tap, error) {
	armed, err := n.Tapper.Tap(ctx, cfg)
	if err == nil {
		n.s.mu.Lock()
		n.s.address = armed.(*tap).address
		n.s.mu.Unlock()
	}
	return armed, err
}

func (n *noted) Identify(ctx context.Context) (message.BrokerIdentity, error) {
	return n.Tapper.(brokers.Identifier).Identify(ctx)
}

// caller is the system: where nobody listens, its calls go nowhere.
type caller struct {
	s      *site
	client *nethttp.Client
}

func (c *caller) Publish(ctx context.Context, ch brokers.Channel, m brokers.Outgoing) (brokers.Receipt, error) {
	if m.Payload == nil {
		return brokers.Receipt{}, fmt.Errorf("publish to %s: HTTP has no tombstones", ch.Name)
	}
	c.s.mu.Lock()
	address := c.s.address
	c.s.mu.Unlock()
	r, err := nethttp.NewRequestWithContext(ctx, nethttp.MethodPost, "http://"+address+ch.Path, bytes.NewReader(m.Payload))
	if err != nil {
		return brokers.Receipt{}, err
	}
	r.Header.Set("User-Agent", "") // which leaves it out
	for _, h := range m.Headers {
		r.Header.Add(h.Name, fmt.Sprint(h.Value))
	}
	answer, err := c.client.Do(r)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED) || address == "":
		return brokers.Receipt{}, nil // nobody listens
	case errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET):
		return c.Publish(ctx, ch, m) // the tap closed before it took the call
	case err != nil:
		return brokers.Receipt{}, err
	}
	return brokers.Receipt{}, answer.Body.Close()
}

func (c *caller) Close() error {
	c.client.CloseIdleConnections()
	return nil
}

// silent is what there is to observe: that nobody listens any more.
func (s *site) silent(t testing.TB) func() {
	return func() {
		s.mu.Lock()
		address := s.address
		s.mu.Unlock()
		if address == "" {
			return
		}
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			t.Errorf("%s still listens", address)
		}
	}
}

func TestConformance(t *testing.T) {
	s := &site{}
	const oneListener = "one program can listen at an address, and what is called before is gone"
	brokertest.Run(t, brokertest.Subject{
		Adapter: s.adapter(),
		Config:  brokers.Config{URL: "http://127.0.0.1:0"},
		NewChannel: func(_ testing.TB, o brokertest.ChannelOptions) brokers.Channel {
			if o.State == brokertest.Absent {
				return brokers.Channel{Path: "/{"} // no other path cannot be listened at
			}
			return brokers.Channel{Path: "/" + uuid.NewString()}
		},
		Observe: s.silent,
		Claims: brokertest.Claims{
			BrokerTime: true, Ordered: true, Positions: message.Sequence, EmptyBody: true, BinaryBody: true,
			ExactCatchUp: true, Identity: true,
		},
		Patience: time.Minute,
		Unserved: map[string]string{
			"two-taps":           oneListener,
			"competing-consumer": oneListener,
			"absent-tap":         "a path need not exist before it is called",
			"absent-publish":     "a path need not exist before it is called",
			"untappable":         "each path can be listened at",
			"unroutable":         "the adapter publishes nothing",
			"unreachable":        "the adapter listens; TestATakenPort has the other side of it",
			"refused":            "nobody logs in to listen",
			"quiet":              "who is about to call is not known",
			"publish":            "the adapter publishes nothing; TestNothingIsPublished",
			"receipt":            "the adapter publishes nothing",
			"partitions":         "there are none",
			"properties":         "a request has those of HTTP; TestARequestIsAMessage",
			"cancelled-tap":      "listening is over at once",
		},
	})
}
