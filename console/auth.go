package console

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// cookie is what a browser shows after a login: made from the token, and not it.
const cookie = "flowcheck_session"

// newLogins bounds how fast tokens can be tried, by all together.
func newLogins() *rate.Limiter { return rate.NewLimiter(5, 20) }

// guard lets in who shows the token: programs in an Authorization header, browsers
// by the cookie of the login.
func (c *Console) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.cfg.Token == "" || c.allowed(r) {
			next.ServeHTTP(w, r)
			return
		}
		if r.Header.Get("Authorization") != "" && !c.logins.Allow() {
			http.Error(w, "too many wrong tokens", http.StatusTooManyRequests)
			return
		}
		if r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") {
			http.Redirect(w, r, "/login", http.StatusSeeOther)
			return
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="flowcheck"`)
		http.Error(w, "the token is lacking or wrong: Authorization: Bearer TOKEN", http.StatusUnauthorized)
	})
}

func (c *Console) allowed(r *http.Request) bool {
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return same(bearer, c.cfg.Token)
	}
	session, err := r.Cookie(cookie)
	return err == nil && same(session.Value, c.session())
}

// same compares in a time that tells nothing.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

func (c *Console) session() string {
	mac := hmac.New(sha256.New, []byte(c.cfg.Token))
	mac.Write([]byte("flowcheck session"))
	return hex.EncodeToString(mac.Sum(nil))
}

// login takes the token from the form.
func (c *Console) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	if c.cfg.Token == "" || !same(strings.TrimSpace(r.PostFormValue("token")), c.cfg.Token) {
		if !c.logins.Allow() {
			http.Error(w, "too many wrong tokens", http.StatusTooManyRequests)
			return
		}
		c.showLogin(w, http.StatusUnauthorized, "This is not the token.")
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookie, Value: c.session(), Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https", MaxAge: int((12 * time.Hour).Seconds()),
	})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
