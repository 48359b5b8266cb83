package post

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestTries: what may help is tried again, a few times; what cannot is not; and no
// error has the address.
func TestTries(t *testing.T) {
	for _, c := range []struct {
		about string
		code  func(n int) int
		tries int
		ok    bool
	}{
		{"it works at the third", func(n int) int { return map[bool]int{true: 204, false: 503}[n >= 3] }, 3, true},
		{"it never works", func(int) int { return 503 }, 4, false},
		{"refused", func(int) int { return 403 }, 1, false},
		{"a redirect", func(int) int { return 302 }, 1, false},
	} {
		var n atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(c.code(int(n.Add(1))))
		}))
		target := target(server.URL + "/a-secret")
		err := target.Send(t.Context(), []byte("{}"))
		if (err == nil) != c.ok || int(n.Load()) != c.tries || err != nil && strings.Contains(err.Error(), "a-secret") {
			t.Errorf("%s: %d tries, %v", c.about, n.Load(), err)
		}
		server.Close()
		if err := target.Send(t.Context(), nil); err == nil || strings.Contains(err.Error(), "a-secret") {
			t.Errorf("with nobody there: %v", err)
		}
	}
	for _, address := range []string{"http://a-secret\x00", "a-secret"} {
		if err := target(address).Send(t.Context(), nil); err == nil || strings.Contains(err.Error(), "a-secret") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func target(url string) *Target {
	return &Target{
		URL: url, Tries: 4, Pause: time.Millisecond, Client: NewClient(), ContentType: "application/json",
		Again: func(code int) bool { return code == http.StatusServiceUnavailable },
	}
}

// answers is a server that is asked without a network.
type answers []http.Header

func (a *answers) RoundTrip(*http.Request) (*http.Response, error) {
	head := (*a)[0]
	*a = (*a)[1:]
	return &http.Response{StatusCode: http.StatusServiceUnavailable, Header: head, Body: http.NoBody}, nil
}

// TestPauses: twice as long after each try, or as long as the answer asks for,
// within reason; a time that cannot be read is none.
func TestPauses(t *testing.T) {
	for about, c := range map[string]struct {
		asks []string
		took time.Duration
	}{
		"doubled":       {[]string{"", "", "", ""}, 7 * time.Second},
		"as asked":      {[]string{"10", "", "", ""}, 16 * time.Second},
		"within reason": {[]string{"99999999999", "", "", ""}, 66 * time.Second},
		"no number":     {[]string{"-4", "soon", "", ""}, 7 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			var all answers
			for _, ask := range c.asks {
				all = append(all, http.Header{"Retry-After": {ask}})
			}
			target := target("http://localhost")
			target.Pause, target.Client.Transport, target.Client.Timeout = time.Second, &all, 0
			begin := time.Now()
			err := target.Send(t.Context(), nil)
			if took := time.Since(begin); err == nil || took != c.took || len(all) != 0 {
				t.Errorf("%s: %v, %v, %d not asked", about, took, err, len(all))
			}
		})
	}
}
