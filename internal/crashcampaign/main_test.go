package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/internal/testbroker"
)

// TestAFewKills is the campaign's beginning.
func TestAFewKills(t *testing.T) {
	testbroker.Kafka(t)
	testbroker.RabbitMQ(t)
	testbroker.Ministack(t)
	o := options{kills: 5, cuts: 3, rate: 40, seed: 7}
	o.brokers()
	program := filepath.Join(t.TempDir(), "flowcheck")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/flowcheck")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	o.flowcheck = program
	if err := campaign(ctx, o); err != nil {
		t.Fatal(err)
	}
}
