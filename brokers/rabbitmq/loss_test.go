package rabbitmq

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rabbitmq/amqp091-go"
	"github.com/rs/zerolog"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// hangUp closes the connections of a purpose, as an operator would.
func (s *site) hangUp(run, purpose string) {
	s.Helper()
	name := "flowcheck " + run + " " + purpose
	eventually(s, "the connection is listed", func() string {
		var all []struct {
			Name       string
			Properties struct{ Connection_name string } `json:"client_properties"`
		}
		s.call(http.MethodGet, "/api/connections", nil, &all)
		for _, c := range all {
			if c.Properties.Connection_name == name {
				s.call(http.MethodDelete, "/api/connections/"+url.PathEscape(c.Name), nil, nil)
				return ""
			}
		}
		return name + " is not among them"
	})
}

// proxied is a config that goes through a proxy, which a test can cut.
func (s *site) proxied(query string) (brokers.Config, *toxiproxy.Proxy) {
	s.Helper()
	u, err := url.Parse(s.url)
	s.must(err)
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "rabbitmq", "127.0.0.1:0", u.Host)
	s.must(proxy.Start())
	s.Cleanup(proxy.Stop)
	u.Host = proxy.Listen
	u.RawQuery = query
	cfg := s.config()
	cfg.URL = u.String()
	return cfg, proxy
}

func (s *site) toxic(p *toxiproxy.Proxy, text string) {
	s.Helper()
	_, err := p.Toxics.AddToxicJson(strings.NewReader(text))
	s.must(err)
}

// twoGaps takes the marks of a loss: one when it shows, one when it is over.
func (w *tapped) twoGaps(word string) {
	w.Helper()
	first, second := w.gap(), w.gap()
	if !strings.Contains(first.Reason, "cut off") || !strings.Contains(first.Reason, word) {
		w.Fatalf("the first gap says %q", first.Reason)
	}
	if !strings.Contains(second.Reason, "tapped again") || !strings.Contains(second.Reason, word) || second.Seen.Before(first.Seen) {
		w.Fatalf("the second gap says %q", second.Reason)
	}
}

func TestClosedConnectionIsAGap(t *testing.T) {
	s := newSite(t)
	ch := s.orders()
	w := s.tapChannels(ch)
	p := s.publisher()
	s.publish(p, ch, "1")
	if o := w.message(); string(o.Payload) != "1" || o.Position != message.Nth(1) {
		t.Fatalf("came %+v", o)
	}
	s.hangUp(w.tapper.address.run, "tap")
	w.twoGaps("CONNECTION_FORCED")
	s.publish(p, ch, "2")
	if o := w.message(); string(o.Payload) != "2" || o.Position != message.Nth(2) {
		t.Fatalf("came %+v", o)
	}
	w.nothing()
	s.must(w.tap.Close(s.ctx()))
	s.nothingLeft()
}

// TestAQueueForRepliesIsMadeAgain by the name that the system knows.
func TestAQueueForRepliesIsMadeAgain(t *testing.T) {
	s := newSite(t)
	ch := brokers.Channel{Name: "prices", Reply: "flowcheck-reply-" + token()}
	plan, err := s.open(s.config()).Plan(s.ctx(), brokers.TapConfig{Channels: []brokers.Channel{ch}})
	if s.must(err); !strings.Contains(fmt.Sprint(plan), "queue "+ch.Reply+",") {
		t.Errorf("the plan is %v", plan)
	}
	w := s.tapChannels(ch)
	s.send("", ch.Reply, amqp091.Publishing{Body: []byte("1"), CorrelationId: "c-1"})
	if o := w.message(); string(o.Payload) != "1" || o.Properties["correlation-id"] != "c-1" {
		t.Fatalf("came %+v", o)
	}
	s.hangUp(w.tapper.address.run, "tap")
	w.twoGaps("CONNECTION_FORCED")
	s.send("", ch.Reply, amqp091.Publishing{Body: []byte("2")})
	if o := w.message(); string(o.Payload) != "2" {
		t.Fatalf("came %+v", o)
	}
	if q, err := w.tapper.Quiet(s.ctx(), []brokers.Channel{ch}); err != nil || !q.Known || !q.Quiet {
		t.Errorf("quiet: %+v, %v", q, err)
	}
	s.must(w.tap.Close(s.ctx()))
	s.nothingLeft()
}

