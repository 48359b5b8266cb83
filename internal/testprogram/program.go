// Package testprogram builds flowcheck for tests that run it as a user does.
package testprogram

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Build builds flowcheck as make build does, so that what the one has compiled the
// other finds, and returns the program's path. It is gone after the test.
func Build(t testing.TB) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "flowcheck")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "github.com/flowcheck/flowcheck/cmd/flowcheck")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build.Args, err, out)
	}
	return program
}
