package testbroker

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TokenServer issues access tokens (JWT, RS256) for the grant of client
// credentials (RFC 6749, section 4.4), by https with a certificate of an
// Authority.
type TokenServer struct {
	URL      string // where tokens are fetched
	JWKS     string // the file of its public key as a set of JSON Web Keys
	PEM      string // the file of its public key
	ID       string // the client that it knows
	Secret   string
	Audience string

	mu      sync.Mutex
	life    time.Duration
	granted string // the scopes of each token
	down    bool
	issued  int

	key *rsa.PrivateKey
}

// TokenIssuer is who TokenServer says it is; TokenKey is the id of its key.
const (
	TokenIssuer = "https://flowcheck.test"
	TokenKey    = "k1"
)

// NewTokenServer starts a server whose tokens are for an audience and live an
// hour. It ends with the test.
func NewTokenServer(t testing.TB, a *Authority, audience string) *TokenServer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	a.must(err)
	s := &TokenServer{
		ID: "tap", Secret: "cl1ent-s3cret", Audience: audience, life: time.Hour, granted: "kafka", key: key,
		JWKS: filepath.Join(a.Dir, "jwks.json"), PEM: filepath.Join(a.Dir, "tokens.pub.pem"),
	}
	b64 := base64.RawURLEncoding.EncodeToString
	jwks, err := json.Marshal(map[string]any{"keys": []any{map[string]any{
		"kty": "RSA", "kid": TokenKey, "use": "sig", "alg": "RS256", "n": b64(key.N.Bytes()), "e": b64([]byte{1, 0, 1}),
	}}})
	a.must(err)
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	a.must(err)
	a.must(os.WriteFile(s.JWKS, jwks, 0o600))
	a.must(os.WriteFile(s.PEM, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600))
	s.URL = a.Serve("token-server", Certificate{}, http.HandlerFunc(s.serve)) + "/token"
	return s
}

// Set changes how long tokens live and which scopes they bear.
func (s *TokenServer) Set(life time.Duration, scopes string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.life, s.granted = life, scopes
}

// Down lets the server answer 503, or serve again.
func (s *TokenServer) Down(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// Token is a token that nobody fetched.
func (s *TokenServer) Token(life time.Duration, scopes string) string { return s.sign(life, scopes) }

// Issued is how many tokens were issued.
func (s *TokenServer) Issued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issued
}

func (s *TokenServer) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		http.Error(w, "out of order", http.StatusServiceUnavailable)
		return
	}
	id, secret, ok := r.BasicAuth()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case !ok || id != s.ID || secret != s.Secret:
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"error":"invalid_client","error_description":"no such client, or another secret than ` + secret + `"}`))
	case r.FormValue("grant_type") != "client_credentials":
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"unsupported_grant_type"}`))
	case strings.Contains(r.FormValue("scope"), "forbidden"):
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"invalid_scope"}`))
	default:
		s.issued++
		_ = json.NewEncoder(w).Encode(map[string]any{
			"access_token": s.sign(s.life, s.granted), "token_type": "Bearer", "expires_in": int(s.life.Seconds()),
		})
	}
}

// sign makes a token for the client.
func (s *TokenServer) sign(life time.Duration, scopes string) string {
	now := time.Now()
	part := func(v any) string {
		text, _ := json.Marshal(v) // maps of texts and numbers
		return base64.RawURLEncoding.EncodeToString(text)
	}
	token := part(map[string]any{"alg": "RS256", "typ": "JWT", "kid": TokenKey}) + "." + part(map[string]any{
		"iss": TokenIssuer, "sub": s.ID, "client_id": s.ID, "aud": []string{s.Audience}, "scope": scopes,
		"iat": now.Unix(), "exp": now.Add(life).Unix(),
	})
	sum := sha256.Sum256([]byte(token))
	signature, _ := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, sum[:]) // the key is good
	return token + "." + base64.RawURLEncoding.EncodeToString(signature)
}
