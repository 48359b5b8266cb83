package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/flowcheck/flowcheck/internal/testbroker"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/shadow"
)

var updatePictures = flag.Bool("update-pictures", false, "take the screenshots of docs/images anew, and write deploy/metrics.txt")

// evil would run if the page took it for more than text.
const evil = `"><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>{{.}}<svg/onload=window.hacked=1>`

// browser opens a Chromium, whose console must stay without errors.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := testbroker.Chromium(t)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true))...)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	messages := chromedp.Console(ctx)
	var reading sync.WaitGroup
	reading.Go(func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleWarning || m.IsException() {
				t.Errorf("the browser's console: %s %s", m, m.URL)
			}
		}
	})
	t.Cleanup(func() { cancel(); reading.Wait() })
	return ctx
}

func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

func ask[T any](t *testing.T, ctx context.Context, script string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return v
}

// fits checks that the page does not scroll sideways, and that nothing ran that
// came from a message.
func fits(t *testing.T, ctx context.Context, where string) {
	t.Helper()
	if ask[bool](t, ctx, `"hacked" in window || document.querySelector("img, iframe, main script") !== null`) {
		t.Fatalf("%s: a message's text was run, or taken for HTML", where)
	}
	if s := ask[string](t, ctx, `document.documentElement.scrollWidth + "/" + innerWidth`); s[:strings.Index(s, "/")] != s[strings.Index(s, "/")+1:] {
		t.Errorf("%s: the page is %s wide", where, s)
	}
}

// picture keeps a screenshot for the docs, where that is asked for.
func picture(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	data, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil || !bytes.HasPrefix(data, []byte("\x89PNG")) {
		t.Fatal(err)
	}
	if *updatePictures {
		if err := os.WriteFile(filepath.Join("../docs/images", name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func dark(value string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}})
		return err
	})
}

// anHour is what an earlier process has told: some chains for each of the last
// minutes.
func anHour(t *testing.T, r *rig) {
	t.Helper()
	var lines []byte
	for i := range 58 {
		n := 40 + i*i%17
		tally := &shadow.Tally{Total: n, Pass: n}
		if i > 30 && i < 37 {
			tally.Fail, tally.Pass = 9-i%7, n-9+i%7
		}
		line, err := json.Marshal(shadow.Record{Time: time.Now().Add(time.Duration(i-59) * time.Minute), Event: shadow.EventChains, Flow: "orders", Chains: tally})
		if err != nil {
			t.Fatal(err)
		}
		lines = append(append(lines, line...), '\n')
	}
	r.stop()
	if err := os.WriteFile(filepath.Join(r.state, "findings.jsonl"), lines, 0o600); err != nil {
		t.Fatal(err)
	}
	r.start()
}

// TestPage: a real Chromium shows the flows, findings as they are told, and a
// chain, on a desktop and a phone, by day and by night; what messages hold is
// text, whatever it is.
func TestPage(t *testing.T) {
	const token = "a-token-of-some-length"
	ctx := browser(t)
	r := newRig(t, token)
	anHour(t, r)
	for i := range 40 {
		r.order(fmt.Sprint("o-", 1000+i), 5, 5*(i%8/7*-1+1))
	}
	r.order("o-1040", 42, 41)
	do(t, ctx, chromedp.EmulateViewport(1100, 800), dark("light"), chromedp.Navigate(r.url), chromedp.WaitVisible("#token"))
	do(t, ctx, chromedp.SendKeys("#token", token), chromedp.Click("button"), chromedp.WaitVisible("#findings li"), chromedp.WaitVisible(".chart rect.fail"), chromedp.WaitVisible("td.n"))
	fits(t, ctx, "desktop")
	for _, want := range []string{"orders", "An order is paid, or declined.", "mismatch", "o-1040", "end to end", "fulfilled"} {
		if !strings.Contains(ask[string](t, ctx, `document.body.innerText`), want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	until(t, "watching, and live", func() bool {
		return ask[bool](t, ctx, `document.getElementById("ready").textContent === "watching" && document.getElementById("live").textContent === "live"`)
	})
	picture(t, ctx, "console.png")
	do(t, ctx, dark("dark"))
	if ask[string](t, ctx, `getComputedStyle(document.body).backgroundColor`) != "rgb(20, 23, 27)" {
		t.Error("it is not dark at night")
	}
	picture(t, ctx, "console-dark.png")
	do(t, ctx, dark("light"), chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateScale(2)))
	fits(t, ctx, "phone")
	picture(t, ctx, "console-phone.png")

	// What comes now is shown without a reload, and is text.
	r.produce("orders", map[string]any{"order": evil, "amount": 42, "card": "4111-1111", evil: evil}, message.Header{Name: evil, Value: evil}, message.Header{Name: "authorization", Value: "Bearer of-a-secret"})
	r.produce("payments", map[string]any{"order": evil, "amount": 41})
	do(t, ctx, chromedp.WaitVisible(`#findings li:first-child a[href]`))
	until(t, "the finding", func() bool {
		return strings.Contains(ask[string](t, ctx, `document.querySelector("#findings li").textContent`), "onerror")
	})
	fits(t, ctx, "a hostile finding")
	do(t, ctx, chromedp.Click("#findings li:first-child a"), chromedp.WaitVisible("svg.sequence"))
	var shown string
	until(t, "its messages in the journal", func() bool {
		do(t, ctx, chromedp.Reload(), chromedp.WaitVisible("svg.sequence"))
		shown = ask[string](t, ctx, `document.body.innerText`)
		return strings.Contains(shown, "(hidden)") && strings.Contains(shown, `"amount": 41`)
	})
	fits(t, ctx, "a hostile chain")
	for _, want := range []string{"masked:", "(hidden)", "onerror", `"amount": 41`} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not on the finding's page", want)
		}
	}
	if strings.Contains(shown, "4111") || strings.Contains(shown, "of-a-secret") {
		t.Error("a secret is on the page")
	}
	do(t, ctx, chromedp.Navigate(r.url), chromedp.WaitVisible("#findings li"), chromedp.EmulateViewport(1100, 900))
	do(t, ctx, chromedp.Navigate(ask[string](t, ctx, `[...document.querySelectorAll("#findings a")].find((a) => a.textContent.includes("o-1040")).href`)), chromedp.WaitVisible("pre"))
	fits(t, ctx, "a chain")
	picture(t, ctx, "console-finding.png")
}
