package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/flowcheck/flowcheck/examples/shop"
	"github.com/flowcheck/flowcheck/examples/shop/wire"
	"github.com/flowcheck/flowcheck/internal/testbroker"
	"github.com/flowcheck/flowcheck/internal/testprogram"
)

// TestEveryBugIsFound runs the whole matrix on the real brokers: the correct
// shop passes, and each bug is found as what it is.
func TestEveryBugIsFound(t *testing.T) {
	ok, err := tryAll(t.Context(), newTrial(t), "")
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		t.Error("something else was found than should be: see the table")
	}
}

// newTrial is a trial on the real brokers, which this test alone has for the shop.
func newTrial(t *testing.T) trial {
	t.Helper()
	env := shop.Environment{
		Kafka: testbroker.Kafka(t), Rabbit: testbroker.RabbitMQ(t), AWSEndpoint: testbroker.Ministack(t),
	}
	testbroker.Alone(t, env.Kafka, "shop")
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return trial{program: testprogram.Build(t), flows: "..", env: env}
}

// binary are the formats that the whole shop's flow file needs where the shop
// speaks Avro on Kafka and Protobuf on RabbitMQ; all else of it stays.
var binary = map[string]string{
	"orders":    `format: avro, registry: "${env.REGISTRY}"`,
	"payments":  `format: avro, registry: "${env.REGISTRY}"`,
	"shipments": `format: protobuf, schema: shipment.proto`,
	"dead":      `format: protobuf, schema: shipment.proto`,
}

// TestTheShopInAvroAndProtobuf: the same flow file but for the formats passes the
// correct shop and finds a bug, one that shows in the bytes of a body.
func TestTheShopInAvroAndProtobuf(t *testing.T) {
	try := newTrial(t)
	registry := srfake.New()
	t.Cleanup(registry.Close)
	var err error
	if try.codings, err = wire.Open(t.Context(), registry.URL()); err != nil {
		t.Fatal(err)
	}
	try.flows, try.vars = t.TempDir(), []string{"REGISTRY=" + registry.URL()}
	text, err := os.ReadFile(filepath.Join("..", shop.WholeFlow))
	if err != nil {
		t.Fatal(err)
	}
	for channel, format := range binary {
		line := regexp.MustCompile(`(?m)^(  ` + channel + `: +\{ broker: .*) \}$`)
		if len(line.FindAll(text, -1)) != 1 {
			t.Fatalf("%s has no line for the channel %s: formats cannot be added", shop.WholeFlow, channel)
		}
		text = line.ReplaceAll(text, []byte("$1, "+strings.ReplaceAll(format, "$", "$$")+" }"))
	}
	schema, err := os.ReadFile("../wire/shipment.proto")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{shop.WholeFlow: text, "shipment.proto": schema} {
		if err := os.WriteFile(filepath.Join(try.flows, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, bug := range []shop.Bug{{}, {Name: "altered-dlq-copy", Kind: "altered"}} {
		got, err := try.run(t.Context(), bug)
		if err != nil {
			t.Fatal(err)
		}
		if !right(bug, got) {
			t.Errorf("bug %q: exit code %d, found %v", bug.Name, got.code, got.kinds)
		}
	}
}

func TestRight(t *testing.T) {
	late := shop.Bug{Name: "late-step", Kind: "late"}
	for _, c := range []struct {
		about string
		bug   shop.Bug
		got   outcome
		want  bool
	}{
		{"found", late, outcome{code: 1, kinds: []string{"late", "missing"}}, true},
		{"found as something else", late, outcome{code: 1, kinds: []string{"missing"}}, false},
		{"unknown", late, outcome{code: 3}, false},
		{"missed", late, outcome{}, false},
		{"sound", shop.Bug{}, outcome{}, true},
		{"accused", shop.Bug{}, outcome{code: 1, kinds: []string{"late"}}, false},
		{"not judged", shop.Bug{}, outcome{code: 3}, false},
	} {
		if got := right(c.bug, c.got); got != c.want {
			t.Errorf("%s: %v", c.about, got)
		}
	}
}
