package rabbitmq

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/internal/testbroker"
)

// secured is a vhost on a RabbitMQ with TLS and tokens.
type secured struct {
	*site
	own *testbroker.SecureRabbitMQ
}

// TestSecuredRabbitMQ: each way to log in, with no permission but those of the
// docs, and each way to be refused. One broker serves all.
func TestSecuredRabbitMQ(t *testing.T) {
	t.Parallel()
	own := testbroker.OwnSecureRabbitMQ(t)
	for name, test := range map[string]func(*secured){
		"logins": (*secured).logins, "refusals": (*secured).refusals, "nodes": (*secured).nodes,
		"a token that expires in mid-run": (*secured).renewed,
		"a token that nobody renews":      (*secured).runsOut,
	} {
		t.Run(name, func(t *testing.T) { test(&secured{newSiteAt(t, own.URL, own.Management), own}) })
	}
}

// overTLS moves a config to the port with TLS.
func (s *secured) overTLS(cfg brokers.Config) brokers.Config {
	cfg.URL = "amqps://" + s.own.TLS + "/" + s.vhost
	cfg.Management = "https://" + s.own.API
	cfg.TLS = &brokers.TLS{CA: s.own.CA.CA}
	return cfg
}

// allowed is a user with the permissions that docs/rabbitmq.md tells.
func (s *secured) allowed(exchange string) brokers.Config {
	return s.overTLS(s.user("management", own, own, "^(flowcheck-.*|"+exchange+")$"))
}

// byToken is a config that fetches tokens with those permissions.
func (s *secured) byToken(exchange string, life time.Duration) brokers.Config {
	s.own.Tokens.Set(life, s.scopes(exchange))
	cfg := s.overTLS(s.config())
	cfg.SASL = brokers.SASL{TokenURL: s.own.Tokens.URL, ClientID: s.own.Tokens.ID, ClientSecret: s.own.Tokens.Secret}
	return cfg
}

// scopes are those that docs/rabbitmq.md tells.
func (s *secured) scopes(exchange string) string {
	scopes := testbroker.RabbitMQAudience + ".tag:management"
	for _, right := range []string{"configure", "write", "read"} {
		scopes += fmt.Sprintf(" %s.%s:%s/flowcheck-*", testbroker.RabbitMQAudience, right, s.vhost)
	}
	return scopes + fmt.Sprintf(" %[1]s.read:%[2]s/%[3]s %[1]s.read:%[2]s/%[3]s/*", testbroker.RabbitMQAudience, s.vhost, exchange)
}

// byCertificate is a config that shows the certificate of a user. The management
// API knows no certificates: it is asked with the password.
func (s *secured) byCertificate(cfg brokers.Config) brokers.Config {
	cfg.TLS.Cert, cfg.TLS.Key = s.own.CA.Issue(cfg.Username, testbroker.Certificate{})
	cfg.Management = "https://" + cfg.Username + ":" + cfg.Password + "@" + s.own.API
	cfg.Username, cfg.Password, cfg.SASL.Mechanism = "", "", brokers.External
	return cfg
}

func (s *secured) logins() {
	x := s.exchange("topic")
	amqplain := s.allowed(x)
	amqplain.SASL.Mechanism = brokers.AMQPlain
	for name, cfg := range map[string]brokers.Config{
		"PLAIN": s.allowed(x), "AMQPLAIN": amqplain, "a certificate": s.byCertificate(s.allowed(x)), "a token": s.byToken(x, time.Hour),
	} {
		s.TB.(*testing.T).Run(name, func(t *testing.T) {
			here := *s.site
			here.TB = t
			w := here.arm(here.open(cfg), brokers.TapConfig{Channels: []brokers.Channel{{Name: "orders", Exchange: x, RoutingKeys: []string{"placed"}}}})
			here.send(x, "placed", amqp091.Publishing{Body: []byte("1")})
			if o := w.message(); string(o.Payload) != "1" {
				t.Fatalf("came %+v", o)
			}
			here.must(w.tap.Close(here.ctx()))
		})
	}
}

// front puts a certificate in front of the broker.
func (s *secured) front(cert, key string) string {
	pair, err := tls.LoadX509KeyPair(cert, key)
	s.must(err)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	s.must(err)
	upstream := strings.TrimSuffix(strings.TrimPrefix(s.own.URL, "amqp://guest:guest@"), "/")
	return testbroker.Serve(s, listener, func(conn net.Conn) { forward(conn, upstream) })
}

