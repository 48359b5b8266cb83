package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

// schemasFlow sends an order in Avro with an Avro key, a shipment in Protobuf and
// a mail in JSON, all by the registry's schemas.
const schemasFlow = `flowcheck: 1
flow: schemas
settle: 10ms
timeout: 5s
brokers: { k: "kafka://${env.KAFKA}" }
channels:
  orders:
    broker: k
    topic: orders
    format: avro
    key-format: avro
    registry: { url: "${env.REGISTRY}", username: me, password: "${env.PASSWORD}" }
  shipments:
    broker: k
    topic: shipments
    format: protobuf
    schema: { message: Shipment }
    registry: { url: "${env.REGISTRY}", username: me, password: "${env.PASSWORD}" }
  mails:
    broker: k
    topic: mails
    format: json
    registry: { url: "${env.REGISTRY}", username: me, password: "${env.PASSWORD}" }
correlate: { order: body.orderId }
steps:
  placed:
    channel: orders
    check: [ body.total == 42.5, key == 9007199254740993, body.note == nil ]
  shipped: { channel: shipments, after: placed, check: [ body.weightGrams == 9007199254740993, body.lines == placed.body.lines ] }
  mailed: { channel: mails, after: shipped }
scenarios:
  - name: an order in three formats
    send:
      - { to: orders, key: 9007199254740993, body: { orderId: "${id}", total: 42.50, lines: [ { sku: a, qty: 2 } ] } }
      - { to: shipments, body: { orderId: "${id}", weightGrams: 9007199254740993, lines: [ { sku: a, qty: 2 } ] } }
      - { to: mails, body: { orderId: "${id}" } }
`

func seeded() *srfake.Registry {
	r := srfake.New(srfake.WithAuth("Basic bWU6czNjcmV0")) // me:s3cret
	r.SeedSchema("orders-value", 1, 1, sr.Schema{Schema: `{"type":"record","name":"Order","fields":[
		{"name":"orderId","type":"string"},{"name":"note","type":["null","string"],"default":null},
		{"name":"total","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
		{"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[
			{"name":"sku","type":"string"},{"name":"qty","type":"int"}]}}}]}`})
	r.SeedSchema("orders-key", 1, 2, sr.Schema{Schema: `"long"`})
	r.SeedSchema("shipments-value", 1, 3, sr.Schema{Type: sr.TypeProtobuf, Schema: `syntax = "proto3"; package shop;
		message Line { string sku = 1; int32 qty = 2; }
		message Shipment { string order_id = 1; int64 weight_grams = 2; repeated Line lines = 3; }`})
	r.SeedSchema("mails-value", 1, 4, sr.Schema{Type: sr.TypeJSON, Schema: `{"type":"object","required":["orderId"]}`})
	return r
}

// evolve gives orders a newer schema.
func evolve(r *srfake.Registry) {
	r.SeedSchema("orders-value", 2, 9, sr.Schema{Schema: `{"type":"record","name":"Order","fields":[
		{"name":"orderId","type":"string"},{"name":"note","type":["null","string"],"default":null},{"name":"shop","type":"string","default":"x"},
		{"name":"total","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
		{"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[
			{"name":"sku","type":"string"},{"name":"qty","type":"int"}]}}}]}`})
}

// schemasRig is a Kafka, a registry, and a flow file that has both.
func schemasRig(t *testing.T, flow string) (env map[string]string, registry *srfake.Registry, file string) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders", "shipments", "mails"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	registry = seeded()
	t.Cleanup(registry.Close)
	file = filepath.Join(t.TempDir(), "schemas.flow.yaml")
	if err := os.WriteFile(file, []byte(flow), 0o600); err != nil {
		t.Fatal(err)
	}
	env = map[string]string{"KAFKA": cluster.ListenAddrs()[0], "REGISTRY": registry.URL(), "PASSWORD": "s3cret"}
	return env, registry, file
}

