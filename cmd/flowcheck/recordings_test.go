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

// trafficScenarios are the orders of the recording traffic.jsonl.
const trafficScenarios = `scenarios:
  - name: paid
    cases: [ { n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }, { n: 5 }, { n: 6 }, { n: 7 }, { n: 8 }, { n: 9 }, { n: 10 }, { n: 11 }, { n: 12 } ]
    send:
      - to: orders
        key: "acc-${case.n % 4}"
        body: { type: OrderPlaced, orderId: "${id}", account: "acc-${case.n % 4}", total: "${case.n * 12.5 + 1}", shipTo: DE, lines: [ { sku: A1, qty: "${case.n}" }, { sku: B7, qty: 1 } ] }
      - to: orders
        key: "acc-${case.n % 4}"
        body: { type: OrderPlaced, orderId: "${id}-b", account: "acc-${case.n % 4}", total: "${case.n * 7}", shipTo: FR, lines: [ { sku: C3, qty: 2 } ] }
  - name: declined
    cases: [ { n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }, { n: 5 } ]
    send: { to: orders, key: "acc-${case.n % 4}", body: { type: OrderPlaced, orderId: "${id}", account: "acc-${case.n % 4}", total: "${case.n * 1000 + 1}", shipTo: DE, lines: [ { sku: A1, qty: 9 } ] } }
  - name: parked
    cases: [ { n: 1 }, { n: 2 }, { n: 3 }, { n: 4 } ]
    send: { to: orders, key: "acc-${case.n % 4}", body: { type: OrderPlaced, orderId: "${id}", account: "acc-${case.n % 4}", total: "${case.n * 3}", shipTo: null, lines: [ { sku: B7, qty: 1 } ] } }
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
		recordShop(t, flow, filepath.Join(shopRecordings, "run.jsonl"))
		head, _, _ := bytes.Cut(text, []byte("scenarios:"))
		busy := filepath.Join(dir, "busy.flow.yaml")
		writeFile(t, busy, append(bytes.Clone(head), trafficScenarios...))
		traffic := filepath.Join(shopRecordings, "traffic.jsonl")
		recordShop(t, busy, traffic)
		dropMarks(t, traffic)
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

func recordShop(t *testing.T, flow, recording string) {
	t.Helper()
	a, out, errs := testApp(map[string]string{})
	code, err := runInShop(t.Context(), "", a, []string{"run", flow, "--record", recording, "--parallel", "3"})
	if err != nil || code != exitPass {
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
