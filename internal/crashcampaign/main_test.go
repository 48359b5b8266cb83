package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/internal/testbroker"
)

// TestAFewKills is the campaign's beginning.
func TestAFewKills(t *testing.T) {
	kafka := os.Getenv(testbroker.EnvKafka)
	if kafka == "" {
		t.Skip("it needs a Kafka: make test")
	}
	program := filepath.Join(t.TempDir(), "flowcheck")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/flowcheck")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if err := campaign(ctx, options{flowcheck: program, kafka: kafka, kills: 5, rate: 50, seed: 7}); err != nil {
		t.Fatal(err)
	}
}
