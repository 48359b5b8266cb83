package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/examples/shop"
)

var updateRecordings = flag.Bool("update-recordings", false, "record the shop anew")

// shopRecordings is where the recordings of the shop are kept.
const shopRecordings = "../../examples/shop/recordings"

// trafficScenarios are the orders of the recording traffic.jsonl. Each case has an
// account of its own, so that its sequence does not depend on the others.
const trafficScenarios = `scenarios:
  - name: paid
    cases: [ { n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }, { n: 5 }, { n: 6 }, { n: 7 }, { n: 8 }, { n: 9 }, { n: 10 }, { n: 11 }, { n: 12 } ]
    send:
      - to: orders
        key: "paid-${case.n}"
        body: { type: OrderPlaced, orderId: "${id}", account: "paid-${case.n}", total: "${case.n * 12.5 + 1}", shipTo: DE, lines: [ { sku: A1, qty: "${case.n}" }, { sku: B7, qty: 1 } ] }
      - to: orders
        key: "paid-${case.n}"
        body: { type: OrderPlaced, orderId: "${id}-b", account: "paid-${case.n}", total: "${case.n * 7}", shipTo: FR, lines: [ { sku: C3, qty: 2 } ] }
  - name: declined
    cases: [ { n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }, { n: 5 } ]
    send: { to: orders, key: "declined-${case.n}", body: { type: OrderPlaced, orderId: "${id}", account: "declined-${case.n}", total: "${case.n * 1000 + 1}", shipTo: DE, lines: [ { sku: A1, qty: 9 } ] } }
  - name: parked
    cases: [ { n: 1 }, { n: 2 }, { n: 3 }, { n: 4 } ]
    send: { to: orders, key: "parked-${case.n}", body: { type: OrderPlaced, orderId: "${id}", account: "parked-${case.n}", total: "${case.n * 3}", shipTo: null, lines: [ { sku: B7, qty: 1 } ] } }
`

// TestShopRecordings: the recordings of the shop that are kept pass under its
// flow file. With -update-recordings they are made anew: run.jsonl of its
// scenarios, traffic.jsonl of more orders and without their marks, as record
// would have it.
func TestShopRecordings(t *testing.T) {
	dir := t.TempDir()
	flow := filepath.Join(dir, "order.flow.yaml")
	text, err := shop.Flows.ReadFile(shop.WholeFlow)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, flow, text)
	if *updateRecordings {
		recordShop(t, "", flow, filepath.Join(shopRecordings, "run.jsonl"))
		recordTraffic(t, "", filepath.Join(shopRecordings, "traffic.jsonl"))
	}
	for _, name := range []string{"run.jsonl", "traffic.jsonl"} {
		a, out, errs := testApp(map[string]string{})
		if code := execute(t.Context(), []string{"verify", flow, filepath.Join(shopRecordings, name)}, a); code != exitPass {
			t.Errorf("%s: exit code %d\n%s%s", name, code, out, errs)
		}
	}
}

func writeFile(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// recordTraffic records the orders of trafficScenarios.
func recordTraffic(t *testing.T, bug, recording string) {
	t.Helper()
	text, err := shop.Flows.ReadFile(shop.WholeFlow)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := bytes.Cut(text, []byte("scenarios:"))
	busy := filepath.Join(t.TempDir(), "busy.flow.yaml")
	writeFile(t, busy, append(bytes.Clone(head), trafficScenarios...))
	recordShop(t, bug, busy, recording)
	dropMarks(t, recording)
}

// TestDiffOfTheShop: a recording of the shop differs from one that was made
// before in nothing but what is fresh; with a bug it differs in what the bug does.
func TestDiffOfTheShop(t *testing.T) {
	t.Parallel()
	before, flow := filepath.Join(shopRecordings, "traffic.jsonl"), "../../examples/shop/order.flow.yaml"
	for _, c := range []struct {
		bug  string
		code int
		says string
	}{
		{"", exitPass, "33 pairs: 33 the same, 0 changed"},
		{"wrong-amount", exitFail, "paid has other content"},
		{"declines-everything", exitFail, "fulfilled            24 → 0"},
		{"parks-sound-shipments", exitFail, "parked came more often"},
	} {
		t.Run("bug="+c.bug, func(t *testing.T) {
			t.Parallel()
			after := filepath.Join(t.TempDir(), "after.jsonl")
			recordTraffic(t, c.bug, after)
			a, out, errs := testApp(map[string]string{})
			code := execute(t.Context(), []string{"diff", before, after, "--flow", flow}, a)
			if code != c.code || !strings.Contains(out.String(), c.says) {
				t.Errorf("exit code %d\n%s%s", code, out, errs)
			}
		})
	}
}

func recordShop(t *testing.T, bug, flow, recording string) {
	t.Helper()
	a, out, errs := testApp(map[string]string{})
	code, err := runInShop(t.Context(), bug, a, []string{"run", flow, "--record", recording, "--parallel", "3"})
	if err != nil || bug == "" && code != exitPass {
		t.Fatalf("%v, exit code %d\n%s%s", err, code, out, errs)
	}
}

// dropMarks takes the marks of scenarios out of a recording.
func dropMarks(t *testing.T, name string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var kept strings.Builder
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, `{"mark":"scenario"`) {
			kept.WriteString(line)
		}
	}
	writeFile(t, name, []byte(kept.String()))
}
