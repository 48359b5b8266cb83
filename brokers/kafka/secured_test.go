package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/internal/testbroker"
	"github.com/flowcheck/flowcheck/message"
)

// secured is a Kafka that wants logins, and who is asked for rights on it.
type secured struct {
	*testbroker.SecureKafka
	admin *env // without a login, and with every right
}

// TestSecuredKafka: each way to log in, with no right but those of the docs, and
// each way to be refused. One broker serves all.
func TestSecuredKafka(t *testing.T) {
	t.Parallel()
	own := testbroker.OwnSecureKafka(t)
	s := &secured{own, connect(t, &env{addr: own.URL})}
	t.Run("logins", s.logins)
	t.Run("refusals", s.refusals)
	t.Run("rights", s.rights)
	t.Run("token servers", s.tokenServers)
	t.Run("a token that expires in mid-run", s.renewed)
	t.Run("a token that nobody renews", s.runsOut)
}

// config reaches a listener with TLS.
func (s *secured) config(addr string) brokers.Config {
	return brokers.Config{Name: "events", URL: "kafka://" + addr, TLS: &brokers.TLS{CA: s.CA.CA}}
}

// by is a config that logs in by a mechanism with a password.
func (s *secured) by(mechanism string) brokers.Config {
	cfg := s.config(s.SASL)
	cfg.Username, cfg.Password, cfg.SASL.Mechanism = testbroker.KafkaUser, testbroker.KafkaPassword, mechanism
	return cfg
}

// byToken is a config that fetches tokens.
func (s *secured) byToken() brokers.Config {
	cfg := s.config(s.SASL)
	cfg.SASL = brokers.SASL{TokenURL: s.Tokens.URL, ClientID: s.Tokens.ID, ClientSecret: s.Tokens.Secret, Scopes: []string{"kafka"}}
	return cfg
}

// byCertificate is a config that shows a certificate.
func (s *secured) byCertificate(user string) brokers.Config {
	cfg := s.config(s.Mutual)
	cfg.TLS.Cert, cfg.TLS.Key = s.CA.Issue(user, testbroker.Certificate{})
	return cfg
}

// grant gives the user of the tests rights on a topic, and nothing else.
func (s *secured) grant(t *testing.T, topic string, rights ...sarama.AclOperation) {
	t.Helper()
	acls := &sarama.ResourceAcls{
		Resource: sarama.Resource{ResourceType: sarama.AclResourceTopic, ResourceName: topic, ResourcePatternType: sarama.AclPatternLiteral},
	}
	for _, right := range rights {
		acls.Acls = append(acls.Acls, &sarama.Acl{
			Principal: "User:" + testbroker.KafkaUser, Host: "*", Operation: right, PermissionType: sarama.AclPermissionAllow,
		})
	}
	must(t, s.admin.admin.CreateACLs([]*sarama.ResourceAcls{acls}))
}

// tapped arms a tap and sees a message through it that another publishes.
func (s *secured) tapped(t *testing.T, cfg brokers.Config, ch brokers.Channel) *armed {
	t.Helper()
	tp, err := openTapper(soon(t), cfg, quick())
	if err != nil {
		t.Fatalf("openTapper: %v", err)
	}
	t.Cleanup(func() { _ = tp.Close() })
	a := arm(t, tp, brokers.Start{}, ch)
	say(t, s.admin.producer(t), ch.Topic, "seen")
	a.exact("seen")
	return a
}

// logins: with Read and Describe a tap works, and with Write a publisher does.
func (s *secured) logins(t *testing.T) {
	for name, cfg := range map[string]brokers.Config{
		"PLAIN":                       s.by(brokers.Plain),
		"PLAIN, when nothing is said": s.by(""),
		"SCRAM-SHA-256":               s.by(brokers.Scram256),
		"SCRAM-SHA-512":               s.by("scram-sha-512"),
		"OAUTHBEARER":                 s.byToken(),
		"a certificate":               s.byCertificate(testbroker.KafkaUser),
	} {
		t.Run(name, func(t *testing.T) {
			ch := s.admin.topic(t, 1)
			s.grant(t, ch.Topic, sarama.AclOperationRead, sarama.AclOperationDescribe)
			s.tapped(t, cfg, ch)
			p, err := openPublisher(soon(t), cfg, quick())
			must(t, err)
			defer p.Close()
			_, err = p.Publish(soon(t), ch, outgoingText("x"))
			named(t, err, brokers.ErrRefused, "Write on Topic:"+ch.Topic)
			s.grant(t, ch.Topic, sarama.AclOperationWrite)
			eventually(t, "the right arrives", func() string {
				if _, err = p.Publish(soon(t), ch, outgoingText("x")); err != nil {
					return err.Error()
				}
				return ""
			})
		})
	}
}

