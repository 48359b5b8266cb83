package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFreshIDsInAvroAndProtobuf: an id is rewritten in bodies that are no text by
// their schema; where that is not the one they were written with, nothing is sent.
func TestFreshIDsInAvroAndProtobuf(t *testing.T) {
	t.Parallel()
	env, registry, file := schemasRig(t, schemasFlow)
	dir := t.TempDir()
	was, now := filepath.Join(dir, "was.jsonl"), filepath.Join(dir, "now.jsonl")
	a, out, errs := testApp(env)
	if code := execute(t.Context(), []string{"run", file, "--record", was}, a); code != exitPass {
		t.Fatalf("exit code %d: %s%s", code, out, errs)
	}
	again := []string{
		"replay", file, was, "--same-target", "--steps", "placed,shipped,mailed", "--ids", "fresh", "--rate", "unlimited", "--record", now,
	}
	a, out, errs = testApp(env)
	if code := execute(t.Context(), again, a); code != exitPass || !strings.Contains(out.String(), "1 the same") {
		t.Fatalf("exit code %d: %s%s", code, out, errs)
	}
	a, out, errs = testApp(env)
	if code := execute(t.Context(), []string{"verify", file, now}, a); code != exitPass {
		t.Errorf("what was sent: exit code %d: %s%s", code, out, errs)
	}
	evolve(registry)
	a, out, errs = testApp(env)
	if code := execute(t.Context(), again, a); code != exitInput || !strings.Contains(errs.String(), "message 1 of the recording: ids in it could not be rewritten: the body: it would be written otherwise than it was") {
		t.Errorf("another schema: exit code %d: %s%s", code, out, errs)
	}
	lines, err := os.ReadFile(was)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(lines), `"base64"`) < 2 {
		t.Errorf("the bodies are text, so that nothing was shown:\n%s", lines)
	}
}
