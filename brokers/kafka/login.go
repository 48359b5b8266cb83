package kafka

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"

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
		sasl.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &conversation{hash: scram.SHA256} }
	case brokers.Scram512:
		sasl.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &conversation{hash: scram.SHA512} }
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

// conversation is SCRAM's (RFC 5802) with one broker.
type conversation struct {
	hash scram.HashGeneratorFcn
	*scram.ClientConversation
}

// Begin implements sarama.SCRAMClient.
func (c *conversation) Begin(username, password, authzID string) error {
	client, err := c.hash.NewClient(username, password, authzID)
	if err != nil {
		return fmt.Errorf("%w: the username or password holds characters that SCRAM does not allow", brokers.ErrSettings)
	}
	c.ClientConversation = client.NewConversation()
	return nil
}

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