// deaf takes connections and never says a word.
func (s *secured) deaf() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	s.must(err)
	return testbroker.Serve(s, listener, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
}

// refusals: each is named, with the way out.
func (s *secured) refusals() {
	stranger := testbroker.NewAuthority(s)
	plain := strings.TrimSuffix(strings.TrimPrefix(s.own.URL, "amqp://guest:guest@"), "/")
	with := func(change func(*brokers.Config)) brokers.Config {
		cfg := s.overTLS(s.config())
		cfg.Username, cfg.Password = "guest", "guest"
		change(&cfg)
		return cfg
	}
	at := func(addr string) func(*brokers.Config) {
		return func(c *brokers.Config) { c.URL = "amqps://" + addr + "/" + s.vhost }
	}
	unknown := with(func(c *brokers.Config) { c.Username, c.Password = "nobody", "s3cret" })
	for name, c := range map[string]struct {
		cfg  brokers.Config
		kind error
		says []string
	}{
		"an expired certificate":     {with(at(s.front(s.own.CA.Issue("late", testbroker.Certificate{Expired: true})))), brokers.ErrRefused, []string{"its certificate is valid from", "renewed"}},
		"another host's certificate": {with(at(s.front(s.own.CA.Issue("wrong", testbroker.Certificate{Host: "elsewhere.example"})))), brokers.ErrRefused, []string{"for elsewhere.example, not for 127.0.0.1", "server-name"}},
		"another authority":          {with(func(c *brokers.Config) { c.TLS.CA = stranger.CA }), brokers.ErrRefused, []string{"not of an authority"}},
		"a stranger's certificate": {with(func(c *brokers.Config) {
			c.TLS.Cert, c.TLS.Key = stranger.Issue("guest", testbroker.Certificate{})
		}), brokers.ErrRefused, []string{"certificate of ours"}},
		"an unknown user's certificate": {s.byCertificate(unknown), brokers.ErrRefused, []string{"EXTERNAL", "common name"}},
		"a wrong password":              {with(func(c *brokers.Config) { c.Password = "wr0ng" }), brokers.ErrRefused, []string{"check username and password"}},
		"no right on the vhost":         {with(func(c *brokers.Config) { c.Username, c.Password = s.stranger() }), brokers.ErrRefused, []string{s.vhost, "set_permissions"}},
		"no such vhost":                 {with(func(c *brokers.Config) { c.URL = "amqps://" + s.own.TLS + "/nowhere" }), brokers.ErrAbsent, []string{"nowhere"}},
		"no TLS":                        {with(func(c *brokers.Config) { c.URL, c.TLS = "amqp://"+s.own.TLS+"/"+s.vhost, nil }), brokers.ErrUnreachable, []string{"speaks TLS", "amqps://"}},
		"TLS where there is none":       {with(at(plain)), brokers.ErrUnreachable, []string{"does not speak TLS", "amqp://"}},
		"TLS where nobody answers":      {with(at(s.deaf())), brokers.ErrUnreachable, nil},
		"a token server that is down":   {with(func(c *brokers.Config) { c.SASL = brokers.SASL{TokenURL: "https://127.0.0.1:1/", ClientID: "x"} }), brokers.ErrUnreachable, []string{"token server https://127.0.0.1:1/"}},
		"a made-up token":               {with(func(c *brokers.Config) { c.SASL = brokers.SASL{Token: "made.up.token"} }), brokers.ErrRefused, []string{"token"}},
		"a certificate without its key": {with(func(c *brokers.Config) { c.TLS.Cert = s.own.CA.CA }), brokers.ErrSettings, []string{"belong together"}},
	} {
		s.TB.(*testing.T).Run(name, func(t *testing.T) {
			t.Parallel() // RabbitMQ lets a refused login wait
			_, err := openPublisher(t.Context(), c.cfg)
			if !errors.Is(err, c.kind) {
				t.Fatalf("got %v, want %v", err, c.kind)
			}
			for _, word := range c.says {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%v: it does not say %q", err, word)
				}
			}
			if strings.Contains(err.Error(), "its certificate") && strings.Contains(err.Error(), "password") {
				t.Errorf("%v: it is not about a password", err)
			}
			if strings.Contains(err.Error(), "wr0ng") || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%v: it tells a secret", err)
			}
		})
	}
}

// stranger is a login without any right on the vhost.
func (s *secured) stranger() (name, password string) {
	name, password = fresh("u"), "s3cret"
	s.call("PUT", "/api/users/"+name, map[string]string{"password": password, "tags": ""}, nil)
	s.Cleanup(func() { s.call("DELETE", "/api/users/"+name, nil, nil) })
	return name, password
}

