package flows_test

import (
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/flows"
)

const noiseFile = `
flowcheck: 1
flow: f
brokers: { b: "memory://x" }
channels: { a: { broker: b, topic: a } }
correlate: { id: body.id }
steps: { begun: { channel: a, count: 2 } }
noise: [ %s ]
`

// TestNoise: which paths a noise covers.
func TestNoise(t *testing.T) {
	for _, c := range []struct {
		noise  string
		step   int
		covers string
		not    string
	}{
		{`body.code`, -1, "body.code body.code.x body.code[3] body.code[3].y", "body.codes body key"},
		{`body.lines.code`, -1, "body.lines[0].code body.lines[12].code.x body.lines.code", "body.lines[0] body.lines[0].codes"},
		{`begun.body.code`, 0, "body.code", "body.id"},
		{`'headers["x-code"]'`, -1, `headers["x-code"] headers["x-code"][1]`, `headers["x-codes"] body.x`},
		{`'body["odd [0] name"]'`, -1, `body["odd [0] name"]`, `body["odd  name"]`},
		{`key`, -1, "key", "keys body.key"},
	} {
		f, errs := flows.Load("f.yaml", []byte(strings.Replace(noiseFile, "%s", c.noise, 1)), flows.Options{Offline: true})
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		n := f.Noise[0]
		if n.Step != c.step {
			t.Errorf("%s: step %d", c.noise, n.Step)
		}
		for _, path := range splitPaths(c.covers) {
			if !n.Covers(path) {
				t.Errorf("%s does not cover %s", c.noise, path)
			}
		}
		for _, path := range splitPaths(c.not) {
			if n.Covers(path) {
				t.Errorf("%s covers %s", c.noise, path)
			}
		}
	}
}

// splitPaths splits at spaces, but not within brackets.
func splitPaths(s string) []string {
	if strings.Contains(s, "odd") {
		return []string{s}
	}
	return strings.Fields(s)
}

func TestNoiseErrors(t *testing.T) {
	for noise, want := range map[string]string{
		`body.a + body.b`: "is no path",
		`two.body.code`:   "two",
		`1`:               "is no path",
		`'body.a == 1'`:   "is no path",
	} {
		_, errs := flows.Load("f.yaml", []byte(strings.Replace(noiseFile, "%s", noise, 1)), flows.Options{Offline: true})
		if len(errs) != 1 || !strings.Contains(errs.Error(), want) {
			t.Errorf("%s: %v", noise, errs)
		}
	}
}
