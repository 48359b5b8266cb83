package main

import (
	"testing"

	"github.com/flowcheck/flowcheck/examples/shop"
	"github.com/flowcheck/flowcheck/internal/testbroker"
	"github.com/flowcheck/flowcheck/internal/testprogram"
)

// TestDrill replays the orders of the correct shop onto itself and onto the shop
// with a bug, on the real brokers. make drill runs them all.
func TestDrill(t *testing.T) {
	if testing.Short() {
		t.Skip("real brokers")
	}
	testbroker.Alone(t, testbroker.Kafka(t), "shop")
	d := drill{
		program: testprogram.Build(t), flows: "..", dir: t.TempDir(), probes: "none",
		env: shop.Environment{Kafka: testbroker.Kafka(t), Rabbit: testbroker.RabbitMQ(t), AWSEndpoint: testbroker.Ministack(t)},
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	if err := d.record(t.Context(), "mail"); err != nil {
		t.Fatal(err)
	}
	for bug, want := range map[string]int{"": 0, "filter-drops": 1} {
		got, err := d.replay(t.Context(), "mail", shift{flow: "mail", bug: bug})
		if err != nil || got.code != want {
			t.Errorf("bug %q: exit code %d, %s (%v)", bug, got.code, got, err)
		}
	}
}
