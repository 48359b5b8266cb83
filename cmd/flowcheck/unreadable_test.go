package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestBodiesThatNobodyCanRead: each way in which a body and its schema can be at
// odds is a finding of its own words, with the way out, and none is a pass.
func TestBodiesThatNobodyCanRead(t *testing.T) {
	t.Parallel()
	env, registry, file := schemasRig(t, schemasFlow)
	client, err := kgo.NewClient(kgo.SeedBrokers(env["KAFKA"]))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	// An order by the schema 1: its id, no note, 42.50, a line.
	const order = "\x00\x00\x00\x00\x01" + "\x06o-1" + "\x00" + "\x04\x10\x9a" + "\x02\x02a\x04\x00"
	bodies := []struct{ about, body, want string }{
		{"an unknown id", "\x00\x00\x00\x03\xe7\x00", "the registry " + registry.URL() + " has no schema 999; is it the registry that the producer uses?"},
		{"JSON", `{"orderId":"o-1"}`, "it does not name its schema as Confluent's serializers do, and there is no header __value_schema_id: it is JSON"},
		{"a frame that is cut off", order[:3], "it does not name its schema as Confluent's serializers do, and there is no header __value_schema_id: it is cut off: 3 bytes, and a schema's name alone has 5"},
		{"a datum that is cut off", order[:len(order)-4], "it does not fit its schema: array block count 1 exceeds remaining buffer length 0"},
		{"more than a datum", order + "more", "it does not fit its schema: 4 bytes are left at its end; was it written with another schema?"},
		{"a schema of another type", "\x00\x00\x00\x00\x03\x00\x0a\x03o-1", "schema 3 is of the type PROTOBUF, and the channel says format: avro"},
	}
	for _, c := range bodies {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte(c.body)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	recording := filepath.Join(t.TempDir(), "day.jsonl")
	a, out, errs := testApp(env)
	if code := execute(t.Context(), []string{"record", file, "-o", recording, "--from", "beginning", "--for", "500ms"}, a); code != exitPass {
		t.Fatalf("record: %d: %s%s", code, out, errs)
	}
	a, out, errs = testApp(map[string]string{})
	if code := execute(t.Context(), []string{"verify", file, recording}, a); code != exitFail {
		t.Errorf("verify: %d: %s%s", code, out, errs)
	}
	for _, c := range bodies {
		if !strings.Contains(out.String(), "a body on orders cannot be decoded: "+c.want) {
			t.Errorf("%s: the report has no %q", c.about, c.want)
		}
	}
	if t.Failed() {
		t.Log(out.String())
	}
}
