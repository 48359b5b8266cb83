package rabbitmq

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/brokertest"
	"github.com/flowcheck/flowcheck/internal/await"
	"github.com/flowcheck/flowcheck/internal/testbroker"
)

// site is a vhost of a test's own, with a login that may do everything in it.
// What the test needs is made and looked at by it, not by the adapter.
type site struct {
	testing.TB
	url   string // with the login guest
	vhost string
	api   string // with the login guest
	conn  *amqp091.Connection
	ch    *amqp091.Channel
}

// patience is how long a test waits for what must come.
const patience = time.Minute

func newSite(t testing.TB) *site {
	t.Helper()
	return newSiteAt(t, testbroker.RabbitMQ(t), testbroker.Management(t))
}

func newSiteAt(t testing.TB, amqpURL, apiURL string) *site {
	t.Helper()
	s := &site{TB: t, vhost: "v-" + strings.ToLower(rand.Text()[:8]), api: apiURL}
	s.url = strings.TrimSuffix(amqpURL, "/") + "/" + s.vhost
	s.call(http.MethodPut, "/api/vhosts/"+s.vhost, nil, nil)
	t.Cleanup(func() { s.call(http.MethodDelete, "/api/vhosts/"+s.vhost, nil, nil) })
	s.conn, s.ch = s.dial()
	return s
}

// dial opens a connection and an AMQP channel of the test's own.
func (s *site) dial() (*amqp091.Connection, *amqp091.Channel) {
	s.Helper()
	conn, err := amqp091.Dial(s.url)
	s.must(err)
	s.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	s.must(err)
	return conn, ch
}

