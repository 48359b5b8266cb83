package rabbitmq

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/internal/oauth"
)

const (
	dialTimeout = 5 * time.Second
	// handshakeTimeout is longer than the 3 s for which RabbitMQ holds a refused login.
	handshakeTimeout = 10 * time.Second
)

// address is how to reach one broker, without anything secret in its URLs.
type address struct {
	broker     string // the name in the flow file
	nodes      []node
	at         atomic.Int32 // the node that was reached last
	vhost      string
	username   string
	password   string
	mechanism  string
	tokens     *oauth.Source // nil: the password is one
	tls        *tls.Config   // nil: what the URL says
	management string
	run        string
	log        *slog.Logger
}

// node is one of the cluster's.
type node struct {
	url  string // no login in it
	host string
	addr string // host:port
	tls  bool
}

// newAddress reads a Config and the files that it names. Its errors never quote
// the URL: a password that is not percent-encoded may be anywhere in it.
func newAddress(cfg brokers.Config) (*address, error) {
	a, err := parseConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("broker %s: %w", cfg.Name, err)
	}
	if a.tls, err = cfg.TLS.Load(); err != nil {
		return nil, fmt.Errorf("broker %s: %w", cfg.Name, err)
	}
	if a.mechanism == brokers.OAuthBearer {
		ca := ""
		if cfg.TLS != nil {
			ca = cfg.TLS.CA
		}
		if a.tokens, err = oauth.New(cfg.SASL, ca); err != nil {
			return nil, fmt.Errorf("broker %s: %w", cfg.Name, err)
		}
	}
	return a, nil
}

// checkConfig reports what is wrong with the settings of a broker.
func checkConfig(cfg brokers.Config) error {
	_, err := parseConfig(cfg)
	return err
}

func parseConfig(cfg brokers.Config) (*address, error) {
	a := &address{broker: cfg.Name, management: cfg.Management, run: cfg.RunID, log: cfg.Log, password: cfg.Password}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	user, uri, err := a.parseNodes(cfg.URL)
	if err != nil {
		return nil, err
	}
	a.username, a.vhost = user.Username(), uri.Vhost
	if p, ok := user.Password(); ok && cfg.Password == "" {
		a.password = p
	}
	if cfg.Username != "" {
		a.username = cfg.Username
	}
	if a.username == "" && a.password == "" {
		a.username, a.password = "guest", "guest" // the convention of AMQP's URLs
	}
	if a.mechanism = cfg.Mechanism(); a.mechanism == "" && len(uri.AuthMechanism) > 0 {
		a.mechanism = strings.ToUpper(uri.AuthMechanism[0])
	}
	return a, a.check(cfg)
}

// mechanisms are those that RabbitMQ has. OAUTHBEARER is flowcheck's word for a
// token: RabbitMQ takes it as the password of PLAIN.
var mechanisms = []string{brokers.Plain, brokers.AMQPlain, brokers.External, brokers.OAuthBearer}

// check reports what does not fit together.
func (a *address) check(cfg brokers.Config) error {
	switch {
	case cfg.TLS != nil && !a.nodes[0].tls:
		return fmt.Errorf("%w: tls is given, but the URL is amqp://: use amqps://", brokers.ErrSettings)
	case cfg.AWS != brokers.AWS{}:
		return fmt.Errorf("%w: profile and role-arn belong to AWS", brokers.ErrSettings)
	case a.mechanism == brokers.External && (cfg.TLS == nil || cfg.TLS.Cert == ""):
		return fmt.Errorf("%w: sasl EXTERNAL is a login by certificate: give tls: { cert: …, key: … }", brokers.ErrSettings)
	case a.mechanism == brokers.OAuthBearer:
		return cfg.SASL.CheckOAuth()
	case a.mechanism != "" && !slices.Contains(mechanisms, a.mechanism):
		return fmt.Errorf("%w: RabbitMQ has no SASL mechanism %q: there are %s", brokers.ErrSettings, a.mechanism, strings.Join(mechanisms, ", "))
	}
	return nil
}

// parseNodes reads amqp[s]://[user[:password]@]host[:port][,host[:port]…][/vhost][?…].
// net/url cannot: it takes the list for a port.
func (a *address) parseNodes(raw string) (*url.Userinfo, amqp091.URI, error) {
	unreadable := fmt.Errorf("%w: the URL cannot be read: amqp://user:password@host:port,host:port/vhost; in a user name or password, the characters @ : / ? # %% must be percent-encoded", brokers.ErrSettings)
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return nil, amqp091.URI{}, unreadable
	}
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	login, hosts := "", authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		login, hosts = authority[:i+1], authority[i+1:]
	}
	var user *url.Userinfo
	var first amqp091.URI
	for i, host := range strings.Split(hosts, ",") {
		u, err := url.Parse(scheme + "://" + login + strings.TrimSpace(host) + tail)
		if err != nil {
			return nil, amqp091.URI{}, unreadable
		}
		user, u.User = u.User, nil
		uri, err := amqp091.ParseURI(u.String())
		if err != nil {
			return nil, amqp091.URI{}, fmt.Errorf("%w: %w", brokers.ErrSettings, err)
		}
		if i == 0 {
			first = uri
		}
		a.nodes = append(a.nodes, node{
			url: u.String(), host: uri.Host, addr: net.JoinHostPort(uri.Host, fmt.Sprint(uri.Port)), tls: scheme == "amqps",
		})
	}
	return user, first, nil
}

// secret is the password of the moment.
func (a *address) secret(ctx context.Context) (string, error) {
	if a.tokens == nil {
		return a.password, nil
	}
	token, err := a.tokens.Token(ctx)
	return token.Secret, err
}

