package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/console"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/await"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/shadow"
)

const orders = `flowcheck: 1
flow: orders
about: An order is paid, or declined.
brokers: { k: "memory://test" }
settle: 50ms
timeout: 2s
mask: [ body.card, 'headers["email"]' ]
channels:
  orders:   { broker: k, topic: orders }
  payments: { broker: k, topic: payments }
correlate: { order: body.order }
steps:
  placed:   { channel: orders }
  paid:     { channel: payments, when: body.amount > 0, after: placed, within: 1s, check: [ body.amount == placed.body.amount ] }
  declined: { channel: payments, when: body.amount == 0, after: placed, within: 1s }
outcomes:
  fulfilled: [ placed, paid ]
  declined:  [ placed, declined ]
`

// rig is a shadow on a broker of its own, with a console.
type rig struct {
	t       testing.TB
	server  *memory.Server
	state   string
	token   string
	console *console.Console
	url     string
	log     lockedBuffer
	status  *shadow.Status
	stop    func()
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newRig(t testing.TB, token string) *rig {
	r := &rig{t: t, server: memory.New(memory.Options{Name: "test"}), state: t.TempDir(), token: token}
	r.server.CreateTopic("orders", 2)
	r.server.CreateTopic("payments", 2)
	r.start()
	return r
}

// start runs a shadow on the state until stop.
func (r *rig) start() {
	f, errs := flows.Load("test.yaml", []byte(orders), flows.Options{MaskSalt: "x"})
	if len(errs) > 0 {
		var b strings.Builder
		_ = errs.Format(&b)
		r.t.Fatal(b.String())
	}
	adapter := memory.Adapter(r.server)
	tapper, err := adapter.OpenTapper(r.t.Context(), brokers.Config{URL: r.server.URL(), RunID: "shadow"})
	if err != nil {
		r.t.Fatal(err)
	}
	log := slog.New(slog.NewJSONHandler(&r.log, nil))
	r.status = &shadow.Status{}
	r.console = console.New(console.Config{Flows: []*flows.Flow{f}, Status: r.status, State: r.state, Token: r.token, Now: time.Now, Log: log})
	if err := r.console.Recall(filepath.Join(r.state, "findings.jsonl")); err != nil {
		r.t.Fatal(err)
	}
	address, err := r.console.Listen(r.t.Context(), "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	r.url = "http://" + address.String()
	of := shadow.Watched{Flow: f, Brokers: []int{0}}
	for i := range f.Channels {
		of.Channels = append(of.Channels, brokers.Channel{Name: f.Channels[i].Name, Topic: f.Channels[i].Topic})
	}
	armed, done := make(chan struct{}), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cfg := shadow.Config{
		Flows: []shadow.Watched{of}, Tappers: []shadow.Tapper{{Name: "k", Tapper: tapper}}, State: r.state, Status: r.status,
		Watchers: []shadow.Watcher{r.console}, Now: time.Now, Log: log, Armed: func() { close(armed) },
	}
	go func() {
		_, err := shadow.Run(ctx, cfg)
		done <- err
	}()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
		_ = tapper.Close()
		_ = r.console.Close()
	})
	r.t.Cleanup(r.stop)
	select {
	case <-armed:
	case <-time.After(time.Minute):
		r.t.Fatal("it was not armed within a minute")
	}
}

// produce sends a message.
func (r *rig) produce(topic string, body map[string]any, headers ...message.Header) {
	data, err := json.Marshal(body)
	if err != nil {
		r.t.Fatal(err)
	}
	m := brokers.Outgoing{Message: message.Message{Key: fmt.Append(nil, body["order"]), Payload: data, Headers: headers}}
	if _, err := r.server.Produce(topic, m); err != nil {
		r.t.Fatal(err)
	}
}

// order sends an order and its payment.
func (r *rig) order(id string, amount, paid int) {
	r.produce("orders", map[string]any{"order": id, "amount": amount, "card": "4111-1111"})
	r.produce("payments", map[string]any{"order": id, "amount": paid})
}

// ask sends a request; change may be nil.
func (r *rig) ask(method, path string, change func(*http.Request)) (code int, body string) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if r.token != "" {
		request.Header.Set("Authorization", "Bearer "+r.token)
	}
	if change != nil {
		change(request)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer.StatusCode, string(data)
}

func (r *rig) get(path string) string {
	r.t.Helper()
	code, body := r.ask(http.MethodGet, path, nil)
	if code != http.StatusOK {
		r.t.Fatalf("%s: %d %s", path, code, body)
	}
	return body
}

// until waits for a condition.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	await.True(t, what, is)
}
