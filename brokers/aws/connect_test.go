package aws

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// openBoth opens a tapper and a publisher and returns their errors.
func openBoth(t *testing.T, ctx context.Context, cfg brokers.Config) [2]error {
	t.Helper()
	tapper, tapErr := openTapper(ctx, cfg)
	if tapErr == nil {
		tapErr = tapper.Close()
	}
	p, pubErr := openPublisher(ctx, cfg)
	if pubErr == nil {
		pubErr = p.Close()
	}
	return [2]error{tapErr, pubErr}
}

func TestOpenWhereNobodyListens(t *testing.T) {
	began := time.Now()
	for _, err := range openBoth(t, t.Context(), unreachableConfig()) {
		if !errors.Is(err, brokers.ErrUnreachable) || !strings.Contains(err.Error(), "127.0.0.1:1") {
			t.Error(err)
		}
		if err != nil && strings.Contains(err.Error(), "not-so-secret") {
			t.Errorf("the error tells the secret: %v", err)
		}
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("it took %s", took)
	}
}

func TestOpenWhereTheHostHasNoAddress(t *testing.T) {
	cfg := configAt("http://no-such-host.invalid:4566")
	for _, err := range openBoth(t, t.Context(), cfg) {
		if !errors.Is(err, brokers.ErrUnreachable) || !strings.Contains(err.Error(), "no-such-host") {
			t.Error(err)
		}
	}
}

// A server that takes the connection and says nothing.
func TestOpenEndsWithItsContext(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for _, err := range openBoth(t, ctx, configAt("http://"+silent.Addr().String())) {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	}
}

// Without credentials the SDK's chain ends at EC2's metadata service. Here that
// is a server that says nothing; the search ends with the context.
func TestOpenWithoutCredentials(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_PROFILE": "", "AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none,
		"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://" + silent.Addr().String(), "AWS_EC2_METADATA_DISABLED": "false",
	} {
		t.Setenv(name, value)
	}
	cfg := configAt("http://127.0.0.1:1")
	cfg.Username, cfg.Password = "", ""
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	for _, err := range openBoth(t, ctx, cfg) {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("it took %s", took)
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for _, err := range openBoth(t, t.Context(), cfg) {
		if !errors.Is(err, brokers.ErrRefused) || !strings.Contains(err.Error(), "AWS_PROFILE") {
			t.Error(err)
		}
	}
}

// fakeAWS, once it is started, answers every request with one of AWS's real error documents (SQS's
// JSON protocol, "Common error types" in the API reference). It is a fake and
// proves no more than that these answers are understood.
func fakeAWS(t *testing.T, status int, code, text string) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"__type":"com.amazon.coral.service#%s","message":%q}`, code, text)
	}))
	t.Cleanup(server.Close)
	return server
}

func TestOpenUnderstandsAWSsRefusals(t *testing.T) {
	for _, tt := range []struct {
		status     int
		code, text string
		want       error
	}{
		{403, "InvalidClientTokenId", "The security token included in the request is invalid.", brokers.ErrRefused},
		{403, "SignatureDoesNotMatch", "The request signature we calculated does not match", brokers.ErrRefused},
		{400, "UnrecognizedClientException", "The security token included in the request is invalid.", brokers.ErrRefused},
		{400, "ExpiredTokenException", "The security token included in the request is expired", brokers.ErrRefused},
		{403, "AccessDeniedException", "User: x is not authorized to perform: sqs:getqueueurl", nil}, // the login is known
		{400, "QueueDoesNotExist", "The specified queue does not exist.", nil},
	} {
		t.Run(tt.code, func(t *testing.T) {
			server := fakeAWS(t, tt.status, tt.code, tt.text)
			var open atomic.Int64
			server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					open.Add(1)
				}
				if state == http.StateClosed {
					open.Add(-1)
				}
			}
			server.Start()
			for _, err := range openBoth(t, t.Context(), configAt(server.URL)) {
				if !errors.Is(err, tt.want) || (tt.want == nil) != (err == nil) {
					t.Errorf("got %v", err)
				}
				if err != nil && (!strings.Contains(err.Error(), tt.text) || strings.Contains(err.Error(), "not-so-secret")) {
					t.Errorf("the text is %q", err)
				}
			}
			eventually(t, "all connections are closed", func() string {
				if n := open.Load(); n != 0 {
					return fmt.Sprint(n, " are open")
				}
				return ""
			})
		})
	}
}

func TestOpenWhereSomethingElseAnswers(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	for _, err := range openBoth(t, t.Context(), configAt(server.URL)) {
		if !errors.Is(err, brokers.ErrUnreachable) || !strings.Contains(err.Error(), "is the endpoint right?") {
			t.Error(err)
		}
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"none"}`)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		tls  *brokers.TLS
		want string
	}{
		{"none", nil, "name the file of its CA"},
		{"ca", &brokers.TLS{CA: ca}, ""},
		{"wrong name", &brokers.TLS{CA: ca, ServerName: "other.test"}, "other.test"},
		{"insecure", &brokers.TLS{Insecure: true}, ""},
		{"no file", &brokers.TLS{CA: ca + "x"}, "tls: ca"},
		{"no pair", &brokers.TLS{Cert: ca, Key: ca}, "cert and key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := configAt(server.URL)
			cfg.TLS = tt.tls
			for _, err := range openBoth(t, t.Context(), cfg) {
				if (tt.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
			}
		})
	}
	var unverified *tls.CertificateVerificationError
	if err := openBoth(t, t.Context(), configAt(server.URL))[0]; !errors.Is(err, brokers.ErrRefused) || errors.As(err, &unverified) {
		t.Errorf("%v", err)
	}
}

