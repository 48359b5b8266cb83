package rabbitmq

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// withoutAPI is a config whose management API does not answer.
func (s *site) withoutAPI() brokers.Config {
	cfg := s.config()
	cfg.Management = "http://127.0.0.1:1"
	return cfg
}

// TestExchangeTypes: both ways to learn a type give the same, and make nothing.
func TestExchangeTypes(t *testing.T) {
	s := newSite(t)
	unchanged := s.observe(t)
	tp := s.open(s.config())
	for _, kind := range []string{"direct", "fanout", "topic", "headers", "x-consistent-hash", "x-modulus-hash", "x-random"} {
		for _, durable := range []bool{false, true} {
			name := fresh("x")
			s.must(s.ch.ExchangeDeclare(name, kind, durable, !durable, durable, false, nil))
			for way, ask := range map[string]string{"probe": first(tp.typeByProbe(s.ctx(), name)), "API": first(tp.typeByAPI(s.ctx(), name))} {
				if ask != kind {
					t.Errorf("%s, durable %t: %s says %q", kind, durable, way, ask)
				}
			}
			s.must(s.ch.ExchangeDelete(name, false, false))
			for way, err := range map[string]error{"probe": second(tp.typeByProbe(s.ctx(), name)), "API": second(tp.typeByAPI(s.ctx(), name))} {
				if !errors.Is(err, brokers.ErrAbsent) || !strings.Contains(err.Error(), name) {
					t.Errorf("%s of an absent exchange says %v", way, err)
				}
			}
		}
	}
	unchanged()
}

func first(kind string, _ error) string { return kind }
func second(_ string, err error) error  { return err }

// TestProbeCreatesNothing even if the exchange goes while it is asked.
func TestProbeCreatesNothing(t *testing.T) {
	s := newSite(t)
	err := s.ch.ExchangeDeclare("x-gone", "headers", false, true, false, false, amqp091.Table{"alternate-exchange": int32(1)})
	if code(err) != amqp091.PreconditionFailed {
		t.Fatalf("the probe of an absent exchange says %v", err)
	}
	s.conn, s.ch = s.dial()
	if err := s.ch.ExchangeDeclarePassive("x-gone", "headers", false, true, false, false, nil); code(err) != amqp091.NotFound {
		t.Fatalf("the probe has created the exchange: %v", err)
	}
}

func TestReshufflingExchangesAreRefusedWithTheReason(t *testing.T) {
	s := newSite(t)
	hash := s.exchange("x-consistent-hash")
	queue := s.bound(hash, "1", nil)
	for _, cfg := range []brokers.Config{s.config(), s.withoutAPI()} {
		_, err := s.open(cfg).Tap(s.ctx(), brokers.TapConfig{
			Channels: []brokers.Channel{{Name: "orders", Exchange: hash, RoutingKeys: []string{"1"}}}, Events: make(chan message.Event),
		})
		if !errors.Is(err, brokers.ErrNotTappable) || !strings.Contains(err.Error(), "takes messages away") {
			t.Fatalf("Tap says %v", err)
		}
	}
	_, err := s.open(s.config()).Tap(s.ctx(), brokers.TapConfig{Channels: []brokers.Channel{{Name: "orders", Queue: queue}}, Events: make(chan message.Event)})
	if !errors.Is(err, brokers.ErrNotTappable) || !strings.Contains(err.Error(), hash) || !strings.Contains(err.Error(), queue) {
		t.Fatalf("Tap of a queue bound to it says %v", err)
	}
	s.nothingLeft()
}

func TestTypesThatAreNotKnown(t *testing.T) {
	for kind, want := range map[string]bool{"direct": true, "fanout": true, "topic": true, "headers": true, "x-random": false, "x-local-random": false, "x-jms-topic": false, "x-recent-history": false, delayed: false} {
		if err := tappable("x", kind); (err == nil) != want || err != nil && !errors.Is(err, brokers.ErrNotTappable) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// TestDelayedExchange routes as the type that it delays. The plugin is not at
// hand: the API is a fake.
func TestDelayedExchange(t *testing.T) {
	s := newSite(t)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/overview") {
			_, _ = w.Write([]byte(`{}`))
			return
		}
		_, _ = w.Write([]byte(`{"type":"x-delayed-message","arguments":{"x-delayed-type":"topic"}}`))
	}))
	defer api.Close()
	cfg := s.config()
	cfg.Management = api.URL
	if kind, err := s.open(cfg).exchangeType(s.ctx(), s.exchange("fanout")); kind != "topic" || err != nil {
		t.Fatalf("type %q, %v", kind, err)
	}
}

