package flows

import (
	"net"
	"net/url"
	"strings"
)

// Behind is the host:port that the broker's proxy passes on to: what the file says,
// else the first address of the URL.
func (b *Broker) Behind() string {
	if b.ProxyTo != "" {
		return b.ProxyTo
	}
	at := b.URL
	if b.Endpoint != "" {
		at = b.Endpoint
	}
	u, err := url.Parse(strings.SplitN(at, ",", 2)[0])
	if err != nil {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"kafka": "9092", "amqp": "5672", "amqps": "5671", "http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
