package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/shadow"
)

const shopFlow = "../../examples/shop/order.flow.yaml"

// shopOf is a shop on embedded brokers, and what is done to it.
type shopOf struct {
	*testing.T
	*embedded
}

func newShopOf(t *testing.T, bug string) *shopOf {
	t.Helper()
	e, err := startEmbedded(t.Context(), bug)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.close(); err != nil {
			t.Error(err)
		}
	})
	return &shopOf{t, e}
}

// begin begins a command at a time that is so much later; what it returns waits for
// its end, or ends it.
func (s *shopOf) begin(later time.Duration, args ...string) (said *bytes.Buffer, log lines, end func(stop bool) int) {
	var out bytes.Buffer
	a := processApp()
	log = make(lines, 1000)
	a.out, a.err, a.isTerminal, a.adapters = &out, log, false, s.adapters()
	a.now = func() time.Time { return time.Now().Add(later) }
	for name, url := range s.urls {
		args = append(args, "--broker", name+"="+url)
	}
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	code := make(chan int, 1)
	go func() { code <- execute(ctx, args, a) }()
	return &out, log, func(stop bool) int {
		if stop {
			cancel()
		}
		defer cancel()
		return <-code
	}
}

// TestFromAFindingToADrill: what a shadow found, and has put into its rolling
// record since, is cut out, judged as it was, and sent again: to the shop with the
// bug, where nothing has changed, and to one without.
func TestFromAFindingToADrill(t *testing.T) {
	t.Parallel()
	broken, again, repaired := newShopOf(t, "double-payment"), newShopOf(t, "double-payment"), newShopOf(t, "")
	state := t.TempDir()
	watch := []string{"shadow", shopFlow, "--state", state, "--record-last", "6h"}
	_, log, end := broken.begin(0, watch...)
	log.await(t, "every tap is armed")
	_, _, replayed := broken.begin(0, "replay", shopFlow, shopTraffic, "--same-target", "--ids", "fresh", "--rate", "unlimited")
	replayed(false)
	var found shadow.Record
	await(t, "it is found", func() bool { return findingIn(state, "unique", &found) })
	end(true)

	_, _, end = broken.begin(3*time.Hour, watch...) // by then the journal's file is no more than a part of the record
	await(t, "it is in the record alone", func() bool {
		kept, _ := filepath.Glob(filepath.Join(state, "*", "record", "*"))
		return len(kept) > 0
	})
	end(true)
	piece := filepath.Join(t.TempDir(), "finding.jsonl")
	a, out, errs := testApp(map[string]string{})
	if code := execute(t.Context(), []string{"cut", found.ID, "--state", state, "-o", piece}, a); code != exitPass || !strings.Contains(out.String(), found.Text) {
		t.Fatalf("cut ends with %d: %s%s", code, out, errs)
	}
	b, judged, _ := testApp(map[string]string{})
	if code := execute(t.Context(), []string{"verify", shopFlow, piece}, b); code != exitFail || !strings.Contains(judged.String(), found.Kind) {
		t.Fatalf("verify ends with %d:\n%s", code, judged)
	}
	drill := []string{"replay", shopFlow, piece, "--same-target", "--ids", "fresh"}
	same, _, ended := again.begin(0, drill...)
	if code := ended(false); code != exitPass {
		t.Errorf("onto the shop with the bug it ends with %d:\n%s", code, same)
	}
	other, _, ended := repaired.begin(0, drill...)
	if code := ended(false); code != exitFail || !strings.Contains(other.String(), "changed") {
		t.Errorf("onto the repaired shop it ends with %d:\n%s", code, other)
	}
}

// findingIn reads the first finding of a rule that stands in a findings file.
func findingIn(state, rule string, to *shadow.Record) bool {
	data, err := os.ReadFile(filepath.Join(state, "findings.jsonl"))
	if err != nil {
		return false
	}
	for line := range bytes.Lines(data) {
		var r shadow.Record
		if json.Unmarshal(line, &r) == nil && r.Event == shadow.EventFinding && r.Rule == rule {
			*to = r
			return true
		}
	}
	return false
}
