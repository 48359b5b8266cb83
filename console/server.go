package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// handler is every address of the console.
func (c *Console) handler() http.Handler {
	open := http.NewServeMux() // for those without a token: whether it lives, and where to log in
	open.HandleFunc("GET /healthz", c.healthz)
	open.HandleFunc("GET /readyz", c.readyz)
	open.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) { c.showLogin(w, http.StatusOK, "") })
	open.HandleFunc("POST /login", c.login)
	open.HandleFunc("GET /assets/{name}", asset)

	guarded := http.NewServeMux()
	guarded.Handle("GET /metrics", c.metrics.handler())
	guarded.HandleFunc("GET /api/overview", c.getOverview)
	guarded.HandleFunc("GET /api/findings", c.getFindings)
	guarded.HandleFunc("GET /api/stream", c.getStream)
	guarded.HandleFunc("GET /api/gate", c.getGate)
	guarded.HandleFunc("POST /api/gate", c.postGate)
	guarded.HandleFunc("GET /finding/{id}", c.getFinding)
	guarded.HandleFunc("GET /{$}", c.getPage)
	open.Handle("/", c.guard(guarded))
	return c.careful(open)
}

// policy lets the page load what this server has, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// careful says on every answer what browsers may do with it, and turns away who
// came by a name that is not ours: a page elsewhere may have its name lead here.
func (c *Console) careful(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if c.cfg.Token == "" && !isLoopback(hostOf(r.Host)) {
			http.Error(w, "without a token this is for localhost alone", http.StatusForbidden)
			return
		}
		if r.URL.Path != "/api/stream" {
			if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
				c.cfg.Log.Debug("console", "error", err)
			}
		}
		next.ServeHTTP(w, r)
	})
}

func hostOf(hostport string) string {
	if i := strings.LastIndexByte(hostport, ':'); i >= 0 && !strings.HasSuffix(hostport, "]") {
		hostport = hostport[:i]
	}
	return strings.Trim(hostport, "[]")
}

func (c *Console) healthz(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }

// readyz names no broker: it is open to all who can reach it.
func (c *Console) readyz(w http.ResponseWriter, _ *http.Request) {
	if ok, _ := c.cfg.Status.Ready(c.cfg.Now()); !ok {
		http.Error(w, "not ready: its taps are not armed, or behind", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "it cannot be told in JSON", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(data, '\n')) // who asked is gone: nobody is left to tell
}

// getOverview takes span=1h or 24h.
func (c *Console) getOverview(w http.ResponseWriter, r *http.Request) {
	span := time.Hour
	if r.URL.Query().Get("span") == "24h" {
		span = MaxSince
	}
	writeJSON(w, http.StatusOK, c.overview(span))
}

func (c *Console) getFindings(w http.ResponseWriter, r *http.Request) {
	briefs := []brief{}
	last := c.history.last(r.URL.Query().Get("flow"))
	for i := range last {
		briefs = append(briefs, briefOf(&last[i]))
	}
	writeJSON(w, http.StatusOK, briefs)
}

// pingEvery keeps what is between from closing a quiet stream.
const pingEvery = 20 * time.Second

func (c *Console) getStream(w http.ResponseWriter, r *http.Request) {
	lines, ok := c.stream.follow()
	if !ok {
		http.Error(w, "too many follow the stream", http.StatusServiceUnavailable)
		return
	}
	defer c.stream.leave(lines)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	to := http.NewResponseController(w)
	write := func(text string) bool {
		_ = to.SetWriteDeadline(time.Now().Add(10 * time.Second))
		_, err := fmt.Fprint(w, text)
		return err == nil && to.Flush() == nil
	}
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	alive := write("retry: 2000\n\n")
	for alive {
		select {
		case <-r.Context().Done():
			return
		case <-ping.C:
			alive = write(": still here\n\n")
		case data, open := <-lines:
			alive = open && write("data: "+string(data)+"\n\n")
		}
	}
}