// sameOffline verifies a recording without the surroundings that it was made in,
// and wants what the run said.
func sameOffline(t *testing.T, flow, recording, live string, want int) judged {
	t.Helper()
	offline := filepath.Join(t.TempDir(), "offline.json")
	b, out, errs := testApp(map[string]string{})
	if code := execute(t.Context(), []string{"verify", flow, recording, "--report", "json=" + offline}, b); code != want {
		t.Errorf("verify ends with %d, not %d: %s%s", code, want, out, errs)
	}
	run, verified := judgedIn(t, live), judgedIn(t, offline)
	same(t, "findings", run.Findings, verified.Findings)
	same(t, "unknowns", run.Unknowns, verified.Unknowns)
	same(t, "scenarios", run.Scenarios, verified.Scenarios)
	return run
}

// TestSchemasFromARegistry: what scenarios send is encoded by the registry's
// schemas, keys too; expressions see the same body whatever the format; and the
// recording has the schemas, so that it can be judged where there is no registry.
func TestSchemasFromARegistry(t *testing.T) {
	t.Parallel()
	env, registry, file := schemasRig(t, schemasFlow)
	dir := t.TempDir()
	recording, live := filepath.Join(dir, "run.jsonl"), filepath.Join(dir, "live.json")
	a, out, errs := testApp(env)
	if code := execute(t.Context(), []string{"run", file, "--record", recording, "--report", "text=-", "--report", "json=" + live}, a); code != exitPass {
		t.Fatalf("exit code %d: %s%s", code, out, errs)
	}
	registry.Close()
	sameOffline(t, file, recording, live, exitPass)
	lines, err := os.ReadFile(recording)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(lines), `"mark":"schema"`); n != 4 {
		t.Errorf("the recording has %d schemas, not 4:\n%s", n, lines)
	}
	if strings.Contains(string(lines), "s3cret") {
		t.Error("the recording has the password")
	}
}

// TestARegistryThatFails: what cannot be decoded for want of a schema is unknown,
// never a pass or a fail, live and offline alike.
func TestARegistryThatFails(t *testing.T) {
	t.Parallel()
	env, registry, file := schemasRig(t, schemasFlow)
	registry.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/schemas/ids/3") {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}
		return false
	})
	dir := t.TempDir()
	recording, live := filepath.Join(dir, "run.jsonl"), filepath.Join(dir, "live.json")
	a, out, errs := testApp(env)
	if code := execute(t.Context(), []string{"run", file, "--record", recording, "--report", "text=-", "--report", "json=" + live}, a); code != exitUnknown {
		t.Fatalf("exit code %d: %s%s", code, out, errs)
	}
	run := sameOffline(t, file, recording, live, exitUnknown)
	if want := "cannot be decoded: schema 3: the registry " + registry.URL() + " answers 500"; !strings.Contains(string(run.Unknowns), want) {
		t.Errorf("%s\nlacks %s", run.Unknowns, want)
	}
}

// TestNoRegistry: a run that cannot encode what it is to send says why, and is
// unknown.
func TestNoRegistry(t *testing.T) {
	t.Parallel()
	env, registry, file := schemasRig(t, schemasFlow)
	registry.Close()
	a, out, errs := testApp(env)
	if code := execute(t.Context(), []string{"run", file}, a); code != exitUnknown {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	if want := "channel orders: schema orders-value version latest: the registry " + registry.URL() + " cannot be reached"; !strings.Contains(errs.String(), want) {
		t.Errorf("%s\nlacks %s", errs, want)
	}
}

// TestBodiesThatDoNotFit: what a scenario sends and its schema does not have is
// told before anything is sent.
func TestBodiesThatDoNotFit(t *testing.T) {
	t.Parallel()
	for from, to := range map[string]string{
		"total: 42.50":         "totals: 42.50",
		"qty: 2":               "quantity: 2",
		"weightGrams: 9007199": "weight: 9007199",
	} {
		env, _, file := schemasRig(t, strings.ReplaceAll(schemasFlow, from, to))
		a, out, errs := testApp(env)
		if code := execute(t.Context(), []string{"run", file}, a); code != exitInput {
			t.Errorf("%s: exit code %d: %s%s", to, code, out, errs)
		}
		if !strings.Contains(errs.String(), "what the scenario sends cannot be made") {
			t.Errorf("%s: %s", to, errs)
		}
	}
}
