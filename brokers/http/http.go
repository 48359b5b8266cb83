// Package http is the adapter for effects that are HTTP calls: flowcheck listens
// in the place of the service that the system calls, each request becomes a
// message, and the channel says what is answered.
//
//	system → request → stub (path, method) → answer
//	                        └→ queue → message.Event
//
// A tap is armed once the address listens. A request is answered when its
// message stands in the tap's queue, so that what was answered is never lost.
package http

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/flowcheck/flowcheck/brokers"
)

// kind is the adapter's short name and a URL scheme.
const kind = "http"

// Adapter returns the adapter for URLs of the form http://127.0.0.1:8099, the
// address to listen at; https:// with Config.TLS's Cert and Key. Nothing can be
// published on it.
func Adapter() brokers.Adapter {
	return brokers.Adapter{
		Kind:          kind,
		Schemes:       []string{kind, "https"},
		TapOnly:       true,
		Check:         check,
		OpenTapper:    openTapper,
		OpenPublisher: openPublisher,
	}
}

// check reports what is wrong with a channel.
func check(ch brokers.Channel) error {
	switch {
	case ch.Reply != "":
		return fmt.Errorf("channel %s: reply: there are no queues for replies over HTTP; a scenario that begins with call: has the reply", ch.Name)
	case ch.Path == "":
		return fmt.Errorf("channel %s: name the path that the system calls, such as path: /mails", ch.Name)
	case !strings.HasPrefix(ch.Path, "/"):
		return fmt.Errorf("channel %s: path: %q does not begin with /", ch.Name, ch.Path)
	case strings.ContainsAny(ch.Path, " \t\n?#"):
		return fmt.Errorf("channel %s: path: %q is more than a path", ch.Name, ch.Path)
	case strings.ContainsAny(ch.Method, " \t\n/"):
		return fmt.Errorf("channel %s: method: %q is no HTTP method", ch.Name, ch.Method)
	}
	for i, a := range ch.Answers {
		if a.Status != 0 && (a.Status < 200 || a.Status > 599) {
			return fmt.Errorf("channel %s: answer %d: status %d is none of 200 to 599", ch.Name, i+1, a.Status)
		}
	}
	if _, err := newMux([]brokers.Channel{ch}, nil); err != nil {
		return fmt.Errorf("channel %s: path: %w", ch.Name, err)
	}
	return nil
}

// listenAddress is where the URL says to listen.
func listenAddress(raw string) (address string, secure bool, err error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return "", false, fmt.Errorf("the URL is no URL: write http://127.0.0.1:8099, the address to listen at")
	case u.Path != "" && u.Path != "/":
		return "", false, fmt.Errorf("the URL has the path %s: a channel has the path", u.Path)
	case u.User != nil:
		return "", false, fmt.Errorf("the URL has a login: who calls flowcheck needs none")
	case u.Hostname() == "":
		return "", false, fmt.Errorf("the URL has no host: write 127.0.0.1, or 0.0.0.0 for every address of this machine")
	case u.Port() == "":
		return "", false, fmt.Errorf("the URL has no port: write http://%s:8099, the address to listen at", u.Hostname())
	}
	return net.JoinHostPort(u.Hostname(), u.Port()), u.Scheme == "https", nil
}
