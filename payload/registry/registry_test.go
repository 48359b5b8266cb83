package registry

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/internal/testbroker"
	"github.com/flowcheck/flowcheck/payload"
)

const secret = "s3cret"

func client(t *testing.T, cfg Config) *Client {
	t.Helper()
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return time.Unix(0, 0) }
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSchemaWithReferences(t *testing.T) {
	fake := srfake.New()
	defer fake.Close()
	ref := func(name, subject string) sr.SchemaReference {
		return sr.SchemaReference{Name: name, Subject: subject, Version: 1}
	}
	for subject, s := range map[string]sr.Schema{"b": {Schema: "b", Type: sr.TypeProtobuf}, "c": {Schema: "c", Type: sr.TypeProtobuf}} {
		fake.SeedSchema(subject, 1, int(subject[0]), s)
	}
	fake.SeedSchema("a", 1, 300, sr.Schema{Schema: "a", Type: sr.TypeProtobuf, References: []sr.SchemaReference{ref("c.proto", "c")}})
	fake.SeedSchema("top", 1, 7, sr.Schema{Schema: "top", Type: sr.TypeProtobuf, References: []sr.SchemaReference{ref("a.proto", "a"), ref("b.proto", "b")}})
	c := client(t, Config{URL: fake.URL()})
	want := payload.Schema{Type: "PROTOBUF", ID: 7, Text: "top", References: []payload.Reference{
		{Name: "c.proto", Text: "c"}, {Name: "a.proto", Text: "a"}, {Name: "b.proto", Text: "b"},
	}}
	for _, ref := range []payload.SchemaRef{{ID: 7}, {Subject: "top"}, {Subject: "top", Version: "1"}, {Subject: "top", Version: "latest"}} {
		got, err := c.Schema(t.Context(), ref)
		if err != nil {
			t.Errorf("%s: %v", ref, err)
			continue
		}
		if want.GUID = got.GUID; !got.Same(&want) {
			t.Errorf("%s: got %+v", ref, got)
		}
	}
	fake.Close()
	if _, err := c.Schema(t.Context(), payload.SchemaRef{ID: 7}); err != nil {
		t.Errorf("what it has said is asked for again: %v", err)
	}
}

// TestErrors: each way to fail has its own words, whether the body is to blame,
// and no secret.
func TestErrors(t *testing.T) {
	fake := srfake.New(srfake.WithAuth("Bearer " + secret))
	defer fake.Close()
	answering := func(status int, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	secured := httptest.NewUnstartedServer(fake.Handler())
	secured.Config.ErrorLog = log.New(io.Discard, "", 0)
	secured.StartTLS()
	defer secured.Close()
	ca := testbroker.NewAuthority(t)
	trusting, err := (&brokers.TLS{CA: ca.CA}).Load()
	if err != nil {
		t.Fatal(err)
	}
	with := func(c testbroker.Certificate) string { return ca.Serve("registry", c, fake.Handler()) }
	long := `{"schema":"` + strings.Repeat("a", maxAnswer) + `"}`
	tests := []struct {
		name      string
		cfg       Config
		ref       payload.SchemaRef
		want      string
		malformed bool
	}{
		{"unknown id", Config{URL: fake.URL(), Token: secret}, payload.SchemaRef{ID: 42}, "has no schema 42; is it the registry that the producer uses?", true},
		{"unknown subject", Config{URL: fake.URL(), Token: secret}, payload.SchemaRef{Subject: "x-value"}, "has no schema x-value version latest; name another by schema: { subject: … }", true},
		{"no login", Config{URL: fake.URL()}, payload.SchemaRef{ID: 42}, "refuses the login (401)", false},
		{"wrong login", Config{URL: fake.URL(), Username: "me", Password: secret}, payload.SchemaRef{ID: 42}, "does not let this login read the schema (403)", false},
		{"forbidden", Config{URL: answering(403, "{}")}, payload.SchemaRef{ID: 42}, "does not let this login read the schema (403)", false},
		{"another server", Config{URL: answering(404, "not here")}, payload.SchemaRef{ID: 42}, "is that its address?", false},
		{"no JSON", Config{URL: answering(200, "<html>")}, payload.SchemaRef{ID: 42}, "cannot be used: ", false},
		{"too long", Config{URL: answering(200, long)}, payload.SchemaRef{ID: 42}, "its answer has more than 16 MiB", false},
		{"down", Config{URL: "http://me:" + secret + "@127.0.0.1:1"}, payload.SchemaRef{ID: 42}, "the registry http://127.0.0.1:1 cannot be reached: connect: connection refused", false},
		{"unknown authority", Config{URL: secured.URL, Token: secret}, payload.SchemaRef{ID: 42}, "its certificate is not of an authority that is trusted here: name the file of its CA with tls: { ca", false},
		{"expired", Config{URL: with(testbroker.Certificate{Expired: true}), TLS: trusting}, payload.SchemaRef{ID: 42}, "its certificate is valid from ", false},
		{"another host", Config{URL: with(testbroker.Certificate{Host: "elsewhere.example"}), TLS: trusting}, payload.SchemaRef{ID: 42}, "its certificate is for elsewhere.example, not for 127.0.0.1: ", false},
		{"version", Config{URL: fake.URL()}, payload.SchemaRef{Subject: "x", Version: "two"}, `version "two" is neither a number nor latest`, false},
	}
	for _, tt := range tests {
		_, err := client(t, tt.cfg).Schema(t.Context(), tt.ref)
		var fault *payload.Fault
		if err == nil || !strings.Contains(err.Error(), tt.want) || errors.As(err, &fault) != tt.malformed {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: a secret: %v", tt.name, err)
		}
	}
}

func TestLoginAndTLS(t *testing.T) {
	fake := srfake.New(srfake.WithAuth("Basic bWU6czNjcmV0"))
	defer fake.Close()
	fake.SeedSchema("a", 1, 1, sr.Schema{Schema: `"string"`})
	secured := httptest.NewTLSServer(fake.Handler())
	defer secured.Close()
	roots := x509.NewCertPool()
	roots.AddCert(secured.Certificate())
	inURL := strings.Replace(secured.URL, "https://", "https://me:"+secret+"@", 1)
	for _, cfg := range []Config{{URL: secured.URL, Username: "me", Password: secret}, {URL: inURL}} {
		cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
		if _, err := client(t, cfg).Schema(t.Context(), payload.SchemaRef{ID: 1}); err != nil {
			t.Error(err)
		}
	}
}

// TestFailuresAreRemembered: a registry that failed is asked again after a while,
// not for each message.
func TestFailuresAreRemembered(t *testing.T) {
	requests := 0
	fake := srfake.New()
	defer fake.Close()
	fake.Intercept(func(http.ResponseWriter, *http.Request) bool { requests++; return false })
	now := time.Unix(0, 0)
	c := client(t, Config{URL: fake.URL(), Now: func() time.Time { return now }})
	ask := func() error {
		_, err := c.Schema(t.Context(), payload.SchemaRef{ID: 1})
		return err
	}
	for range 3 {
		if ask() == nil {
			t.Fatal("no error")
		}
	}
	if requests != 1 {
		t.Errorf("%d requests, not 1", requests)
	}
	fake.SeedSchema("a", 1, 1, sr.Schema{Schema: `"string"`})
	now = now.Add(pause)
	if err := ask(); err != nil {
		t.Errorf("after the pause: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, url := range []string{"", "registry:8081", "ftp://x", "http://" + secret + "%zz"} {
		if _, err := New(Config{URL: url}); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", url, err)
		}
	}
}
