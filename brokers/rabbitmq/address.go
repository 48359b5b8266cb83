package rabbitmq

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
)

const (
	dialTimeout = 5 * time.Second
	// handshakeTimeout is longer than the 3 s for which RabbitMQ holds a refused login.
	handshakeTimeout = 10 * time.Second
)

// address is how to reach one broker, without anything secret in its URL.
type address struct {
	broker     string // the name in the flow file
	url        string // no login in it
	host       string
	vhost      string
	username   string
	password   string
	sasl       amqp091.Authentication
	tls        *tls.Config // nil: what the URL says
	management string
	run        string
	log        *slog.Logger
}

// newAddress reads a Config. Its errors never quote the URL: a password that is
// not percent-encoded may be anywhere in it.
func newAddress(cfg brokers.Config) (*address, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("broker %s: the URL cannot be read; in a user name or password, the characters @ : / ? # %% must be percent-encoded", cfg.Name)
	}
	a := &address{
		broker: cfg.Name, management: cfg.Management, run: cfg.RunID, log: cfg.Log,
		username: u.User.Username(), password: cfg.Password,
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if p, ok := u.User.Password(); ok && cfg.Password == "" {
		a.password = p
	}
	if cfg.Username != "" {
		a.username = cfg.Username
	}
	if a.username == "" && a.password == "" {
		a.username, a.password = "guest", "guest" // the convention of AMQP's URLs
	}
	u.User = nil
	a.url = u.String()
	parsed, err := amqp091.ParseURI(a.url)
	if err != nil {
		return nil, fmt.Errorf("broker %s: %w", cfg.Name, err)
	}
	a.host, a.vhost = parsed.Host, parsed.Vhost
	if a.sasl, err = a.authentication(cfg.SASL, parsed); err != nil {
		return nil, err
	}
	if a.tls, err = a.tlsConfig(cfg.TLS, u.Scheme); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *address) authentication(mechanism string, u amqp091.URI) (amqp091.Authentication, error) {
	if mechanism == "" && len(u.AuthMechanism) > 0 {
		mechanism = u.AuthMechanism[0]
	}
	switch strings.ToUpper(mechanism) {
	case "", "PLAIN":
		return &amqp091.PlainAuth{Username: a.username, Password: a.password}, nil
	case "AMQPLAIN":
		return &amqp091.AMQPlainAuth{Username: a.username, Password: a.password}, nil
	case "EXTERNAL":
		return &amqp091.ExternalAuth{}, nil
	}
	return nil, fmt.Errorf("broker %s: RabbitMQ has no SASL mechanism %q: PLAIN, AMQPLAIN or EXTERNAL", a.broker, mechanism)
}

func (a *address) tlsConfig(t *brokers.TLS, scheme string) (*tls.Config, error) {
	if t == nil {
		return nil, nil
	}
	if scheme != "amqps" {
		return nil, fmt.Errorf("broker %s: tls is given, but the URL is %s://: use amqps://", a.broker, scheme)
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName, InsecureSkipVerify: t.Insecure}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("broker %s: read the CA: %w", a.broker, err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("broker %s: %s holds no certificate in PEM", a.broker, t.CA)
		}
	}
	if t.Cert != "" || t.Key != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("broker %s: read the client certificate: %w", a.broker, err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// dial connects. The purpose is part of the name that operators see. The
// connection outlives ctx, which bounds the dialling only.
func (a *address) dial(ctx context.Context, purpose string) (*amqp091.Connection, error) {
	properties := amqp091.NewConnectionProperties()
	properties["product"] = "flowcheck"
	properties.SetClientConnectionName("flowcheck " + a.run + " " + purpose)
	var socket net.Conn
	var release func() bool
	config := amqp091.Config{
		Vhost:           a.vhost,
		SASL:            []amqp091.Authentication{a.sasl},
		TLSClientConfig: a.tls.Clone(),
		Properties:      properties,
		Dial: func(network, addr string) (net.Conn, error) {
			dialer := net.Dialer{Timeout: dialTimeout}
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			socket = conn
			release = context.AfterFunc(ctx, func() { _ = conn.Close() })
			return conn, conn.SetDeadline(time.Now().Add(handshakeTimeout))
		},
	}
	started := time.Now()
	conn, err := amqp091.DialConfig(a.url, config)
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
	return nil, fmt.Errorf("connect to broker %s (%s, vhost %s): %w", a.broker, a.host, a.vhost, connectError(err))
}
