package kafka

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/internal/awslogin"
	"github.com/flowcheck/flowcheck/internal/oauth"
)

// mechanisms are those that Kafka has.
var mechanisms = []string{
	brokers.Plain, brokers.Scram256, brokers.Scram512, brokers.OAuthBearer, brokers.MSKIAM, brokers.GSSAPI,
}

// checkLogin reports what is wrong with the settings of a login, or nil.
func checkLogin(cfg brokers.Config) error {
	m := cfg.Mechanism()
	needs := func(what string) error { return fmt.Errorf("%w: sasl %s needs %s", brokers.ErrSettings, m, what) }
	switch {
	case m != brokers.MSKIAM && cfg.AWS != brokers.AWS{}:
		return fmt.Errorf("%w: profile and role-arn belong to AWS, or to Kafka with sasl: %s", brokers.ErrSettings, brokers.MSKIAM)
	case m == "":
		return nil
	case !slices.Contains(mechanisms, m):
		return fmt.Errorf("%w: Kafka has no SASL mechanism %q: there are %s", brokers.ErrSettings, cfg.SASL.Mechanism, strings.Join(mechanisms, ", "))
	case m == brokers.OAuthBearer:
		return cfg.SASL.CheckOAuth()
	case m == brokers.MSKIAM:
		return awslogin.Check(cfg)
	case m == brokers.GSSAPI:
		if cfg.Username == "" || cfg.SASL.Realm == "" || cfg.Password == "" && cfg.SASL.Keytab == "" {
			return needs("a username, a realm, and a password or a keytab")
		}
	case cfg.Username == "" || cfg.Password == "":
		return needs("a username and a password")
	}
	return nil
}

// login sets up SASL where the settings ask for it.
func login(conf *sarama.Config, cfg brokers.Config) error {
	if err := checkLogin(cfg); err != nil {
		return err
	}
	m := cfg.Mechanism()
	if m == "" {
		return nil
	}
	sasl := &conf.Net.SASL
	sasl.Enable, sasl.Mechanism = true, sarama.SASLMechanism(m)
	sasl.User, sasl.Password = cfg.Username, cfg.Password
	var err error
	switch m {
	case brokers.Scram256:
		sasl.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &conversation{mechanism: scram.Auth.AsSha256Mechanism} }
	case brokers.Scram512:
		sasl.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &conversation{mechanism: scram.Auth.AsSha512Mechanism} }
	case brokers.OAuthBearer:
		sasl.TokenProvider, err = newTokens(cfg)
	case brokers.MSKIAM:
		sasl.Mechanism = sarama.SASLTypeOAuth
		sasl.TokenProvider, err = newMSKTokens(cfg)
		if !conf.Net.TLS.Enable { // MSK takes these logins by TLS only
			conf.Net.TLS.Enable, conf.Net.TLS.Config = true, &tls.Config{MinVersion: tls.VersionTLS12}
		}
	case brokers.GSSAPI:
		kerberos(conf, cfg)
	}
	return err
}

// kerberos hands the settings on to sarama.
func kerberos(conf *sarama.Config, cfg brokers.Config) {
	g := &conf.Net.SASL.GSSAPI
	g.AuthType = sarama.KRB5_USER_AUTH
	if cfg.SASL.Keytab != "" {
		g.AuthType = sarama.KRB5_KEYTAB_AUTH
	}
	g.KeyTabPath, g.Realm, g.Username, g.Password = cfg.SASL.Keytab, cfg.SASL.Realm, cfg.Username, cfg.Password
	g.ServiceName, g.KerberosConfigPath = "kafka", "/etc/krb5.conf"
	if cfg.SASL.Service != "" {
		g.ServiceName = cfg.SASL.Service
	}
	if cfg.SASL.Config != "" {
		g.KerberosConfigPath = cfg.SASL.Config
	}
}

// conversation is SCRAM's (RFC 5802) with one broker. As in Kafka itself, names
// and passwords are not prepared (RFC 4013). It implements sarama.SCRAMClient.
type conversation struct {
	mechanism func(scram.Auth) sasl.Mechanism
	session   sasl.Session
	first     []byte // what begins it, until it is sent
	done      bool
}

// Begin makes what is sent first.
func (c *conversation) Begin(username, password, authzID string) (err error) {
	auth := scram.Auth{Zid: authzID, User: username, Pass: password}
	c.session, c.first, err = c.mechanism(auth).Authenticate(context.Background(), "")
	return err
}

// Step answers the broker, or begins.
func (c *conversation) Step(challenge string) (string, error) {
	if first := c.first; first != nil {
		c.first = nil
		return string(first), nil
	}
	done, answer, err := c.session.Challenge([]byte(challenge))
	c.done = done
	return string(answer), err
}

// Done reports whether the broker has shown that it knows the password.
func (c *conversation) Done() bool { return c.done }

// tokens are access tokens for sarama, which asks for one at each login: at the
// start of a connection, and again before the broker ends the session.
type tokens struct{ source *oauth.Source }

func newTokens(cfg brokers.Config) (sarama.AccessTokenProvider, error) {
	ca := ""
	if cfg.TLS != nil {
		ca = cfg.TLS.CA
	}
	source, err := oauth.New(cfg.SASL, ca)
	return tokens{source}, err
}

// tokenTimeout bounds the wait for a token: sarama gives no context.
const tokenTimeout = 10 * time.Second

// mskTokens are those of AWS's IAM.
type mskTokens struct{ *awslogin.MSK }

func newMSKTokens(cfg brokers.Config) (sarama.AccessTokenProvider, error) {
	ctx, cancel := context.WithTimeout(context.Background(), tokenTimeout)
	defer cancel()
	msk, err := awslogin.NewMSK(ctx, cfg)
	return mskTokens{msk}, err
}

// Token implements sarama.AccessTokenProvider.
func (t mskTokens) Token() (*sarama.AccessToken, error) {
	ctx, cancel := context.WithTimeout(context.Background(), tokenTimeout)
	defer cancel()
	token, err := t.MSK.Token(ctx)
	if err != nil {
		return nil, err
	}
	return &sarama.AccessToken{Token: token}, nil
}

// Token implements sarama.AccessTokenProvider.
func (t tokens) Token() (*sarama.AccessToken, error) {
	ctx, cancel := context.WithTimeout(context.Background(), tokenTimeout)
	defer cancel()
	token, err := t.source.Token(ctx)
	if err != nil {
		return nil, err
	}
	return &sarama.AccessToken{Token: token.Secret}, nil
}