// nodes: one that is down is passed over, and one that goes down is left.
func (s *secured) nodes() {
	ch := s.orders()
	cfg, proxy := s.proxied("")
	real := strings.TrimPrefix(s.url, "amqp://")
	login, real, _ := strings.Cut(real, "@")
	cfg.URL = fmt.Sprintf("amqp://%s@127.0.0.1:1,%s,%s", login, proxy.Listen, real)
	w := s.arm(s.open(cfg), brokers.TapConfig{Channels: []brokers.Channel{ch}})
	s.send(ch.Exchange, "placed", amqp091.Publishing{Body: []byte("1")})
	if o := w.message(); string(o.Payload) != "1" {
		s.Fatalf("came %+v", o)
	}
	proxy.Stop()
	w.gap()
	w.gap() // tapped again, by the other node
	s.send(ch.Exchange, "placed", amqp091.Publishing{Body: []byte("2")})
	if o := w.message(); string(o.Payload) != "2" {
		s.Fatalf("came %+v", o)
	}
	s.must(w.tap.Close(s.ctx()))
}

// renewed: tokens of a few seconds are replaced while a tap works, and it is not
// cut off.
func (s *secured) renewed() {
	x := s.exchange("topic")
	before := s.own.Tokens.Issued()
	w := s.arm(s.open(s.byToken(x, 4*time.Second)), brokers.TapConfig{Channels: []brokers.Channel{{Name: "orders", Exchange: x, RoutingKeys: []string{"#"}}}})
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	ctx := s.ctx()
	for i := 0; s.own.Tokens.Issued() < before+5; i++ {
		s.send(x, "placed", amqp091.Publishing{Body: []byte(fmt.Sprint(i))})
		if o := w.message(); string(o.Payload) != fmt.Sprint(i) {
			s.Fatalf("came %+v", o)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.Fatalf("%d tokens were issued", s.own.Tokens.Issued()-before)
		}
	}
	if _, err := w.tap.CatchUp(s.ctx()); err != nil {
		s.Error(err)
	}
	s.must(w.tap.Close(s.ctx()))
}

// runsOut: a token that stands in the flow file expires while a tap works. The tap
// is cut off with a gap that says why, and so does a new tap.
func (s *secured) runsOut() {
	x := s.exchange("topic")
	cfg := s.overTLS(s.config())
	cfg.SASL.Token = s.own.Tokens.Token(5*time.Second, s.scopes(x))
	w := s.arm(s.open(cfg), brokers.TapConfig{Channels: []brokers.Channel{{Name: "orders", Exchange: x, RoutingKeys: []string{"#"}}}})
	s.send(x, "placed", amqp091.Publishing{Body: []byte("1")})
	if o := w.message(); string(o.Payload) != "1" {
		s.Fatalf("came %+v", o)
	}
	if gap := w.gap(); !strings.Contains(gap.Reason, "token has expired") || !strings.Contains(gap.Reason, "token-url") {
		s.Errorf("the gap says %q", gap.Reason)
	}
	_ = w.tap.Close(s.ctx()) // the broker refuses that as well
	_, err := openTapper(s.ctx(), cfg)
	if !errors.Is(err, brokers.ErrRefused) || !strings.Contains(err.Error(), "the token has expired at") || !strings.Contains(err.Error(), "token-url") {
		s.Errorf("a new tap: %v", err)
	}
}

// TestVhosts: each is a broker of its own, and shows nothing of the other.
func TestVhosts(t *testing.T) {
	a, b := newSite(t), newSite(t)
	ch := brokers.Channel{Name: "orders", Exchange: "shared-name", RoutingKeys: []string{"placed"}}
	taps := map[*site]*tapped{}
	for _, s := range []*site{a, b} {
		s.must(s.ch.ExchangeDeclare(ch.Exchange, "topic", false, false, false, false, nil))
		taps[s] = s.tapChannels(ch)
	}
	for i, s := range []*site{a, b} {
		s.send(ch.Exchange, "placed", amqp091.Publishing{Body: []byte(fmt.Sprint(i))})
	}
	for i, s := range []*site{a, b} {
		w := taps[s]
		if o := w.message(); string(o.Payload) != fmt.Sprint(i) {
			t.Errorf("vhost %d shows %+v", i, o)
		}
		w.nothing()
		s.must(w.tap.Close(s.ctx()))
		s.nothingLeft()
	}
}
