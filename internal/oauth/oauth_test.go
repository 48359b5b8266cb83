package oauth

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
)

// server answers each request by the func.
func server(t *testing.T, answer func(r *http.Request) (int, string)) *Source {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code, body := answer(r)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	source, err := New(brokers.SASL{TokenURL: s.URL, ClientID: "me", ClientSecret: "s3cret"}, "")
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func TestATokenIsKeptForThreeQuartersOfItsLife(t *testing.T) {
	asked := 0
	s := server(t, func(*http.Request) (int, string) {
		asked++
		return 200, `{"access_token":"` + strings.Repeat("t", asked) + `","token_type":"Bearer","expires_in":100}`
	})
	began := time.Now()
	at := began
	s.now = func() time.Time { return at }
	for _, step := range []struct {
		after time.Duration
		want  string
	}{{0, "t"}, {74 * time.Second, "t"}, {76 * time.Second, "tt"}, {140 * time.Second, "tt"}, {152 * time.Second, "ttt"}} {
		at = began.Add(step.after)
		got, err := s.Token(t.Context())
		if err != nil || got.Secret != step.want {
			t.Errorf("after %v: %q, %v: want %q", step.after, got.Secret, err, step.want)
		}
	}
}

func TestAServerThatTakesTheSecretInTheBodyOnly(t *testing.T) {
	asked := 0
	s := server(t, func(r *http.Request) (int, string) {
		asked++
		if r.FormValue("client_secret") != "s3cret" {
			return 401, `{"error":"invalid_client"}`
		}
		return 200, `{"access_token":"t","token_type":"Bearer"}`
	})
	for range 2 {
		if got, err := s.Token(t.Context()); err != nil || got.Secret != "t" || !got.Expires.IsZero() {
			t.Errorf("%+v, %v", got, err)
		}
		s.kept = Token{}
	}
	if asked != 3 {
		t.Errorf("asked %d times: once to find out how, then once for each token", asked)
	}
}

func TestRefusals(t *testing.T) {
	for body, c := range map[string]struct {
		code int
		kind error
		says string
	}{
		`{"error":"invalid_client","error_description":"not s3cret"}`: {401, brokers.ErrRefused, "check client-id and client-secret"},
		`{"error":"invalid_scope"}`:                                   {400, brokers.ErrRefused, "check scopes"},
		`{"error":"unauthorized_client"}`:                             {400, brokers.ErrRefused, "client_credentials"},
		`not json, and s3cret`:                                        {404, brokers.ErrRefused, "check token-url"},
		`oops`:                                                        {503, brokers.ErrUnreachable, "503"},
		`<html>`:                                                      {200, brokers.ErrUnreachable, "gives no token"},
		`{}`:                                                          {200, brokers.ErrUnreachable, "gives no token"},
	} {
		s := server(t, func(*http.Request) (int, string) { return c.code, body })
		_, err := s.Token(t.Context())
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%d %s: %v, want %v with %q", c.code, body, err, c.kind, c.says)
		}
	}
}

func TestSettings(t *testing.T) {
	for says, s := range map[string]brokers.SASL{
		"needs token-url": {},
		"not both":        {TokenURL: "https://x", Token: "t", ClientID: "me"},
		"client-id":       {TokenURL: "https://x"},
		"not of the form": {TokenURL: "x/y", ClientID: "me"},
		"the login goes":  {TokenURL: "https://me:s3cret@x", ClientID: "me"},
	} {
		if _, err := New(s, ""); !errors.Is(err, brokers.ErrSettings) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%+v: %v, want %q", s, err, says)
		}
	}
	if _, err := New(brokers.SASL{Token: "t"}, "/no/such/ca.pem"); !errors.Is(err, brokers.ErrSettings) {
		t.Errorf("no CA: %v", err)
	}
}

func TestATokenAsItIs(t *testing.T) {
	s, err := New(brokers.SASL{Token: "t"}, "")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Token(t.Context()); err != nil || got.Secret != "t" || !s.Due().IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestATokenThatHasExpired: a JWT tells until when it is good; whatever else stands
// there is taken as it is.
func TestATokenThatHasExpired(t *testing.T) {
	jwt := func(claims string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
	}
	for token, expired := range map[string]bool{
		jwt(`{"exp":1000}`): true, jwt(`{"exp":1000.5,"iss":"x"}`): true,
		jwt(`{"exp":4102444800}`): false, jwt(`{"exp":1e300}`): false, jwt(`{"exp":-1}`): false, jwt(`{"exp":"1000"}`): false,
		jwt(`{}`): false, jwt(`no`): false, "e30.!.c2ln": false, "opaque": false, "a.b": false,
	} {
		s, err := New(brokers.SASL{Token: token}, "")
		if err != nil {
			t.Fatal(err)
		}
		switch got, err := s.Token(t.Context()); {
		case !expired && (err != nil || got.Secret != token):
			t.Errorf("%s: %+v, %v", token, got, err)
		case expired && (!errors.Is(err, brokers.ErrRefused) || !strings.Contains(err.Error(), "expired at 1970-01-01T00:16:40Z") || strings.Contains(err.Error(), token)):
			t.Errorf("%s: %v", token, err)
		}
	}
}