func (a *address) authentication(secret string) amqp091.Authentication {
	switch a.mechanism {
	case brokers.AMQPlain:
		return &amqp091.AMQPlainAuth{Username: a.username, Password: secret}
	case brokers.External:
		return &amqp091.ExternalAuth{}
	}
	return &amqp091.PlainAuth{Username: a.username, Password: secret}
}

// dial connects to the first node that answers, beginning with the one of the
// last time. The purpose is part of the name that operators see. The connection
// outlives ctx, which bounds the dialling only.
func (a *address) dial(ctx context.Context, purpose string) (*amqp091.Connection, error) {
	secret, err := a.secret(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to broker %s: %w", a.broker, err)
	}
	begin := int(a.at.Load())
	var errs []error
	for i := range a.nodes {
		at := (begin + i) % len(a.nodes)
		conn, err := a.dialNode(ctx, a.nodes[at], purpose, a.authentication(secret))
		if err == nil {
			a.at.Store(int32(at))
			if a.tokens != nil {
				go a.renew(conn)
			}
			return conn, nil
		}
		errs = append(errs, fmt.Errorf("connect to broker %s (%s, vhost %s): %w", a.broker, a.nodes[at].host, a.vhost, err))
		if !errors.Is(err, brokers.ErrUnreachable) || ctx.Err() != nil {
			break // the other nodes would say the same
		}
	}
	return nil, errors.Join(errs...)
}

func (a *address) dialNode(ctx context.Context, n node, purpose string, sasl amqp091.Authentication) (*amqp091.Connection, error) {
	properties := amqp091.NewConnectionProperties()
	properties["product"] = "flowcheck"
	properties.SetClientConnectionName("flowcheck " + a.run + " " + purpose)
	var socket net.Conn
	var release func() bool
	config := amqp091.Config{
		Vhost:           a.vhost,
		SASL:            []amqp091.Authentication{sasl},
		TLSClientConfig: a.tls.Clone(),
		Properties:      properties,
		Dial: func(network, addr string) (net.Conn, error) {
			conn, err := dialTCP(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			socket = conn
			release = context.AfterFunc(ctx, func() { _ = conn.Close() })
			return conn, conn.SetDeadline(time.Now().Add(handshakeTimeout))
		},
	}
	started := time.Now()
	conn, err := amqp091.DialConfig(n.url, config)
	if release != nil && !release() && err == nil {
		_ = conn.Close()
		err = ctx.Err()
	}
	if err == nil {
		return conn, nil
	}
	if socket != nil {
		_ = socket.Close() // the library leaves it open after a failed handshake
	}
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case time.Since(started) >= handshakeTimeout:
		err = errors.New("it accepts connections but does not speak AMQP 0-9-1 within " + handshakeTimeout.String())
	}
	return nil, a.explain(ctx, n, socket != nil, err)
}

func dialTCP(ctx context.Context, network, addr string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	return dialer.DialContext(ctx, network, addr)
}

// explain words a failed connection; where the broker hung up or was silent, it
// looks whether one side speaks TLS and the other does not.
func (a *address) explain(ctx context.Context, n node, connected bool, err error) error {
	byTLS := brokers.TLSTrouble(err) != ""
	err = connectError(err)
	if errors.Is(err, brokers.ErrRefused) && !byTLS {
		return fmt.Errorf("%w: %s", err, a.remedy(err))
	}
	if !connected || !errors.Is(err, brokers.ErrUnreachable) {
		return err
	}
	probe := brokers.Probe{Dial: dialTCP, Addr: n.addr, Use: "say amqps://", Leave: "say amqp://"}
	if n.tls {
		if probe.TLS = a.tls; probe.TLS == nil {
			probe.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		}
	}
	if trouble := probe.Trouble(ctx); trouble != nil {
		return trouble
	}
	return err
}

// remedy is what to look at after a refused login.
func (a *address) remedy(err error) string {
	switch {
	case strings.Contains(err.Error(), "access to vhost"):
		return "it needs permissions there: rabbitmqctl set_permissions -p " + a.vhost + " USER …, or scopes of its token"
	case a.tokens != nil:
		return "the broker does not take the token: check its audience, issuer and scopes, and whether it has expired"
	case a.mechanism == brokers.External:
		return "EXTERNAL takes the user from the certificate, by its distinguished name or its common name (ssl_cert_login_from): there has to be such a user"
	}
	return "check username and password"
}

// renew gives a connection a new token before the old one expires, until the
// connection ends.
func (a *address) renew(conn *amqp091.Connection) {
	const again = 5 * time.Second // after a token server has failed
	ended := conn.NotifyClose(make(chan *amqp091.Error, 1))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for wait := a.untilDue(); wait > 0; {
		timer := time.NewTimer(wait)
		select {
		case <-ended: //nolint:errcheck // why it ended, the user of the connection tells
			timer.Stop()
			return
		case <-timer.C:
		}
		token, err := a.tokens.Token(ctx)
		if err == nil {
			err = conn.UpdateSecret(token.Secret, "renewed")
			wait = a.untilDue()
		} else {
			wait = again
		}
		if err != nil && !conn.IsClosed() {
			a.log.Warn("the token of broker "+a.broker+" cannot be renewed", "error", err)
		}
	}
}

// untilDue is how long the token is good enough; 0 where nobody renews it.
func (a *address) untilDue() time.Duration {
	due := a.tokens.Due()
	if due.IsZero() {
		return 0
	}
	return max(time.Until(due), 100*time.Millisecond)
}