func TestOpenRefusesWhatItCannotRead(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	for _, tt := range []struct{ url, endpoint, want string }{
		{"aws://", "http://127.0.0.1:1", "no region"},
		{"aws://key:secret-word@eu-west-1", "", "username"},
		{"aws://eu-west-1:4566", "", "endpoint"},
		{"aws://eu-west-1/x", "", "aws://region"},
		{"aws://%zz-secret-word", "", "aws://region"},
		{"aws://eu-west-1", "localhost:4566", "http://host:port"},
		{"aws://eu-west-1", "http://u:secret-word@localhost:4566", "http://host:port"},
	} {
		cfg := configAt(tt.endpoint)
		cfg.URL = tt.url
		for _, err := range openBoth(t, t.Context(), cfg) {
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret-word") {
				t.Errorf("%s at %q: %v", tt.url, tt.endpoint, err)
			}
		}
	}
}

// A lost answer may hide a message that was taken: it is not sent again, and
// the error says so.
func TestPublishWithALostAnswerIsNotRepeated(t *testing.T) {
	e := elasticMQ(t)
	ch := brokers.Channel{Name: "q", SQS: fresh("q"), Intrusive: true}
	url := e.queue(t, ch.SQS, nil)
	lossy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.relay(t, w, r, func(action string) bool { return action == "SendMessage" })
	}))
	defer lossy.Close()
	p, err := openPublisher(timeout(t), configAt(lossy.URL))
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Publish(timeout(t), ch, brokers.Outgoing{Message: text("once")})
	if !errors.Is(err, brokers.ErrUnreachable) || !strings.Contains(err.Error(), "whether the broker took the message is unknown") {
		t.Error(err)
	}
	if c, _, err := count(timeout(t), e.s.sqs, url); err != nil || c.total() != 1 {
		t.Errorf("%+v (%v) came, want one", c, err)
	}
}

// The tap rides out a broker that is away for a while.
func TestTapSurvivesAnOutage(t *testing.T) {
	e := elasticMQ(t)
	ch := brokers.Channel{Name: "q", SQS: fresh("q"), Intrusive: true}
	e.queue(t, ch.SQS, nil)
	away := make(chan bool, 1)
	away <- false
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := <-away
		away <- now
		if now {
			panic(http.ErrAbortHandler)
		}
		e.relay(t, w, r, func(string) bool { return false })
	}))
	defer proxy.Close()
	tapper, err := openTapper(timeout(t), configAt(proxy.URL))
	if err != nil {
		t.Fatal(err)
	}
	defer tapper.Close()
	events := make(chan message.Event, 10)
	if _, err := tapper.Tap(timeout(t), brokers.TapConfig{Channels: []brokers.Channel{ch}, Events: events}); err != nil {
		t.Fatal(err)
	}
	<-away
	away <- true
	publish(t, e.publisher(t), ch, text("meanwhile"))
	<-away
	away <- false
	select {
	case got := <-events:
		if got.Observation == nil || string(got.Observation.Payload) != "meanwhile" {
			t.Errorf("%+v", got)
		}
	case <-time.After(patience):
		t.Error("nothing came")
	}
}
