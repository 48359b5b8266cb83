package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/flowcheck/flowcheck/internal/testbroker"
)

var updatePictures = flag.Bool("update-pictures", false, "take the screenshots of docs/images anew")

// TestDrillInABrowser opens the report of a drill in Chromium, without a network:
// it has the chains that changed with both sides beside each other, and does not
// scroll sideways. The screenshots of the docs are made here.
func TestDrillInABrowser(t *testing.T) {
	t.Parallel()
	path := testbroker.Chromium(t)
	page := filepath.Join(t.TempDir(), "drill.html")
	if code, _, errs := drilled(t, "wrong-amount", "--ids", "fresh", "--rate", "20/s", "--report", "html="+page); code != exitFail {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	if text := fileText(page); strings.Contains(text, "http://") || strings.Contains(text, "https://") {
		t.Error("the page asks the network")
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path),
		chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true), chromedp.WindowSize(1200, 900))...)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, patience)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate("file://"+page)); err != nil {
		t.Fatal(err)
	}
	for script, about := range map[string]string{
		`document.documentElement.scrollWidth <= innerWidth`:             "it does not scroll sideways",
		`document.body.innerText.includes("paid has other content")`:     "the difference is told",
		`document.body.innerText.includes("the replay")`:                 "both sides have names",
		`document.querySelectorAll("svg").length >= 2`:                   "there are two diagrams at least",
		`document.body.innerText.toLowerCase().includes("order-fulfil")`: "it names the flow",
	} {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](script))
		if err != nil || !ok {
			t.Errorf("not so: %s (%v)", about, err)
		}
	}
	shoot(t, ctx, "drill.png")
	if err := chromedp.Do(ctx, chromedp.Navigate("file://"+page)); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.querySelectorAll("details").forEach(d => d.open = true); [...document.querySelectorAll("*")].find(e => e.children.length == 0 && e.textContent.startsWith("before:")).scrollIntoView({block: "start"}); scrollBy(0, -20); true`)); err != nil {
		t.Error(err)
	}
	shoot(t, ctx, "drill-chain.png")
}

// shoot takes a screenshot, and keeps it where that is asked for.
func shoot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	data, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil || !bytes.HasPrefix(data, []byte("\x89PNG")) {
		t.Fatal(err)
	}
	if *updatePictures {
		if err := os.WriteFile(filepath.Join("../../docs/images", name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
