package source_test

import (
	"os"
	"testing"

	"github.com/flowcheck/flowcheck/flows/source"
)

func load(t *testing.T, path string) (*source.File, source.Errors) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return source.Load(path, data, os.ReadFile)
}

func TestDesign(t *testing.T) {
	f, errs := load(t, "testdata/good/design.yaml")
	for _, e := range errs {
		e.Format(os.Stdout)
	}
	t.Logf("%+v", f)
}
