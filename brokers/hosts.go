package brokers

import (
	"net"
	"net/url"
	"strings"
)

// defaultPorts are those that a URL may leave out.
var defaultPorts = map[string]string{"kafka": "9092", "amqp": "5672", "amqps": "5671", "http": "80", "https": "443"}

// Hosts are the hosts and ports of a broker's URL, or of the endpoint where there
// is one, without any login; none where they say no host. localhost is 127.0.0.1.
func Hosts(raw, endpoint string) []string {
	if endpoint != "" {
		raw = endpoint
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	port, known := defaultPorts[scheme]
	if !ok || !known {
		return nil
	}
	rest, _, _ = strings.Cut(rest, "/")
	var hosts []string
	for part := range strings.SplitSeq(rest, ",") {
		u, err := url.Parse(scheme + "://" + part)
		if err != nil || u.Hostname() == "" {
			continue
		}
		host := strings.ToLower(u.Hostname())
		if host == "localhost" || host == "::1" {
			host = "127.0.0.1"
		}
		if u.Port() != "" {
			hosts = append(hosts, net.JoinHostPort(host, u.Port()))
		} else {
			hosts = append(hosts, net.JoinHostPort(host, port))
		}
	}
	return hosts
}
