package http

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	nethttp "net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// armed is a tap of one channel, and where it listens.
func armed(t *testing.T, cfg brokers.Config, ch brokers.Channel) (events chan message.Event, address string) {
	t.Helper()
	cfg.Log = slog.New(slog.DiscardHandler)
	tapper, err := openTapper(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tapper.Close(); err != nil {
			t.Error(err)
		}
	})
	events = make(chan message.Event, 16)
	open, err := tapper.Tap(t.Context(), brokers.TapConfig{Channels: []brokers.Channel{ch}, Events: events})
	if err != nil {
		t.Fatal(err)
	}
	return events, open.(*tap).address
}

var loopback = brokers.Config{URL: "http://127.0.0.1:0"}

// do makes a call and returns the answer's status and body.
func do(t *testing.T, client *nethttp.Client, r *nethttp.Request) (status int, body string) {
	t.Helper()
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func request(t *testing.T, method, url, body string) *nethttp.Request {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	r, err := nethttp.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestARequestIsAMessage(t *testing.T) {
	events, address := armed(t, loopback, brokers.Channel{Name: "mails", Path: "/mails/{to}", Method: "post"})
	r := request(t, nethttp.MethodPost, "http://"+address+"/mails/ann?urgent=1", `{"text":"hi"}`)
	r.Header.Set("X-Tenant", "acme")
	r.Header.Set("Authorization", "Bearer s3cret")
	if status, body := do(t, nethttp.DefaultClient, r); status != 200 || body != "" {
		t.Errorf("answered %d %q", status, body)
	}
	o := (<-events).Observation
	if o.Channel != "mails" || string(o.Payload) != `{"text":"hi"}` || o.Position != message.Nth(1) || o.Time.IsZero() {
		t.Errorf("%+v", o)
	}
	for name, want := range map[string]any{"method": "POST", "path": "/mails/ann", "query": "urgent=1", "host": address} {
		if o.Properties[name] != want {
			t.Errorf("property %s is %v, not %v", name, o.Properties[name], want)
		}
	}
	headers := map[string]any{}
	for _, h := range o.Headers {
		headers[h.Name] = h.Value
	}
	if headers["x-tenant"] != "acme" || headers["authorization"] != hidden {
		t.Errorf("headers %v", headers)
	}
}

func TestWhatNoChannelHasIsRefused(t *testing.T) {
	events, address := armed(t, loopback, brokers.Channel{Name: "mails", Path: "/mails", Method: "POST"})
	status, body := do(t, nethttp.DefaultClient, request(t, nethttp.MethodPost, "http://"+address+"/other", ""))
	if status != 404 || !strings.Contains(body, "no channel has POST /other") {
		t.Errorf("answered %d %q", status, body)
	}
	if len(events) > 0 {
		t.Error("it was a message")
	}
}

func TestAnswersComeInTurn(t *testing.T) {
	_, address := armed(t, loopback, brokers.Channel{Name: "bank", Path: "/pay", Answers: []brokers.Answer{
		{Status: 503},
		{Status: 200, Body: []byte(`{"ok":true}`), Headers: []brokers.AnswerHeader{{Name: "Content-Type", Value: "application/json"}}, Delay: time.Millisecond},
	}})
	for i, want := range []string{"503 ", `200 {"ok":true}`, `200 {"ok":true}`} {
		answer, err := nethttp.DefaultClient.Do(request(t, nethttp.MethodPost, "http://"+address+"/pay", "x"))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if got := answer.Status[:4] + string(text); got != want {
			t.Errorf("call %d: %q, not %q", i+1, got, want)
		}
		if i > 0 && answer.Header.Get("Content-Type") != "application/json" {
			t.Errorf("call %d: headers %v", i+1, answer.Header)
		}
	}
}

func TestABodyBeyondTheLimitIsALoss(t *testing.T) {
	events, address := armed(t, loopback, brokers.Channel{Name: "mails", Path: "/mails"})
	status, _ := do(t, nethttp.DefaultClient, request(t, nethttp.MethodPost, "http://"+address+"/mails", strings.Repeat("x", maxBody+1)))
	if status != 413 {
		t.Errorf("answered %d", status)
	}
	if e := <-events; e.Mark == nil || e.Mark.Kind != message.MarkGap || e.Mark.Channel != "mails" {
		t.Errorf("%+v", e)
	}
}

func TestATakenPort(t *testing.T) {
	_, address := armed(t, loopback, brokers.Channel{Name: "a", Path: "/a"})
	tapper, err := openTapper(t.Context(), brokers.Config{URL: "http://" + address, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = tapper.Tap(t.Context(), brokers.TapConfig{Channels: []brokers.Channel{{Name: "b", Path: "/b"}}})
	if !errors.Is(err, brokers.ErrUnreachable) || !strings.Contains(err.Error(), "another program listens at "+address) {
		t.Error(err)
	}
}

func TestHTTPS(t *testing.T) {
	// httptest's own certificate, for a server and for whoever calls it.
	made := httptest.NewUnstartedServer(nil)
	made.StartTLS()
	defer made.Close()
	cert, key := writePair(t, made.TLS.Certificates[0])
	_, address := armed(t, brokers.Config{URL: "https://127.0.0.1:0", TLS: &brokers.TLS{Cert: cert, Key: key}}, brokers.Channel{Name: "a", Path: "/a"})
	roots := x509.NewCertPool()
	roots.AddCert(made.Certificate())
	transport := &nethttp.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	defer transport.CloseIdleConnections()
	if status, _ := do(t, &nethttp.Client{Transport: transport}, request(t, nethttp.MethodGet, "https://"+address+"/a", "")); status != 200 {
		t.Errorf("answered %d", status)
	}
	_, err := openTapper(t.Context(), brokers.Config{URL: "https://127.0.0.1:0"})
	if err == nil || !strings.Contains(err.Error(), "https needs a certificate") {
		t.Error(err)
	}
}

func TestNothingIsPublished(t *testing.T) {
	p, err := openPublisher(t.Context(), loopback)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Publish(t.Context(), brokers.Channel{Name: "mails"}, brokers.Outgoing{}); err == nil || !strings.Contains(err.Error(), "send to mails") {
		t.Error(err)
	}
}

func TestWrongAddressesAndChannels(t *testing.T) {
	for url, says := range map[string]string{
		"http://127.0.0.1":             "no port",
		"http://:8099":                 "no host",
		"http://me:pw@127.0.0.1:8099":  "has a login",
		"http://127.0.0.1:8099/orders": "has the path /orders",
		"http://127.0.0.1:x":           "no URL",
	} {
		_, err := openTapper(t.Context(), brokers.Config{URL: url})
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "pw") {
			t.Errorf("%s: %v", url, err)
		}
	}
	for says, ch := range map[string]brokers.Channel{
		"name the path":      {},
		"does not begin":     {Path: "mails"},
		"more than a path":   {Path: "/a?b"},
		"is no HTTP method":  {Path: "/a", Method: "GET /b"},
		"none of 200 to 599": {Path: "/a", Answers: []brokers.Answer{{Status: 99}}},
		"path: ":             {Path: "/{"},
	} {
		if err := check(ch); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v", ch, err)
		}
	}
}

func writePair(t *testing.T, pair tls.Certificate) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string][]byte{cert: encode("CERTIFICATE", pair.Certificate[0]), key: encode("PRIVATE KEY", der)} {
		if err := os.WriteFile(file, block, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