// TestAPIOfAnotherCluster is not believed.
func TestAPIOfAnotherCluster(t *testing.T) {
	s := newSite(t)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"cluster_name":"another","type":"topic"}`))
	}))
	defer api.Close()
	cfg := s.config()
	cfg.Management = api.URL
	tp := s.open(cfg)
	if err := tp.askable(s.ctx()); err == nil || !strings.Contains(err.Error(), "speaks for cluster another") {
		t.Fatalf("askable says %v", err)
	}
	if kind, err := tp.exchangeType(s.ctx(), s.exchange("fanout")); kind != "fanout" || err != nil {
		t.Fatalf("type %q, %v", kind, err)
	}
}

// TestBindingsOfAnExchange are what the tap binds, and no more.
func TestBindingsOfAnExchange(t *testing.T) {
	s := newSite(t)
	direct := s.exchange("direct")
	tp := s.open(s.config())
	if _, err := tp.resolve(s.ctx(), brokers.Channel{Name: "a", Exchange: direct}); err == nil || !strings.Contains(err.Error(), "name the routing-key") {
		t.Fatalf("a direct exchange without bindings: %v", err)
	}
	s.bound(direct, "one", nil)
	s.bound(direct, "two", nil)
	s.bound(direct, "two", nil)
	for _, c := range []struct {
		exchange string
		keys     []string
		want     []string
	}{
		{direct, nil, []string{"one", "two"}},
		{direct, []string{"three"}, []string{"three"}},
		{s.exchange("topic"), nil, []string{"#"}},
		{s.exchange("topic"), []string{"a.*", "b"}, []string{"a.*", "b"}},
		{s.exchange("fanout"), []string{"ignored"}, []string{""}},
		{s.exchange("headers"), nil, []string{""}},
	} {
		tg, err := tp.resolve(s.ctx(), brokers.Channel{Name: "a", Exchange: c.exchange, RoutingKeys: c.keys})
		s.must(err)
		var keys []string
		for _, b := range tg.bindings {
			keys = append(keys, b.key)
		}
		if strings.Join(keys, " ") != strings.Join(c.want, " ") {
			t.Errorf("keys %v, want %v", keys, c.want)
		}
	}
	if _, err := s.open(s.withoutAPI()).resolve(s.ctx(), brokers.Channel{Name: "a", Exchange: direct}); err == nil || !strings.Contains(err.Error(), "name the routing-key") {
		t.Fatalf("a direct exchange without the API: %v", err)
	}
}

// TestQueueOfAHeadersExchange: the arguments of its bindings are copied.
func TestQueueOfAHeadersExchange(t *testing.T) {
	s := newSite(t)
	x := s.exchange("headers")
	args := amqp091.Table{"x-match": "all", "n": int64(1 << 53), "kind": "order", "ok": true}
	ch := brokers.Channel{Name: "tasks", Queue: s.bound(x, "", args)}
	w := s.tapChannels(ch)
	s.send(x, "", amqp091.Publishing{Headers: amqp091.Table{"n": int64(1), "kind": "order", "ok": true}, Body: []byte("other")})
	s.send(x, "", amqp091.Publishing{Headers: amqp091.Table{"n": int64(1 << 53), "kind": "order", "ok": true}, Body: []byte("own")})
	if o := w.message(); string(o.Payload) != "own" {
		t.Fatalf("came %+v", o)
	}
	w.nothing()
	s.must(w.tap.Close(s.ctx()))
}

// TestDeathArrivesWhole: what RabbitMQ writes when it dead-letters keeps its types.
func TestDeathArrivesWhole(t *testing.T) {
	s := newSite(t)
	dlx := s.exchange("fanout")
	s.bound(dlx, "", nil)
	queue := s.queue(amqp091.Table{"x-dead-letter-exchange": dlx})
	w := s.tapChannels(brokers.Channel{Name: "dead", Exchange: dlx})
	s.send("", queue, amqp091.Publishing{Headers: amqp091.Table{"n": int32(4)}, Expiration: "1", Body: []byte("1")})
	o := w.message()
	deaths, _ := o.HeaderAll("x-death")[0].([]any)
	death, _ := deaths[0].(map[string]any)
	keys, _ := death["routing-keys"].([]any)
	if death["count"] != int64(1) || death["reason"] != "expired" || death["queue"] != queue || death["original-expiration"] != "1" || len(keys) != 1 || keys[0] != queue {
		t.Fatalf("x-death is %#v", death)
	}
	if n, _ := o.Header("n"); n != int64(4) {
		t.Fatalf("n is %#v", n)
	}
	s.must(w.tap.Close(s.ctx()))
}