func (s *site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// call asks the management API.
func (s *site) call(method, path string, in, out any) {
	s.Helper()
	var body strings.Builder
	if in != nil {
		s.must(json.NewEncoder(&body).Encode(in))
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.api+path, strings.NewReader(body.String()))
	s.must(err)
	res, err := http.DefaultClient.Do(req)
	s.must(err)
	defer res.Body.Close()
	if res.StatusCode >= 300 && res.StatusCode != http.StatusNotFound {
		s.Fatalf("%s %s: %s", method, path, res.Status)
	}
	if out != nil {
		s.must(json.NewDecoder(res.Body).Decode(out))
	}
}

// user makes a login with permissions in the vhost and returns a config for it.
func (s *site) user(tags, configure, write, read string) brokers.Config {
	s.Helper()
	name, password := "u-"+strings.ToLower(rand.Text()[:8]), rand.Text()
	s.call(http.MethodPut, "/api/users/"+name, map[string]string{"password": password, "tags": tags}, nil)
	s.Cleanup(func() { s.call(http.MethodDelete, "/api/users/"+name, nil, nil) })
	s.call(http.MethodPut, "/api/permissions/"+s.vhost+"/"+name, map[string]string{"configure": configure, "write": write, "read": read}, nil)
	cfg := s.config()
	cfg.Username, cfg.Password = name, password
	return cfg
}

func (s *site) config() brokers.Config {
	u, err := url.Parse(s.api)
	s.must(err)
	u.User = nil // the API is asked with the broker's login
	return brokers.Config{Name: "tasks", URL: s.url, Management: u.String(), RunID: "run" + strings.ToLower(rand.Text()[:6])}
}

func (s *site) exchange(kind string) string {
	s.Helper()
	name := "x-" + strings.ToLower(rand.Text()[:8])
	s.must(s.ch.ExchangeDeclare(name, kind, false, false, false, false, nil))
	return name
}

func (s *site) queue(args amqp091.Table) string {
	s.Helper()
	name := "q-" + strings.ToLower(rand.Text()[:8])
	_, err := s.ch.QueueDeclare(name, true, false, false, false, args)
	s.must(err)
	return name
}

// bound makes a queue that is bound to the exchange.
func (s *site) bound(exchange, key string, args amqp091.Table) string {
	s.Helper()
	name := s.queue(nil)
	s.must(s.ch.QueueBind(name, key, exchange, false, args))
	return name
}

func (s *site) send(exchange, key string, p amqp091.Publishing) {
	s.Helper()
	s.must(s.ch.Publish(exchange, key, false, false, p))
}

// snapshot is what of a vhost must not change.
type snapshot struct {
	Tracing   bool
	Exchanges []string
	Bindings  []string
	Queues    map[string]int // ready messages
}

func (s *site) snapshot() snapshot {
	s.Helper()
	var vhost struct{ Tracing bool }
	s.call(http.MethodGet, "/api/vhosts/"+s.vhost, nil, &vhost)
	snap := snapshot{Tracing: vhost.Tracing, Queues: map[string]int{}}
	var named []struct{ Name, Type string }
	s.call(http.MethodGet, "/api/exchanges/"+s.vhost, nil, &named)
	for _, x := range named {
		snap.Exchanges = append(snap.Exchanges, x.Name)
	}
	var bindings []struct{ Source, Destination, Routing_key string }
	s.call(http.MethodGet, "/api/bindings/"+s.vhost, nil, &bindings)
	for _, b := range bindings {
		snap.Bindings = append(snap.Bindings, fmt.Sprint(b))
	}
	named = nil
	s.call(http.MethodGet, "/api/queues/"+s.vhost, nil, &named)
	for _, q := range named {
		snap.Queues[q.Name] = 0
		if q.Type != "stream" { // RabbitMQ counts what is in a stream late
			snap.Queues[q.Name] = s.ready(q.Name)
		}
	}
	slices.Sort(snap.Exchanges)
	slices.Sort(snap.Bindings)
	return snap
}

// ready is how many messages a queue has ready; -1 if it is gone or another's.
func (s *site) ready(queue string) int {
	s.Helper()
	ch, err := s.conn.Channel()
	s.must(err)
	defer ch.Close()
	q, err := ch.QueueDeclarePassive(queue, false, false, false, false, nil)
	if err != nil {
		return -1
	}
	return q.Messages
}

// observe takes a snapshot; the func that it returns fails if anything changed.
func (s *site) observe(t testing.TB) func() {
	t.Helper()
	before := s.snapshot()
	return func() {
		t.Helper()
		eventually(t, "the vhost is as it was", func() string { return cmp.Diff(before, s.snapshot()) })
	}
}

// nothingLeft fails if anything of flowcheck's stays in the vhost.
func (s *site) nothingLeft() {
	s.Helper()
	eventually(s, "all is removed", func() string {
		snap := s.snapshot()
		var left []string
		for _, name := range append(slices.Collect(maps.Keys(snap.Queues)), append(snap.Exchanges, snap.Bindings...)...) {
			if strings.Contains(name, prefix) {
				left = append(left, name)
			}
		}
		return strings.Join(left, ", ")
	})
}

// eventually asks until the answer is "".
func eventually(t testing.TB, what string, ask func() string) {
	t.Helper()
	await.Silence(t, what, ask)
}

// getter is a consumer that asks for each message.
type getter struct {
	ch    *amqp091.Channel
	queue string
}

// streamConsumer reads a stream from its beginning.
type streamConsumer struct {
	ch         *amqp091.Channel
	deliveries <-chan amqp091.Delivery
}

func (s *site) streamConsumer(t testing.TB, stream string) brokertest.Consumer {
	conn, ch := s.dial()
	t.Cleanup(func() { _ = conn.Close() })
	s.must(ch.Qos(100, 0, false))
	deliveries, err := ch.Consume(stream, "", false, false, false, false, amqp091.Table{streamOffset: "first"})
	s.must(err)
	_, err = ch.QueueDeclarePassive(stream, true, false, false, false, nil) // attached
	s.must(err)
	return streamConsumer{ch, deliveries}
}

func (c streamConsumer) Take(t testing.TB, n int) [][]byte {
	t.Helper()
	var all [][]byte
	deadline := time.After(patience)
	for len(all) < n {
		select {
		case d := <-c.deliveries:
			all = append(all, d.Body)
			if err := c.ch.Ack(d.DeliveryTag, false); err != nil {
				t.Fatal(err)
			}
		case <-deadline:
			t.Fatalf("%d of %d messages came", len(all), n)
		}
	}
	return all
}

func (g getter) Take(t testing.TB, n int) [][]byte {
	t.Helper()
	var all [][]byte
	eventually(t, fmt.Sprintf("%d messages in queue %s", n, g.queue), func() string {
		for len(all) < n {
			d, ok, err := g.ch.Get(g.queue, false)
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				return fmt.Sprintf("%d", len(all))
			}
			if err := g.ch.Ack(d.DeliveryTag, false); err != nil {
				t.Fatal(err)
			}
			all = append(all, d.Body)
		}
		return ""
	})
	return all
}
