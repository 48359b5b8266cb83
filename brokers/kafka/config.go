package kafka

import (
	"fmt"
	"net"
	"net/url"
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
	cfg = withLogin(cfg, user)
	conf := sarama.NewConfig()
	conf.ClientID = clientID
	// The newest that we ask for; each connection agrees on less with an older
	// broker.
	conf.Version = sarama.V4_0_0_0
	conf.Metadata.Full = false
	conf.Metadata.AllowAutoTopicCreation = false
	conf.Metadata.Retry.Max = 3
	conf.Metadata.Retry.Backoff = 100 * time.Millisecond
	if conf.Net.TLS.Config, err = cfg.TLS.Load(); err != nil {
		return nil, nil, err
	}
	conf.Net.TLS.Enable = cfg.TLS != nil
	if err := login(conf, cfg); err != nil {
		return nil, nil, err
	}
	return seeds, conf, nil
}

// checkConfig reports what is wrong with the settings of a broker.
func checkConfig(cfg brokers.Config) error {
	_, user, err := parseURL(cfg.URL)
	if err != nil {
		return err
	}
	return checkLogin(withLogin(cfg, user))
}

// withLogin takes the login of the URL where there is no other.
func withLogin(cfg brokers.Config, user *url.Userinfo) brokers.Config {
	if cfg.Username == "" && user != nil {
		cfg.Username = user.Username()
		if pass, ok := user.Password(); ok && cfg.Password == "" {
			cfg.Password = pass
		}
	}
	return cfg
}

// parseURL reads kafka://[user[:password]@]host[:port][,host[:port]…]. net/url
// cannot: it takes the list for a port.
func parseURL(raw string) ([]string, *url.Userinfo, error) {
	rest, ok := strings.CutPrefix(raw, "kafka://")
	if !ok {
		return nil, nil, fmt.Errorf("%w: the URL of a kafka broker begins with kafka://", brokers.ErrSettings)
	}
	var user *url.Userinfo
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		u, err := url.Parse("kafka://" + rest[:i] + "@host")
		if err != nil {
			return nil, nil, fmt.Errorf("%w: the login in the broker's URL cannot be read: percent-encode it, or use username and password", brokers.ErrSettings)
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
		return "", fmt.Errorf("%w: %q is no broker address: kafka://host:port,host:port", brokers.ErrSettings, part)
	}
	host, port, err := net.SplitHostPort(part)
	if err != nil {
		host, port = strings.Trim(part, "[]"), "9092"
	}
	if host == "" || port == "" {
		return "", fmt.Errorf("%w: %q is no broker address: kafka://host:port,host:port", brokers.ErrSettings, part)
	}
	return net.JoinHostPort(host, port), nil
}
