package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/testbroker"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/report"
)

const nasty = `</script><script>alert(1)</script>"'&<img src=http://x.example/y onerror=alert(1)>` + "\u202e\x1b[31m"

// drill is a comparison with a bit of everything, every text of it hostile where
// it comes from messages.
func drill(texts string) *flows.Result {
	at := func(ms int) correlate.Instant {
		return correlate.InstantOf(time.Date(2026, 11, 22, 10, 0, 0, ms*1e6, time.UTC))
	}
	moments := []flows.Moment{
		{Channel: "orders", Step: "placed", Position: message.At(0, 1), Time: at(0), Seen: at(1)},
		{Channel: texts, Step: "paid", Position: message.Named(texts), Time: at(90), Seen: at(91)},
		{Channel: "mails", Step: "", Position: message.Nth(3), Time: correlate.Never, Seen: at(95), Note: texts},
	}
	spread := flows.Spread{Step: "paid"}
	for i := range 300 {
		spread.N++
		spread.Buckets[flows.BucketOf(time.Duration(i)*time.Millisecond)]++
	}
	return &flows.Result{
		Flow: "orders", About: texts, Mode: "diff", State: flows.Fail,
		Chains: flows.ChainCounts{Total: 4, Pass: 2, Fail: 1, Unknown: 1},
		Findings: []flows.Finding{
			{
				Kind: flows.Changed, Chain: texts, IDs: map[string]string{"order": texts}, Step: "paid", Text: texts, Expected: texts, Actual: texts,
				Evidence: []flows.Evidence{{Channel: texts, Position: message.Named(texts)}}, Parts: []flows.Part{{Source: texts, Value: texts}},
			},
			{Kind: flows.Slow, Rule: texts, Text: "slow", Expected: "p95 1s", Actual: "2s"},
		},
		Unknowns:  []flows.Unknown{{Chain: "o-2", Reason: texts}, {Reason: texts}},
		Warnings:  []string{texts},
		Scenarios: []flows.ScenarioResult{{Name: texts, State: flows.NotKnown, Probes: []flows.ProbeResult{{Name: "duplicate", Off: true, Reason: texts}}}},
		Channels:  []flows.ChannelCount{{Name: texts, Seen: 3}},
		Timelines: map[string][]flows.Moment{texts: moments},
		Spreads:   []flows.Spread{spread},
		Compared: &flows.Compared{
			Was: "before.jsonl", Now: texts, Pairs: 3, OutcomesWas: map[string]int{"done": 3}, OutcomesNow: map[string]int{"done": 2, "": 1},
			Latencies: []flows.StepLatency{{Step: "paid", Was: flows.Quantiles{N: 3, P50: 1e6, P95: 2e6, P99: 3e6, Max: 3e6}, Now: flows.Quantiles{N: 3, P50: 2e6, P95: 9e6, P99: 1e7, Max: 1e7}}},
			Noise:     []string{texts}, Before: map[string][]flows.Moment{texts: moments[:2]},
		},
	}
}

func page(t *testing.T, results ...*flows.Result) string {
	t.Helper()
	var p report.Page
	for _, r := range results {
		p.Add(r)
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestHTMLIsClosed: whatever messages hold, the page loads nothing, runs nothing,
// and is well-formed.
func TestHTMLIsClosed(t *testing.T) {
	html := page(t, drill(nasty), drill("plain"))
	for _, not := range []string{"<script", "<img", "\u202e", "\x1b", "src=", "<link", "@import", "url("} {
		if strings.Contains(strings.ReplaceAll(html, "src=http://x", ""), not) {
			t.Errorf("it has %q", not)
		}
	}
	for _, ref := range regexp.MustCompile(`(?i)(href|src|action)\s*=\s*["'][^"']*`).FindAllString(html, -1) {
		t.Errorf("it refers to %s", ref)
	}
	body := html[strings.Index(html, "<body>"):strings.Index(html, "</html>")]
	d := xml.NewDecoder(strings.NewReader(body))
	d.Strict = true
	d.Entity = xml.HTMLEntity
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// TestHTMLSaysAll: every part of a result is on the page, with both sides of a
// changed chain.
func TestHTMLSaysAll(t *testing.T) {
	html := page(t, drill("o-1"))
	if n := strings.Count(html, `aria-label="sequence of messages"`); n != 2 {
		t.Errorf("%d diagrams, not one for each side", n)
	}
	for _, want := range []string{
		"without their like", "before: before.jsonl", "now: o-1", "no outcome", "0 → 1", "3 → 2", "chain o-2", "across chains",
		`class="marked"`, "&#43;90ms", "&#43;95ms seen", "300 messages, the median", "Noise that was passed over", "prefers-color-scheme:dark",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("%q is not on it", want)
		}
	}
}

// TestHTMLIsBounded: a page of very many findings stays small.
func TestHTMLIsBounded(t *testing.T) {
	r := drill("o-1")
	moments := r.Timelines["o-1"]
	for len(moments) < 5000 {
		moments = append(moments, moments[0])
	}
	for i := range 3000 {
		chain := fmt.Sprint("c-", i)
		r.Findings = append(r.Findings, flows.Finding{Kind: flows.Missing, Chain: chain, Text: "paid did not come"})
		r.Timelines[chain] = moments
		r.Unknowns = append(r.Unknowns, flows.Unknown{Reason: chain})
	}
	html := page(t, r)
	if len(html) > 8<<20 || !strings.Contains(html, "more chains; the JSON report has them all") || !strings.Contains(html, "more messages") {
		t.Errorf("%d bytes", len(html))
	}
}

// TestHTMLInABrowser: Chromium lays the page out without scrolling sideways, on
// a phone too.
func TestHTMLInABrowser(t *testing.T) {
	browser := testbroker.Chromium(t)
	for width, results := range map[int][]*flows.Result{ // a headless Chromium is no narrower than 500
		500: {drill(strings.Repeat("a-very-long-name", 20)), drill(nasty)}, 1100: {drill("o-1")},
	} {
		for _, r := range results {
			html := strings.Replace(page(t, r), `default-src 'none'; style-src 'unsafe-inline'`, `script-src 'unsafe-inline'`, 1)
			html = strings.Replace(html, "</body>", `<script>document.body.setAttribute("data-wide", document.documentElement.scrollWidth+"/"+innerWidth+"/"+document.querySelectorAll("svg circle").length)</script></body>`, 1)
			file := filepath.Join(t.TempDir(), "page.html")
			if err := os.WriteFile(file, []byte(html), 0o600); err != nil {
				t.Fatal(err)
			}
			dom, err := exec.CommandContext(t.Context(), browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--user-data-dir="+t.TempDir(),
				fmt.Sprintf("--window-size=%d,900", width), "--dump-dom", "file://"+file).Output()
			if err != nil {
				t.Fatal(err)
			}
			var scroll, inner, dots int
			m := regexp.MustCompile(`data-wide="(\d+)/(\d+)/(\d+)"`).FindSubmatch(dom)
			if m == nil {
				t.Fatalf("nothing was laid out: %.300s", dom)
			}
			if _, err := fmt.Sscan(string(m[1]), &scroll); err != nil {
				t.Fatal(err)
			}
			if _, err := fmt.Sscan(string(m[2])+" "+string(m[3]), &inner, &dots); err != nil {
				t.Fatal(err)
			}
			if scroll > inner || dots != 5 {
				t.Errorf("at %d: the page is %d wide in a window of %d, and has %d messages drawn", width, scroll, inner, dots)
			}
		}
	}
}
