package rabbitmq

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
)

const (
	managementTimeout = 10 * time.Second
	// managementLimit bounds an answer, in bytes.
	managementLimit = 16 << 20
)

// management asks RabbitMQ's HTTP API. Its methods may be called from any
// goroutine.
type management struct {
	base     string // scheme, host and path, without a login
	guessed  bool
	username string
	secret   func(context.Context) (string, error)
	vhost    string
	client   *http.Client
}

// newManagement takes the URL of the Config, or guesses the usual port on the
// broker's host.
func newManagement(a *address) (*management, error) {
	m := &management{username: a.username, secret: a.secret, vhost: a.vhost}
	raw := a.management
	if raw == "" {
		m.guessed = true
		raw = "http://" + net.JoinHostPort(a.nodes[0].host, "15672")
		if a.nodes[0].tls {
			raw = "https://" + net.JoinHostPort(a.nodes[0].host, "15671")
		}
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("broker %s: %w: the URL of the management API cannot be read: give http://host:15672, with characters like @ : / in its login percent-encoded", a.broker, brokers.ErrSettings)
	}
	if name := u.User.Username(); name != "" {
		m.username = name
		password, _ := u.User.Password()
		m.secret = func(context.Context) (string, error) { return password, nil }
	}
	u.User = nil
	m.base = strings.TrimSuffix(u.String(), "/")
	m.client = &http.Client{
		Timeout: managementTimeout,
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			TLSClientConfig:     a.tls.Clone(),
			MaxIdleConnsPerHost: 2,
			IdleConnTimeout:     30 * time.Second,
		},
		// The login must not follow a redirect to elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return m, nil
}

func (m *management) close() { m.client.CloseIdleConnections() }

// path joins the parts of an object's path, each escaped: the vhost is "%2F".
func path(parts ...string) string {
	var b strings.Builder
	b.WriteString("/api")
	for _, p := range parts {
		b.WriteString("/" + url.PathEscape(p))
	}
	return b.String()
}

// get reads an object into out.
func (m *management) get(ctx context.Context, path string, out any) error {
	return m.do(ctx, http.MethodGet, path, nil, out)
}

// put writes an object.
func (m *management) put(ctx context.Context, path string, in any) error {
	return m.do(ctx, http.MethodPut, path, in, nil)
}

func (m *management) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader = http.NoBody
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, m.base+path, body)
	if err != nil {
		return err
	}
	secret, err := m.secret(ctx)
	if err != nil {
		return fmt.Errorf("management API at %s%s: %w", m.base, m.hint(), err)
	}
	req.SetBasicAuth(m.username, secret)
	req.Header.Set("Content-Type", "application/json")
	res, err := m.client.Do(req)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return fmt.Errorf("%w: management API at %s%s: %w", brokers.ErrUnreachable, m.base, m.hint(), err)
	}
	defer res.Body.Close()
	if err := m.status(res, path); err != nil || out == nil {
		return err
	}
	decoder := json.NewDecoder(io.LimitReader(res.Body, managementLimit))
	decoder.UseNumber() // a binding's arguments keep their integers
	if err := decoder.Decode(out); err != nil {
		return fmt.Errorf("management API at %s%s: the answer to %s cannot be read: %w", m.base, m.hint(), path, err)
	}
	return nil
}

// hint tells a reader where the address came from.
func (m *management) hint() string {
	if m.guessed {
		return " (guessed: name it with management:)"
	}
	return ""
}

func (m *management) status(res *http.Response, path string) error {
	switch {
	case res.StatusCode < 300:
		return nil
	case res.StatusCode == http.StatusUnauthorized, res.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%w: management API at %s%s: user %s may not ask %s", brokers.ErrRefused, m.base, m.hint(), m.username, path)
	case res.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%w: management API at %s%s: %s", brokers.ErrAbsent, m.base, m.hint(), path)
	}
	return fmt.Errorf("management API at %s%s answers %s to %s", m.base, m.hint(), res.Status, path)
}

// binding is a binding as the API lists it.
type binding struct {
	Source          string         `json:"source"`
	Destination     string         `json:"destination"`
	DestinationType string         `json:"destination_type"`
	RoutingKey      string         `json:"routing_key"`
	Arguments       map[string]any `json:"arguments"`
}

// exchangeInfo is an exchange as the API shows it.
type exchangeInfo struct {
	Type      string         `json:"type"`
	Arguments map[string]any `json:"arguments"`
}

// queueInfo is a queue as the API shows it. The counts are what RabbitMQ last
// collected, which it does every 5 s.
type queueInfo struct {
	Type     string `json:"type"`
	Messages int64  `json:"messages"` // ready or not
	Unacked  int64  `json:"messages_unacknowledged"`
}

func (m *management) exchange(ctx context.Context, name string) (exchangeInfo, error) {
	var x exchangeInfo
	return x, m.get(ctx, path("exchanges", m.vhost, name), &x)
}

func (m *management) queue(ctx context.Context, name string) (queueInfo, error) {
	var q queueInfo
	return q, m.get(ctx, path("queues", m.vhost, name), &q)
}

// queueBindings are the bindings of a queue, without the one that every queue
// has to the default exchange.
func (m *management) queueBindings(ctx context.Context, queue string) ([]binding, error) {
	var all, own []binding
	if err := m.get(ctx, path("queues", m.vhost, queue, "bindings"), &all); err != nil {
		return nil, err
	}
	for _, b := range all {
		if b.Source != "" {
			own = append(own, b)
		}
	}
	return own, nil
}

// boundTo are the bindings that lead from an exchange.
func (m *management) boundTo(ctx context.Context, exchange string) ([]binding, error) {
	var all []binding
	return all, m.get(ctx, path("exchanges", m.vhost, exchange, "bindings", "source"), &all)
}

// boundFrom are the bindings that lead to an exchange.
func (m *management) boundFrom(ctx context.Context, exchange string) ([]binding, error) {
	var all []binding
	return all, m.get(ctx, path("exchanges", m.vhost, exchange, "bindings", "destination"), &all)
}

// clusterName asks the API which cluster it speaks for.
func (m *management) clusterName(ctx context.Context) (string, error) {
	var overview struct {
		ClusterName string `json:"cluster_name"`
	}
	return overview.ClusterName, m.get(ctx, path("overview"), &overview)
}
