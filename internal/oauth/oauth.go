// Package oauth fetches access tokens for brokers by OAuth 2.0's grant of client
// credentials, keeps them while they are good, and fetches new ones in time:
//
//	brokers.SASL → Source.Token → the token server, where the kept one is old → token
//
// Its errors name the token server and the way out, and never a secret.
package oauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/flowcheck/flowcheck/brokers"
)

// fetchTimeout bounds one request to a token server.
const fetchTimeout = 10 * time.Second

// Token is an access token.
type Token struct {
	Secret string
	// Expires is zero where nobody knows.
	Expires time.Time
}

// Source hands out tokens. Its methods may be called from any goroutine.
type Source struct {
	fixed  string
	until  time.Time // when the fixed token expires; zero where nobody knows
	config clientcredentials.Config
	client *http.Client
	now    func() time.Time

	mu    sync.Mutex // held while a token is fetched: the others wait for it
	style oauth2.AuthStyle
	kept  Token
	since time.Time
}

// New makes a source of the settings. The token server is verified always, by the
// system's authorities and those of ca, a file of PEM, if there is one. It fails
// with brokers.ErrSettings.
func New(s brokers.SASL, ca string) (*Source, error) {
	if err := s.CheckOAuth(); err != nil {
		return nil, err
	}
	roots, err := authorities(ca)
	if err != nil {
		return nil, err
	}
	return &Source{
		fixed: s.Token, until: expiry(s.Token),
		config: clientcredentials.Config{
			ClientID: s.ClientID, ClientSecret: s.ClientSecret, TokenURL: s.TokenURL, Scopes: s.Scopes,
		},
		client: &http.Client{
			Timeout: fetchTimeout,
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, DisableKeepAlives: true,
				TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			},
			// The secret must not follow a redirect to elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		now: time.Now,
	}, nil
}

// Renewal is the way out where a token that was given as it is has expired.
const Renewal = "nobody renews a token that stands in the flow file: give a fresh one, or token-url, client-id and client-secret"

// expiry is the claim exp of a token that is a JWT (RFC 7519, section 4.1.4); zero
// where it has none, or is none. Nothing is verified: that is the broker's part.
func expiry(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return time.Time{}
	}
	var claims struct {
		Exp float64 `json:"exp"`
	}
	const latest = 1 << 40 // seconds; what is later never expires
	if json.Unmarshal(text, &claims) != nil || claims.Exp <= 0 || claims.Exp > latest {
		return time.Time{}
	}
	return time.Unix(int64(claims.Exp), 0)
}

func authorities(ca string) (*x509.CertPool, error) {
	if ca == "" {
		return nil, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("%w: tls: ca: %w", brokers.ErrSettings, err)
	}
	roots.AppendCertsFromPEM(pem)
	return roots, nil
}

// Token returns the kept token, or a new one where it is used up by three
// quarters. It fails with brokers.ErrUnreachable or brokers.ErrRefused, which a
// token is too that was given as it is and has expired.
func (s *Source) Token(ctx context.Context) (Token, error) {
	if s.fixed != "" {
		if !s.until.IsZero() && !s.now().Before(s.until) {
			return Token{}, fmt.Errorf("%w: the token has expired at %s: %s", brokers.ErrRefused, s.until.UTC().Format(time.RFC3339), Renewal)
		}
		return Token{Secret: s.fixed, Expires: s.until}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept.Secret != "" && s.now().Before(s.due()) {
		return s.kept, nil
	}
	began := s.now()
	got, err := s.fetch(ctx)
	if err != nil {
		return Token{}, s.explain(err)
	}
	s.kept, s.since = Token{Secret: got.AccessToken, Expires: got.Expiry}, began
	if !got.Expiry.IsZero() {
		s.kept.Expires = began.Add(time.Until(got.Expiry)) // by our clock, whatever it is
	}
	return s.kept, nil
}

// fetch asks for a token, with the client's name and secret in the header, as
// each server has to take them (RFC 6749, section 2.3.1), and then, if it knows no
// such client, in the body.
func (s *Source) fetch(ctx context.Context) (*oauth2.Token, error) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, s.client)
	ask := s.config
	if ask.AuthStyle = s.style; ask.AuthStyle == oauth2.AuthStyleAutoDetect {
		ask.AuthStyle = oauth2.AuthStyleInHeader
	}
	got, err := ask.Token(ctx)
	var refused *oauth2.RetrieveError
	if s.style == oauth2.AuthStyleAutoDetect && errors.As(err, &refused) && (refused.ErrorCode == "" || refused.ErrorCode == "invalid_client") {
		ask.AuthStyle = oauth2.AuthStyleInParams
		if second, again := ask.Token(ctx); again == nil {
			got, err = second, nil
		}
	}
	if err == nil {
		s.style = ask.AuthStyle
	}
	return got, err
}

// due is when the kept token is to be replaced.
func (s *Source) due() time.Time {
	if s.kept.Expires.IsZero() {
		return s.since.Add(time.Minute) // nobody knows: a fresh one costs little
	}
	return s.since.Add(s.kept.Expires.Sub(s.since) * 3 / 4)
}

// Due is when Token will fetch the next one; zero for a token that nobody renews.
func (s *Source) Due() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fixed != "" || s.kept.Secret == "" {
		return time.Time{}
	}
	return s.due()
}

// explain words a failure. The server's answer is not quoted as a whole: nobody
// knows what is in it.
func (s *Source) explain(err error) error {
	at := "token server " + s.config.TokenURL
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		says := http.StatusText(refused.Response.StatusCode)
		if refused.ErrorCode != "" {
			says = strings.TrimSpace(refused.ErrorCode + " " + refused.ErrorDescription)
		}
		text := fmt.Sprintf("%s refuses client %s: %d %s", at, s.config.ClientID, refused.Response.StatusCode, s.clean(says))
		if refused.Response.StatusCode >= http.StatusInternalServerError {
			return fmt.Errorf("%w: %s", brokers.ErrUnreachable, text)
		}
		return fmt.Errorf("%w: %s: %s", brokers.ErrRefused, text, remedy(refused))
	}
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	if trouble := brokers.TLSTrouble(err); trouble != "" {
		return fmt.Errorf("%w: %s: %s", brokers.ErrRefused, at, trouble)
	}
	return fmt.Errorf("%w: %s gives no token: %s", brokers.ErrUnreachable, at, s.clean(err.Error()))
}

// remedy is the way out of a refusal, by its code (RFC 6749, section 5.2).
func remedy(refused *oauth2.RetrieveError) string {
	switch {
	case refused.ErrorCode == "invalid_scope":
		return "check scopes"
	case refused.ErrorCode == "unauthorized_client", refused.ErrorCode == "unsupported_grant_type":
		return "the client has to be allowed the grant client_credentials there"
	case refused.Response.StatusCode == http.StatusNotFound, refused.Response.StatusCode < http.StatusBadRequest:
		return "check token-url"
	}
	return "check client-id and client-secret"
}

// clean keeps the client's secret out of what others say.
func (s *Source) clean(text string) string {
	if s.config.ClientSecret != "" {
		text = strings.ReplaceAll(text, s.config.ClientSecret, "…")
	}
	return text
}
