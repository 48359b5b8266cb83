package rabbitmq

import (
	"errors"
	"strings"
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// own is what docs/rabbitmq.md tells to allow beside reading the exchanges.
const own = "^flowcheck-"

// TestDocumentedPermissionsSuffice: with nothing more than docs/rabbitmq.md says,
// each way of tapping works.
func TestDocumentedPermissionsSuffice(t *testing.T) {
	s := newSite(t)
	x := s.exchange("topic")
	queue := s.bound(x, "placed", nil)
	stream := s.stream()
	readX := "^(flowcheck-.*|" + x + ")$"
	noAPI := func(cfg brokers.Config) brokers.Config {
		cfg.Management = "http://127.0.0.1:1"
		return cfg
	}
	for name, c := range map[string]struct {
		cfg brokers.Config
		ch  brokers.Channel
	}{
		"exchange, by the tag":     {s.user("management", own, own, readX), brokers.Channel{Exchange: x, RoutingKeys: []string{"placed"}}},
		"exchange, by configuring": {noAPI(s.user("", readX, own, readX)), brokers.Channel{Exchange: x, RoutingKeys: []string{"placed"}}},
		"queue":                    {s.user("management", own, own, readX), brokers.Channel{Queue: queue}},
		"stream":                   {s.user("management", "^$", "^$", "^"+stream.Stream+"$"), stream},
		"firehose":                 {s.user("administrator", own, own, `^(flowcheck-.*|amq\.rabbitmq\.trace)$`), brokers.Channel{Queue: queue, Firehose: true}},
	} {
		t.Run(name, func(t *testing.T) {
			here := *s
			here.TB = t
			c.ch.Name = "tapped"
			tp := here.open(c.cfg)
			if _, err := tp.Plan(here.ctx(), brokers.TapConfig{Channels: []brokers.Channel{c.ch}}); err != nil {
				t.Fatal(err)
			}
			w := here.arm(tp, brokers.TapConfig{Channels: []brokers.Channel{c.ch}})
			switch {
			case c.ch.Stream != "":
				here.send("", stream.Stream, amqp091.Publishing{Body: []byte("1")})
			case c.ch.Firehose:
				here.send("", queue, amqp091.Publishing{Body: []byte("1")})
			default:
				here.send(x, "placed", amqp091.Publishing{Body: []byte("1")})
			}
			if o := w.message(); string(o.Payload) != "1" {
				t.Fatalf("came %+v", o)
			}
			w.nothing()
			here.must(w.tap.Close(here.ctx()))
			here.nothingLeft()
		})
	}
}

// TestMissingPermissions: each is told, with the way out, and nothing is left.
func TestMissingPermissions(t *testing.T) {
	s := newSite(t)
	x := s.exchange("topic")
	queue := s.bound(x, "placed", nil)
	byExchange := brokers.Channel{Name: "orders", Exchange: x, RoutingKeys: []string{"placed"}}
	for name, c := range map[string]struct {
		cfg   brokers.Config
		ch    brokers.Channel
		words []string
	}{
		"type unknown":     {s.user("", own, own, ".*"), byExchange, []string{"its type must be known", "tag management", "configure"}},
		"exchange to read": {s.user("management", own, own, own), byExchange, []string{x, "needs to read " + x}},
		"queue to make":    {s.user("management", "^$", own, ".*"), byExchange, []string{"needs to configure, write and read ^flowcheck-"}},
		"bindings unknown": {s.user("", own, own, ".*"), brokers.Channel{Name: "tasks", Queue: queue}, []string{"name the exchange and the routing-key"}},
	} {
		t.Run(name, func(t *testing.T) {
			tp := s.open(c.cfg)
			_, err := tp.Tap(s.ctx(), brokers.TapConfig{Channels: []brokers.Channel{c.ch}, Events: make(chan message.Event)})
			if !errors.Is(err, brokers.ErrRefused) {
				t.Fatalf("Tap says %v", err)
			}
			for _, word := range append(c.words, "channel "+c.ch.Name) {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("Tap does not say %q: %v", word, err)
				}
			}
			s.nothingLeft()
		})
	}
	cfg := s.user("", ".*", "^$", ".*")
	p, err := openPublisher(s.ctx(), cfg)
	s.must(err)
	if _, err := p.Publish(s.ctx(), byExchange, body("1")); !errors.Is(err, brokers.ErrRefused) || !strings.Contains(err.Error(), "needs to write to "+x) {
		t.Fatalf("Publish says %v", err)
	}
	s.must(p.Close())
}

// TestNoAccessToTheVhost: a login that is right, but not here.
func TestNoAccessToTheVhost(t *testing.T) {
	s := newSite(t)
	cfg := s.user("", ".*", ".*", ".*")
	s.call("DELETE", "/api/permissions/"+s.vhost+"/"+cfg.Username, nil, nil)
	if _, err := openTapper(s.ctx(), cfg); !errors.Is(err, brokers.ErrRefused) || !strings.Contains(err.Error(), s.vhost) {
		t.Fatalf("OpenTapper says %v", err)
	}
	absent := s.config()
	absent.URL += "-absent"
	if _, err := openTapper(s.ctx(), absent); !errors.Is(err, brokers.ErrAbsent) || !strings.Contains(err.Error(), "-absent") {
		t.Fatalf("OpenTapper says %v", err)
	}
}
