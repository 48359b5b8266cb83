package console_test

import (
	"bufio"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/flowcheck/flowcheck/console"
)

// families scrapes as Prometheus does, which gets native histograms that way.
func (r *rig) families() map[string]*dto.MetricFamily {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.url+"/metrics", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Accept", string(expfmt.NewFormat(expfmt.TypeProtoDelim)))
	request.Header.Set("Authorization", "Bearer "+r.token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	all := map[string]*dto.MetricFamily{}
	d := expfmt.NewDecoder(answer.Body, expfmt.ResponseFormat(answer.Header))
	for {
		var f dto.MetricFamily
		if err := d.Decode(&f); err == io.EOF { //nolint:errorlint // a decoder's end
			return all
		} else if err != nil {
			r.t.Fatal(err)
		}
		all[f.GetName()] = &f
	}
}

// value is a metric's by its labels, spelt name=value in their order.
func value(f *dto.MetricFamily, labels ...string) float64 {
	for _, m := range f.GetMetric() {
		var have []string
		for _, l := range m.GetLabel() {
			have = append(have, l.GetName()+"="+l.GetValue())
		}
		if strings.Join(have, " ") == strings.Join(labels, " ") {
			return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return -1
}

// names holds deploy/metrics.txt to what is served: the dashboard and the rules are
// checked against it.
func names(t *testing.T, all map[string]*dto.MetricFamily) {
	t.Helper()
	var lines strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		lines.WriteString(name + "\n")
	}
	if *updatePictures {
		if err := os.WriteFile("../deploy/metrics.txt", []byte(lines.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile("../deploy/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.FieldsSeq(string(kept)) {
		if all[name] == nil {
			t.Errorf("deploy/metrics.txt has %s, which is not served", name)
		}
	}
	for name := range all {
		if strings.HasPrefix(name, "flowcheck_") && !strings.Contains(string(kept), name+"\n") {
			t.Errorf("deploy/metrics.txt lacks %s: go test ./console -run TestMetrics -update-pictures", name)
		}
	}
}

func TestMetrics(t *testing.T) {
	r := newRig(t, "")
	r.order("o-1", 5, 5)
	r.order("o-2", 5, 6)
	r.order("o-3", 0, 0)
	r.produce("orders", map[string]any{"order": "o-4", "amount": 5})
	until(t, "four chains, and two findings", func() bool {
		all := r.families()
		f, found := all["flowcheck_chains_total"], all["flowcheck_findings_total"]
		return value(found, "flow=orders", "kind=mismatch") == 1 && value(found, "flow=orders", "kind=missing") == 1 && value(f, "flow=orders", "outcome=", "verdict=fail") == 1 && value(f, "flow=orders", "outcome=fulfilled", "verdict=fail") == 1 &&
			value(f, "flow=orders", "outcome=fulfilled", "verdict=pass") == 1 && value(f, "flow=orders", "outcome=declined", "verdict=pass") == 1
	})
	r.console.Metrics().Notified("slack", "sent", 1)
	r.console.Metrics().Traced("sent", 1)
	until(t, "what is open and kept", func() bool {
		all := r.families()
		return value(all["flowcheck_chains_open"], "flow=orders") == 0 && value(all["flowcheck_chains_kept"], "flow=orders") == 4
	})
	until(t, "ready", func() bool { return value(r.families()["flowcheck_ready"]) == 1 })
	all := r.families()
	for _, want := range []struct {
		name   string
		labels []string
		value  float64
	}{
		{"flowcheck_findings_total", []string{"flow=orders", "kind=mismatch"}, 1},
		{"flowcheck_findings_total", []string{"flow=orders", "kind=missing"}, 1},
		{"flowcheck_findings_total", []string{"flow=orders", "kind=late"}, 0},
		{"flowcheck_unknowns_total", []string{"flow=orders"}, 0},
		{"flowcheck_step_latency_seconds", []string{"flow=orders", "step=paid"}, 2},
		{"flowcheck_chain_duration_seconds", []string{"flow=orders", "outcome=fulfilled"}, 2},
		{"flowcheck_chains_open", []string{"flow=orders"}, 0},
		{"flowcheck_chains_kept", []string{"flow=orders"}, 4},
		{"flowcheck_gaps_total", []string{"flow=orders"}, 0},
	} {
		if got := value(all[want.name], want.labels...); got != want.value {
			t.Errorf("%s %v is %v, not %v", want.name, want.labels, got, want.value)
		}
	}
	if h := all["flowcheck_step_latency_seconds"].GetMetric()[0].GetHistogram(); h.Schema == nil || len(h.GetPositiveSpan())+len(h.GetNegativeSpan()) == 0 && h.GetZeroCount() == 0 {
		t.Error("it is no native histogram")
	}
	names(t, all)
	if value(all["flowcheck_tap_behind_seconds"], "broker=k") < 0 || value(all["process_resident_memory_bytes"]) < 1 {
		t.Error("the tap's lag, or the memory, is lacking")
	}
	if plain := r.get("/metrics"); !strings.Contains(plain, "flowcheck_step_latency_seconds_bucket") {
		t.Error("text has no buckets")
	}
}

func TestHealth(t *testing.T) {
	r := newRig(t, "a-token-of-some-length")
	without := func(h *http.Request) { h.Header.Del("Authorization") }
	if code, body := r.ask(http.MethodGet, "/healthz", without); code != http.StatusOK || body != "ok\n" {
		t.Errorf("%d %s", code, body)
	}
	until(t, "ready", func() bool {
		code, body := r.ask(http.MethodGet, "/readyz", without)
		return code == http.StatusOK && body == "ready\n"
	})
	r.status.Armed.Store(false)
	if code, body := r.ask(http.MethodGet, "/readyz", without); code != http.StatusServiceUnavailable || !strings.HasPrefix(body, "not ready") {
		t.Errorf("%d %s", code, body)
	}
}

// TestToken: without it nothing of the flows is seen, and it is nowhere in what is
// said.
func TestToken(t *testing.T) {
	const token = "correct-horse-battery"
	r := newRig(t, token)
	for _, path := range []string{"/", "/metrics", "/api/overview", "/api/findings", "/api/stream", "/api/gate?flow=orders", "/finding/x"} {
		for _, header := range []string{"", "Bearer ", "Bearer wrong", "Basic " + token, "Bearer " + token + "x"} {
			code, body := r.ask(http.MethodGet, path, func(h *http.Request) { h.Header.Set("Authorization", header) })
			if code != http.StatusUnauthorized && code != http.StatusTooManyRequests || strings.Contains(body, "orders") {
				t.Errorf("%s with %q: %d %s", path, header, code, body)
			}
		}
	}
	if code, _ := r.ask(http.MethodGet, "/api/gate?flow=orders", nil); code != http.StatusOK {
		t.Errorf("with the token: %d", code)
	}
	login := func(with string) (code int, session string) {
		answer, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).PostForm(r.url+"/login", url.Values{"token": {with}})
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		for _, c := range answer.Cookies() {
			if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || strings.Contains(c.Value, token) {
				t.Errorf("the cookie is %v", c)
			}
			session = c.Name + "=" + c.Value
		}
		return answer.StatusCode, session
	}
	until(t, "a wrong token is looked at again", func() bool {
		code, session := login("wrong")
		return code == http.StatusUnauthorized && session == ""
	})
	code, session := login(token)
	if code != http.StatusSeeOther || session == "" {
		t.Fatalf("the token: %d", code)
	}
	if code, body := r.ask(http.MethodGet, "/", func(h *http.Request) {
		h.Header.Del("Authorization")
		h.Header.Set("Cookie", session)
	}); code != http.StatusOK || !strings.Contains(body, "page.js") {
		t.Errorf("after the login: %d", code)
	}
	limited := false
	for range 60 {
		code, _ := login("wrong")
		limited = limited || code == http.StatusTooManyRequests
	}
	if !limited {
		t.Error("60 wrong tokens at once were looked at")
	}
	r.stop()
	if strings.Contains(r.log.String(), token) {
		t.Error("the token is in the log")
	}
}

// TestAForeignName: a page elsewhere whose name leads to localhost reads nothing.
func TestAForeignName(t *testing.T) {
	r := newRig(t, "")
	if code, _ := r.ask(http.MethodGet, "/api/overview", func(h *http.Request) { h.Host = "evil.example:9464" }); code != http.StatusForbidden {
		t.Errorf("%d", code)
	}
	for _, name := range []string{"localhost:1", "127.0.0.1", "[::1]:80"} {
		if code, _ := r.ask(http.MethodGet, "/api/overview", func(h *http.Request) { h.Host = name }); code != http.StatusOK {
			t.Errorf("%s: %d", name, code)
		}
	}
}

func TestCheckAddress(t *testing.T) {
	long := strings.Repeat("x", 16)
	for _, c := range []struct {
		address, token string
		ok             bool
	}{
		{"127.0.0.1:0", "", true},
		{"[::1]:9464", "", true},
		{"localhost:9464", "", true},
		{":9464", "", false},
		{"0.0.0.0:9464", "", false},
		{"192.168.1.4:9464", "", false},
		{"example.org:9464", "", false},
		{":9464", long, true},
		{":9464", "short", false},
		{"127.0.0.1", long, false},
	} {
		if err := console.CheckAddress(c.address, c.token); (err == nil) != c.ok || err != nil && c.token != "" && strings.Contains(err.Error(), c.token) {
			t.Errorf("%s with %q: %v", c.address, c.token, err)
		}
	}
}

// TestStream: what is told comes while it is told, as JSON.
func TestStream(t *testing.T) {
	r := newRig(t, "")
	answer, err := http.Get(r.url + "/api/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	r.order("o-2", 5, 6)
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var f struct{ Kind, Chain, Event, ID string }
		if err := json.Unmarshal([]byte(data), &f); err != nil {
			t.Fatal(err)
		}
		if f.Kind != "mismatch" || f.Chain != "o-2" || f.Event != "finding" || f.ID == "" {
			t.Errorf("%+v", f)
		}
		var page string
		until(t, "its messages in the journal", func() bool {
			page = r.get("/finding/" + f.ID)
			return strings.Contains(page, "masked:")
		})
		for _, want := range []string{"chain o-2", "masked:", "<svg", "does not hold"} {
			if !strings.Contains(page, want) {
				t.Errorf("%q is not on the finding's page", want)
			}
		}
		if strings.Contains(page, "4111") {
			t.Error("the card is on the page")
		}
		return
	}
	t.Fatalf("the stream ended: %v", lines.Err())
}
