package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/brokers"
)

// settings turns a broker of the flow file into the addresses to begin with and
// sarama's configuration. The files of cfg.TLS are read.
func settings(cfg brokers.Config) ([]string, *sarama.Config, error) {
	seeds, user, err := parseURL(cfg.URL)
	if err != nil {
		return nil, nil, err
	}
	if cfg.Username == "" && user != nil {
		cfg.Username = user.Username()
		if pass, ok := user.Password(); ok && cfg.Password == "" {
			cfg.Password = pass
		}
	}
	conf := sarama.NewConfig()
	conf.ClientID = clientID
	// The newest that we ask for; each connection agrees on less with an older
	// broker.
	conf.Version = sarama.V4_0_0_0
	conf.Metadata.Full = false
	conf.Metadata.AllowAutoTopicCreation = false
	conf.Metadata.Retry.Max = 3
	conf.Metadata.Retry.Backoff = 100 * time.Millisecond
	if err := secure(conf, cfg.TLS); err != nil {
		return nil, nil, err
	}
	if err := login(conf, cfg); err != nil {
		return nil, nil, err
	}
	return seeds, conf, nil
}

// parseURL reads kafka://[user[:password]@]host[:port][,host[:port]…]. net/url
// cannot: it takes the list for a port.
func parseURL(raw string) ([]string, *url.Userinfo, error) {
	rest, ok := strings.CutPrefix(raw, "kafka://")
	if !ok {
		return nil, nil, errors.New("the URL of a kafka broker begins with kafka://")
	}
	var user *url.Userinfo
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		u, err := url.Parse("kafka://" + rest[:i] + "@host")
		if err != nil {
			return nil, nil, errors.New("the login in the broker's URL cannot be read: percent-encode it, or use username and password")
		}
		user, rest = u.User, rest[i+1:]
	}
	rest = strings.TrimSuffix(rest, "/")
	var seeds []string
	for part := range strings.SplitSeq(rest, ",") {
		addr, err := address(strings.TrimSpace(part))
		if err != nil {
			return nil, nil, err
		}
		seeds = append(seeds, addr)
	}
	return seeds, user, nil
}

// address is host:port, with Kafka's usual port where part has none.
func address(part string) (string, error) {
	if part == "" || strings.ContainsAny(part, "/?# ") {
		return "", fmt.Errorf("%q is no broker address: kafka://host:port,host:port", part)
	}
	host, port, err := net.SplitHostPort(part)
	if err != nil {
		host, port = strings.Trim(part, "[]"), "9092"
	}
	if host == "" || port == "" {
		return "", fmt.Errorf("%q is no broker address: kafka://host:port,host:port", part)
	}
	return net.JoinHostPort(host, port), nil
}

// secure sets up TLS where the flow file asks for it.
func secure(conf *sarama.Config, t *brokers.TLS) error {
	if t == nil {
		return nil
	}
	conf.Net.TLS.Enable = true
	c := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         t.ServerName,
		InsecureSkipVerify: t.Insecure, //nolint:gosec // the flow file says tls: insecure
	}
	conf.Net.TLS.Config = c
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return fmt.Errorf("tls ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("tls ca: %s holds no certificate in PEM form", t.CA)
		}
	}
	if t.Cert == "" && t.Key == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return fmt.Errorf("tls cert and key: %w", err)
	}
	c.Certificates = []tls.Certificate{pair}
	return nil
}

// login sets up SASL where there is a user name or a mechanism.
func login(conf *sarama.Config, cfg brokers.Config) error {
	if cfg.Username == "" && cfg.SASL == "" {
		return nil
	}
	switch cfg.SASL {
	case "", sarama.SASLTypePlaintext:
		if cfg.Username == "" {
			return errors.New("sasl PLAIN needs a username and a password")
		}
		conf.Net.SASL.Mechanism = sarama.SASLTypePlaintext
	default:
		return fmt.Errorf("sasl %q is not known here: PLAIN is", cfg.SASL)
	}
	conf.Net.SASL.Enable = true
	conf.Net.SASL.User = cfg.Username
	conf.Net.SASL.Password = cfg.Password
	return nil
}
