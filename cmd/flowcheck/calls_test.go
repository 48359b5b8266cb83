package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

const calledFlow = `flowcheck: 1
flow: called
brokers: { events: "kafka://%[1]s" }
channels:
  orders: { broker: events, topic: orders }
correlate: { order: body.orderId }
steps:
  placed: { channel: orders, check: body.qty < 3 }
setup:
  - { post: "%[2]s/seed" }
cleanup:
  - { delete: "%[2]s/orders" }
  - { delete: "%[2]s/nothing" }
scenarios:
  - name: an order is placed
    cases: [ { qty: 1 }, { qty: 2 }, { qty: 3 } ]
    call: { post: "%[2]s/orders", body: { qty: "${case.qty}" } }
    ids: { order: "${reply.body.orderId}" }
    probes: [ duplicate ]
  - name: an order that is refused
    call: { post: "%[2]s/refused" }
    ids: { order: "${reply.body.orderId}" }
`

// desk takes orders over HTTP. What it publishes is on the broker before it
// replies.
type desk struct {
	testing.TB
	client *kgo.Client

	mu  sync.Mutex
	log []string
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	d.log = append(d.log, r.Method+" "+r.URL.Path)
	d.mu.Unlock()
	switch r.Method + " " + r.URL.Path {
	case "POST /orders":
		body, _ := io.ReadAll(r.Body)
		order := map[string]any{}
		if err := json.Unmarshal(body, &order); err != nil {
			d.Error(err)
		}
		order["orderId"] = uuid.NewString()
		text, _ := json.Marshal(order)
		if err := d.client.ProduceSync(r.Context(), &kgo.Record{Topic: "orders", Value: text}).FirstErr(); err != nil {
			d.Error(err)
		}
		_, _ = w.Write(text)
	case "POST /seed", "DELETE /orders":
	default:
		http.Error(w, "not today", http.StatusTeapot)
	}
}

// TestScenariosThatBeginWithACall: the ids come from the reply, what the call set
// off is judged though it came before, setup and cleanup are made around it all.
func TestScenariosThatBeginWithACall(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	d := &desk{TB: t, client: client}
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	flow := write(t, "called.flow.yaml", fmt.Sprintf(calledFlow, cluster.ListenAddrs()[0], server.URL))
	recording := filepath.Join(t.TempDir(), "run.jsonl")
	p := start(t, "run", flow, "--record", recording)
	if code := p.code(); code != exitFail {
		t.Errorf("exit code %d: %s%s", code, &p.out, &p.errs)
	}
	for _, want := range []string{
		`✓ an order is placed {"qty":1}`, `✓ an order is placed {"qty":2}`, `✗ an order is placed {"qty":3}`, "? an order that is refused",
		"does not hold: body.qty < 3", "POST " + server.URL + "/refused: the call failed: answered 418 I'm a teapot: not today",
		"cleanup: DELETE " + server.URL + "/nothing: the call failed", "\n2 passed, 1 failed, 4 unknown\n",
	} {
		if !strings.Contains(p.out.String()+p.errs.String(), want) {
			t.Errorf("the report has no %q:\n%s%s", want, &p.out, &p.errs)
		}
	}
	if first, last := d.log[0], d.log[len(d.log)-1]; first != "POST /seed" || last != "DELETE /nothing" {
		t.Errorf("calls %v", d.log)
	}
	if v := start(t, "verify", flow, recording); v.code() != exitFail {
		t.Errorf("verify: %s%s", &v.out, &v.errs)
	}
}

func TestASetupThatFails(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	text := strings.Replace(fmt.Sprintf(calledFlow, cluster.ListenAddrs()[0], "http://127.0.0.1:1"), "an order", "no order", 1)
	p := start(t, "run", write(t, "called.flow.yaml", text))
	if code := p.code(); code != exitUnknown || !strings.Contains(p.errs.String(), "setup: POST http://127.0.0.1:1/seed: ") ||
		!strings.Contains(p.errs.String(), "cleanup: DELETE http://127.0.0.1:1/orders: ") {
		t.Errorf("exit code %d: %s", code, &p.errs)
	}
}
