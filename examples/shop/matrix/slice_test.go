package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/internal/testbroker"
	"github.com/flowcheck/flowcheck/internal/testprogram"
)

// TestSlice runs a bug that a seed chooses, with the scenario or probe that must find
// it, and the correct shop with every probe of one flow. make matrix runs it all.
// Deadlines are five times as long, since other tests have the machine as well.
func TestSlice(t *testing.T) {
	if testing.Short() {
		t.Skip("real brokers and half a minute")
	}
	kafka := testbroker.Kafka(t)
	testbroker.RabbitMQ(t)
	testbroker.Ministack(t)
	testbroker.Alone(t, kafka, "shop")
	program, results := testprogram.Build(t), filepath.Join(t.TempDir(), "results.jsonl")
	err := command(t.Context(), []string{
		"run", "-flowcheck", program, "-flows", "..", "-results", results, "-slice", "-sample", "1", "-rounds", "1", "-stretch", "5",
	})
	if err != nil {
		t.Fatal(err)
	}
	all, err := readResults(results)
	if err != nil || len(all) != 2 {
		t.Fatalf("%d results: %v", len(all), err)
	}
	var table strings.Builder
	if wrong := writeTable(&table, all); wrong > 0 {
		t.Errorf("%d results are not as they should be:\n%s", wrong, &table)
	}
}
