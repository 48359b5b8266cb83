package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/internal/testbroker"
)

// TestTwoWorkers is the campaign in short.
func TestTwoWorkers(t *testing.T) {
	t.Parallel()
	o := options{kafka: testbroker.Kafka(t), rate: 30, length: 3 * time.Second, session: 6 * time.Second, seed: 7}
	program := filepath.Join(t.TempDir(), "flowcheck")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/flowcheck")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	o.flowcheck = program
	if err := share(ctx, o, 2); err != nil {
		t.Fatal(err)
	}
}
