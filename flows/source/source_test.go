package source_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flowcheck/flowcheck/flows/source"
)

var update = flag.Bool("update", false, "write the golden files")

func load(t *testing.T, path string) (*source.File, source.Errors) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return source.Load(path, data, os.ReadFile)
}

// TestWrong pins the whole text that each wrong file gets.
func TestWrong(t *testing.T) {
	paths, err := filepath.Glob("testdata/wrong/*.yaml")
	if err != nil || len(paths) < 50 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			_, errs := load(t, path)
			var got strings.Builder
			if err := errs.Format(&got); err != nil {
				t.Fatal(err)
			}
			if len(errs) == 0 {
				t.Error("no error")
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".err", got.String())
		})
	}
}

// golden compares with the file, or writes it with -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
