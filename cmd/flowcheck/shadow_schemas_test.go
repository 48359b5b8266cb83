package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestShadowFetchesSchemas: what a shadow sees is decoded by the registry's
// schemas, and its record can be judged where there is no registry.
func TestShadowFetchesSchemas(t *testing.T) {
	t.Parallel()
	env, registry, file := schemasRig(t, schemasFlow)
	state := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	watching, said := make(lines, 100), make(chan int, 1)
	a, out, _ := testApp(env)
	a.err = watching
	go func() { said <- execute(ctx, []string{"shadow", file, "--state", state}, a) }()
	watching.await(t, "every tap is armed")
	b, _, errs := testApp(env)
	if code := execute(t.Context(), []string{"run", file}, b); code != exitPass {
		t.Fatalf("run ends with %d: %s", code, errs)
	}
	await(t, "the chain is judged", func() bool {
		data, err := os.ReadFile(filepath.Join(state, "findings.jsonl"))
		return err == nil && strings.Contains(string(data), `"event":"chains"`)
	})
	registry.Close()
	cancel()
	if code := <-said; code != exitPass {
		t.Fatalf("shadow ends with %d: %s", code, out)
	}
	c, report, errs := testApp(map[string]string{})
	kept := filepath.Join(t.TempDir(), "kept.jsonl")
	if code := execute(t.Context(), []string{"cut", "--flow", "schemas", "--state", state, "-o", kept}, c); code != exitPass {
		t.Fatalf("cut ends with %d: %s", code, errs)
	}
	execute(t.Context(), []string{"verify", file, kept}, c)
	if !strings.Contains(report.String(), "1 passed") {
		t.Fatalf("of its journal verify says:\n%s", report)
	}
}

// lines are what a program logs.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	select {
	case l <- string(p):
	default:
	}
	return len(p), nil
}

func (l lines) await(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		select {
		case line := <-l:
			if strings.Contains(line, text) {
				return
			}
		case <-deadline:
			t.Fatalf("within a minute nobody said %q", text)
		}
	}
}