func TestCutConnectionIsAGapOnEveryChannel(t *testing.T) {
	s := newSite(t)
	a, b := s.orders(), s.orders()
	b.Name = "returns"
	cfg, proxy := s.proxied("")
	tp := s.open(cfg)
	w := s.arm(tp, brokers.TapConfig{Channels: []brokers.Channel{a, b}})
	p := s.publisher()
	proxy.Stop()
	seen := map[string]int{w.gap().Channel: 1}
	seen[w.gap().Channel]++
	s.publish(p, a, "lost")
	s.must(proxy.Start())
	seen[w.gap().Channel]++
	seen[w.gap().Channel]++
	if seen["orders"] != 2 || seen["returns"] != 2 {
		t.Fatalf("gaps by channel: %v", seen)
	}
	s.publish(p, a, "1")
	s.publish(p, b, "2")
	got := map[string]string{}
	for range 2 {
		o := w.message()
		got[o.Channel] = string(o.Payload)
	}
	if got["orders"] != "1" || got["returns"] != "2" {
		t.Fatalf("came %v", got)
	}
	w.nothing()
	s.must(w.tap.Close(s.ctx()))
}

// TestBlackHoleIsAGap: nothing is closed, nothing comes; the heartbeat finds out.
func TestBlackHoleIsAGap(t *testing.T) {
	s := newSite(t)
	ch := s.orders()
	cfg, proxy := s.proxied("heartbeat=1")
	w := s.arm(s.open(cfg), brokers.TapConfig{Channels: []brokers.Channel{ch}})
	s.toxic(proxy, `{"name":"hole","type":"timeout","stream":"downstream","attributes":{"timeout":0}}`)
	w.gap()
	s.must(proxy.Toxics.RemoveToxic(s.ctx(), "hole"))
	w.gap()
	s.publish(s.publisher(), ch, "1")
	if o := w.message(); string(o.Payload) != "1" {
		t.Fatalf("came %+v", o)
	}
	s.must(w.tap.Close(s.ctx()))
}

// TestCatchUpSaysThatTheBrokerIsLost: it cannot vouch for anything then.
func TestCatchUpSaysThatTheBrokerIsLost(t *testing.T) {
	s := newSite(t)
	ch := s.orders()
	cfg, proxy := s.proxied("")
	w := s.arm(s.open(cfg), brokers.TapConfig{Channels: []brokers.Channel{ch}})
	proxy.Stop()
	w.gap()
	ctx, cancel := context.WithTimeout(s.ctx(), 300*time.Millisecond)
	defer cancel()
	_, err := w.tap.CatchUp(ctx)
	if err == nil || !strings.Contains(err.Error(), "channel orders") || !strings.Contains(err.Error(), "the tap was lost") {
		t.Fatalf("CatchUp says %v", err)
	}
	s.must(proxy.Start())
	w.gap()
	w.nothing()
	s.must(w.tap.Close(s.ctx()))
}

// undecodables makes a message that the client library cannot read.
func undecodables() amqp091.Publishing {
	return amqp091.Publishing{Headers: amqp091.Table{"list": make([]any, 9000)}, Body: []byte("poison")}
}

func TestUndecodableMessageIsAGap(t *testing.T) {
	s := newSite(t)
	ch := s.orders()
	for _, durable := range []bool{false, true} {
		w := s.arm(s.open(s.config()), brokers.TapConfig{Channels: []brokers.Channel{ch}, Durable: durable})
		s.send(ch.Exchange, "placed", undecodables())
		if !durable {
			w.twoGaps("cannot decode")
		} else if m := w.gap(); !strings.Contains(m.Reason, "cannot decode") {
			t.Fatalf("the gap says %q", m.Reason)
		}
		s.publish(s.publisher(), ch, "1")
		if o := w.message(); string(o.Payload) != "1" {
			t.Fatalf("came %+v", o)
		}
		w.nothing()
		s.must(w.tap.Close(s.ctx()))
	}
}

func TestDeletedQueueIsAGap(t *testing.T) {
	s := newSite(t)
	ch := s.orders()
	w := s.arm(s.open(s.config()), brokers.TapConfig{Channels: []brokers.Channel{ch}, Durable: true})
	_, err := s.ch.QueueDelete(prefix+w.tapper.address.run+"-orders", false, false, false)
	s.must(err)
	if m := w.gap(); !strings.Contains(m.Reason, "was deleted") {
		t.Fatalf("the gap says %q", m.Reason)
	}
	s.publish(s.publisher(), ch, "1")
	if o := w.message(); string(o.Payload) != "1" {
		t.Fatalf("came %+v", o)
	}
	s.must(w.tap.Close(s.ctx()))
}

// TestLostControlConnectionIsMadeAnew: it idles, and nobody notices that it is
// gone until it is used.
func TestLostControlConnectionIsMadeAnew(t *testing.T) {
	s := newSite(t)
	ch := s.orders()
	cfg, proxy := s.proxied("")
	cfg.Management = "http://127.0.0.1:1"
	tp := s.open(cfg)
	for range 20 {
		proxy.Stop()
		s.must(proxy.Start())
		if _, err := tp.Plan(s.ctx(), brokers.TapConfig{Channels: []brokers.Channel{ch}}); err != nil {
			t.Fatal(err)
		}
	}
}
