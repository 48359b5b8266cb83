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
		{"an id of eight bytes", "\x00\x00\x00\x00\x00" + order[1:], "it does not name its schema as Confluent's serializers do, and there is no header __value_schema_id: its schema's id is 0: if it is eight bytes long, as those of Apicurio's serializers are, have them write four"},
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

// TestARunTellsBodiesThatNobodyCanRead: what has no ids for it cannot be read may be
// a scenario's, whose message is missing for that; a run says so, and does not pass.
func TestARunTellsBodiesThatNobodyCanRead(t *testing.T) {
	t.Parallel()
	flow := strings.ReplaceAll(schemasFlow, "  shipments:\n", "  raw: { broker: k, topic: orders }\n  shipments:\n")
	for about, c := range map[string]struct {
		more string
		code int
	}{
		"all that it waits for came": {"      - { to: raw, base64: AAAAA+cCYQ== }\n", exitUnknown},
		"and one is missing":         {"      - { to: raw, text: no JSON }\n", exitFail},
	} {
		flow := strings.Replace(flow, "      - { to: mails, body: { orderId: \"${id}\" } }\n", "      - { to: mails, body: { orderId: \"${id}\" } }\n"+c.more, 1)
		if c.code == exitFail {
			flow = strings.Replace(flow, "      - { to: mails, body: { orderId: \"${id}\" } }\n", "", 1)
			flow = strings.Replace(flow, "timeout: 5s", "timeout: 1s", 1)
		}
		env, _, file := schemasRig(t, flow)
		dir := t.TempDir()
		recording, live := filepath.Join(dir, "run.jsonl"), filepath.Join(dir, "live.json")
		a, out, errs := testApp(env)
		if code := execute(t.Context(), []string{"run", file, "--record", recording, "--report", "text=-", "--report", "json=" + live}, a); code != c.code {
			t.Errorf("%s: exit code %d: %s%s", about, code, out, errs)
		}
		for _, want := range []string{"a body on orders cannot be decoded: ", "; nobody can tell whose it is: orders 0@1, "} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: %s\nlacks %s", about, out, want)
			}
		}
		sameOffline(t, file, recording, live, c.code)
	}
}