// named wants an error of a kind that says these words, and no secret.
func named(t *testing.T, err, kind error, says ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got %v, want %v", err, kind)
	}
	for _, word := range says {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%v: it does not say %q", err, word)
		}
	}
	for _, secret := range []string{testbroker.KafkaPassword, "cl1ent-s3cret", "wr0ng"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%v: it tells a secret", err)
		}
	}
}

// refusals: each is named, with the way out.
func (s *secured) refusals(t *testing.T) {
	stranger := testbroker.NewAuthority(t)
	with := func(cfg brokers.Config, change func(*brokers.Config)) brokers.Config {
		change(&cfg)
		return cfg
	}
	expired := s.config(s.Mutual)
	expired.TLS.Cert, expired.TLS.Key = s.CA.Issue("late", testbroker.Certificate{Expired: true})
	foreign := s.config(s.Mutual)
	foreign.TLS.Cert, foreign.TLS.Key = stranger.Issue("tap", testbroker.Certificate{})
	for name, c := range map[string]struct {
		cfg  brokers.Config
		kind error
		says []string
	}{
		"an expired certificate":      {s.config(s.Expired), brokers.ErrRefused, []string{"its certificate is valid from", "renewed"}},
		"another host's certificate":  {s.config(s.Wrong), brokers.ErrRefused, []string{"for elsewhere.example, not for 127.0.0.1", "server-name"}},
		"another authority":           {with(s.by(brokers.Plain), func(c *brokers.Config) { c.TLS.CA = stranger.CA }), brokers.ErrRefused, []string{"not of an authority", "tls: { ca: … }"}},
		"no certificate of ours":      {s.config(s.Mutual), brokers.ErrRefused, []string{"wants a certificate of ours", "tls: { cert: …, key: … }"}},
		"our certificate has expired": {expired, brokers.ErrRefused, []string{"certificate"}},
		"a stranger's certificate":    {foreign, brokers.ErrRefused, []string{"certificate"}},
		"no login":                    {s.config(s.SASL), brokers.ErrUnreachable, []string{"wants a login"}},
		"no TLS":                      {with(s.by(brokers.Plain), func(c *brokers.Config) { c.TLS = nil }), brokers.ErrUnreachable, []string{"speaks TLS", "say tls: true"}},
		"TLS where there is none":     {s.config(s.URL), brokers.ErrUnreachable, []string{"does not speak TLS"}},
		"a wrong password":            {with(s.by(brokers.Plain), func(c *brokers.Config) { c.Password = "wr0ng" }), brokers.ErrRefused, []string{"check username, password"}},
		"a wrong password by SCRAM":   {with(s.by(brokers.Scram512), func(c *brokers.Config) { c.Password = "wr0ng" }), brokers.ErrRefused, []string{"check username, password"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openTapper(soon(t), c.cfg, quick())
			named(t, err, c.kind, c.says...)
			_, err = openPublisher(soon(t), c.cfg, quick())
			named(t, err, c.kind, c.says...)
		})
	}
}

// rights: each that is lacking is named, with what it is lacking on.
func (s *secured) rights(t *testing.T) {
	tp, err := openTapper(soon(t), s.by(brokers.Scram256), quick())
	must(t, err)
	defer tp.Close()
	tap := func(ch brokers.Channel) error {
		_, err := tp.Tap(soon(t), brokers.TapConfig{Channels: []brokers.Channel{ch}, Events: make(chan message.Event)})
		return err
	}
	ch := s.admin.topic(t, 1)
	named(t, tap(ch), brokers.ErrRefused, "Describe on Topic:"+ch.Topic)
	s.grant(t, ch.Topic, sarama.AclOperationDescribe)
	eventually(t, "Describe arrives", func() string {
		if err := tap(ch); strings.Contains(fmt.Sprint(err), "Describe on") {
			return err.Error()
		}
		return ""
	})
	named(t, tap(ch), brokers.ErrRefused, "Read on Topic:"+ch.Topic)
	s.grant(t, ch.Topic, sarama.AclOperationRead)
	eventually(t, "Read arrives", func() string {
		if err := tap(ch); err != nil {
			return err.Error()
		}
		return ""
	})
	ch.Consumers = []string{"somebody"}
	q, err := tp.Quiet(soon(t), []brokers.Channel{ch})
	if err != nil || q.Known || !strings.Contains(q.Reason, "Describe on Group:somebody") {
		t.Errorf("Quiet: %+v, %v", q, err)
	}
}

