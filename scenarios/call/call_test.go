package call

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/flows/source"
	"github.com/flowcheck/flowcheck/internal/testbroker"
)

// echo answers with what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("X-Seen", r.Method)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"body": string(body), "type": r.Header.Get("Content-Type"), "token": r.Header.Get("Authorization"), "host": r.Host,
	})
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

func do(t *testing.T, c *flows.Call) string {
	t.Helper()
	reply, err := Do(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return string(reply.Body)
}

func TestARequest(t *testing.T) {
	soap := &flows.Call{
		Method: "POST", URL: serve(t, echo) + "/orders", Body: []byte("<soap/>"),
		Headers: []flows.CallHeader{{Name: "content-type", Value: "text/xml"}, {Name: "host", Value: "shop.example.com"}},
	}
	reply, err := Do(t.Context(), soap)
	if err != nil || reply.Status != 200 || reply.Headers["x-seen"] != "POST" {
		t.Fatalf("%+v, %v", reply, err)
	}
	if got := string(reply.Body); !strings.Contains(got, `"body":"\u003csoap/\u003e"`) || !strings.Contains(got, `"type":"text/xml"`) ||
		!strings.Contains(got, `"host":"shop.example.com"`) {
		t.Error(got)
	}
}

func TestARefusedRequestSaysWhy(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no such\ncustomer", http.StatusConflict) })
	reply, err := Do(t.Context(), &flows.Call{Method: "POST", URL: strings.Replace(url, "//", "//me:s3cret@", 1)})
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "answered 409 Conflict: no such customer") || reply.Status != 409 {
		t.Errorf("%+v, %v", reply, err)
	}
	if strings.Contains(err.Error(), "s3cret") {
		t.Error(err)
	}
}

func TestNobodyThere(t *testing.T) {
	_, err := Do(t.Context(), &flows.Call{Method: "GET", URL: "http://me:s3cret@127.0.0.1:1/x?token=t0ken"})
	if err == nil || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "t0ken") || !strings.Contains(err.Error(), "connection refused") {
		t.Error(err)
	}
}

func TestACertificateIsVerified(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(echo))
	t.Cleanup(s.Close)
	call := &flows.Call{Method: "GET", URL: s.URL}
	if _, err := Do(t.Context(), call); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown certificate: %v", err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	call.TLS = &source.TLS{CA: source.Text{Value: ca}}
	do(t, call)
	call.TLS.CA.Value = ca + ".no"
	if _, err := Do(t.Context(), call); err == nil || !strings.Contains(err.Error(), "ca.pem.no") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestABadCertificateIsNamed, whosever it is, with the way out.
func TestABadCertificateIsNamed(t *testing.T) {
	ca := testbroker.NewAuthority(t)
	trusting := &source.TLS{CA: source.Text{Value: ca.CA}}
	serve := func(c testbroker.Certificate) string { return ca.Serve("shop", c, http.HandlerFunc(echo)) }
	sound, late, other := serve(testbroker.Certificate{}), serve(testbroker.Certificate{Expired: true}), serve(testbroker.Certificate{Host: "elsewhere.example"})
	for want, c := range map[string]*flows.Call{
		": its certificate is valid from ":                                         {URL: late, TLS: trusting},
		": its certificate is for elsewhere.example, not for 127.0.0.1: ":          {URL: other, TLS: trusting},
		": its certificate is not of an authority that is trusted here":            {URL: sound},
		": no token: the server of token-url: its certificate is valid from ":      {URL: sound, TLS: trusting, OAuth: &flows.OAuth{TokenURL: late}},
		": no token: the server of token-url: its certificate is for elsewhere.ex": {URL: sound, TLS: trusting, OAuth: &flows.OAuth{TokenURL: other}},
	} {
		c.Method = "POST"
		if _, err := Do(t.Context(), c); err == nil || !strings.Contains(err.Error(), c.URL+want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

func TestATokenIsFetched(t *testing.T) {
	tokens := serve(t, func(w http.ResponseWriter, r *http.Request) {
		user, secret, _ := r.BasicAuth()
		if user != "me" || secret != "right" || r.FormValue("scope") != "a b" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"error":"invalid_client","error_description":"who is that?"}`))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"access_token":"t-1","token_type":"Bearer","expires_in":60}`))
	})
	call := &flows.Call{Method: "GET", URL: serve(t, echo), OAuth: &flows.OAuth{TokenURL: tokens, ClientID: "me", ClientSecret: "right", Scopes: []string{"a", "b"}}}
	if got := do(t, call); !strings.Contains(got, `"token":"Bearer t-1"`) {
		t.Error(got)
	}
	call.OAuth.ClientSecret = "wr0ng"
	if _, err := Do(t.Context(), call); err == nil || !strings.Contains(err.Error(), "no token: invalid_client who is that?") || strings.Contains(err.Error(), "wr0ng") {
		t.Error(err)
	}
}

func TestACommand(t *testing.T) {
	if got := do(t, &flows.Call{Run: []string{"echo", "a b", "$HOME"}}); got != "a b $HOME\n" {
		t.Errorf("%q: it went through a shell", got)
	}
	reply, err := Do(t.Context(), &flows.Call{Run: []string{"ls", "/no/such/folder", "--secret"}})
	if !errors.Is(err, ErrRefused) || reply.Status == 0 || strings.Contains(err.Error(), "ls /no") {
		t.Errorf("%+v, %v", reply, err)
	}
	if _, err := Do(t.Context(), &flows.Call{Run: []string{"no-such-program-here"}}); err == nil || errors.Is(err, ErrRefused) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Do(ctx, &flows.Call{Run: []string{"tail", "-f", "/dev/null"}}); err == nil {
		t.Error("it outlived its context")
	}
}

func TestALongReplyIsCutForACommand(t *testing.T) {
	if got := do(t, &flows.Call{Run: []string{"head", "-c", "17000000", "/dev/zero"}}); len(got) != maxReply {
		t.Errorf("%d bytes", len(got))
	}
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, maxReply+1)) })
	if _, err := Do(t.Context(), &flows.Call{Method: "GET", URL: url}); err == nil || !strings.Contains(err.Error(), "beyond 16 MiB") {
		t.Error(err)
	}
}