// tokenServers: what is wrong with one is named, with the way out.
func (s *secured) tokenServers(t *testing.T) {
	with := func(change func(*brokers.SASL)) brokers.Config {
		cfg := s.byToken()
		change(&cfg.SASL)
		return cfg
	}
	untrusted := s.byToken()
	untrusted.TLS = &brokers.TLS{Insecure: true}
	for name, c := range map[string]struct {
		cfg  brokers.Config
		kind error
		says []string
	}{
		"down":              {with(func(c *brokers.SASL) { c.TokenURL = "https://127.0.0.1:1/token" }), brokers.ErrUnreachable, []string{"token server https://127.0.0.1:1/token", "connection refused"}},
		"a wrong secret":    {with(func(c *brokers.SASL) { c.ClientSecret = "wr0ng" }), brokers.ErrRefused, []string{"refuses client tap", "invalid_client", "check client-id and client-secret"}},
		"a wrong scope":     {with(func(c *brokers.SASL) { c.Scopes = []string{"forbidden"} }), brokers.ErrRefused, []string{"invalid_scope", "check scopes"}},
		"not to be trusted": {untrusted, brokers.ErrRefused, []string{"token server", "not of an authority"}},
		"a made-up token":   {with(func(c *brokers.SASL) { *c = brokers.SASL{Token: "made.up.token"} }), brokers.ErrRefused, []string{"token"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openTapper(soon(t), c.cfg, quick())
			named(t, err, c.kind, c.says...)
		})
	}
	t.Run("out of order", func(t *testing.T) {
		s.Tokens.Down(true)
		defer s.Tokens.Down(false)
		_, err := openTapper(soon(t), s.byToken(), quick())
		named(t, err, brokers.ErrUnreachable, "503")
	})
}

// renewed: tokens of a few seconds are replaced while the tap and the publisher
// work; a token server that is away for a while does no harm.
func (s *secured) renewed(t *testing.T) {
	s.Tokens.Set(4*time.Second, "kafka")
	defer s.Tokens.Set(time.Hour, "kafka")
	before := s.Tokens.Issued()
	ch := s.admin.topic(t, 1)
	s.grant(t, ch.Topic, sarama.AclOperationRead, sarama.AclOperationDescribe, sarama.AclOperationWrite)
	a := s.tapped(t, s.byToken(), ch)
	p, err := openPublisher(soon(t), s.byToken(), quick())
	must(t, err)
	defer p.Close()
	var want []string
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for s.Tokens.Issued() < before+6 {
		want = append(want, fmt.Sprint(len(want)))
		if _, err := p.Publish(soon(t), ch, outgoingText(want[len(want)-1])); err != nil {
			t.Fatalf("after %d messages: %v", len(want), err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%d tokens were issued", s.Tokens.Issued()-before)
		}
	}
	a.exact(want...)
}

// runsOut: a token that stands in the flow file expires while the tap works. It
// cannot tell any more how far it has read, and says why; so does a new tap.
func (s *secured) runsOut(t *testing.T) {
	ch := s.admin.topic(t, 1)
	s.grant(t, ch.Topic, sarama.AclOperationRead, sarama.AclOperationDescribe)
	cfg := s.config(s.SASL)
	cfg.SASL.Token = s.Tokens.Token(5*time.Second, "kafka")
	a := s.tapped(t, cfg, ch)
	eventually(t, "the token runs out", func() string {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if _, err := a.tap.CatchUp(ctx); !errors.Is(err, brokers.ErrRefused) {
			return fmt.Sprint("CatchUp: ", err)
		} else if !strings.Contains(err.Error(), "the token has expired at") || !strings.Contains(err.Error(), "token-url") {
			return err.Error()
		}
		return ""
	})
	_, err := openTapper(soon(t), cfg, quick())
	named(t, err, brokers.ErrRefused, "the token has expired at", "give a fresh one, or token-url")
}
