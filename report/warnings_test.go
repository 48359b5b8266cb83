package report

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/flows"
)

// TestEachReportHasTheWarnings: of a broker that was not verified each of them says
// so, also where all passed.
func TestEachReportHasTheWarnings(t *testing.T) {
	const warning = "broker tasks: its certificate was not verified"
	r := &flows.Result{Flow: "f", Mode: "run", State: flows.Pass, Warnings: []string{warning}}
	for name, write := range map[string]func(io.Writer) error{
		"text":     func(w io.Writer) error { return Text(w, r, TextOptions{}) },
		"json":     func(w io.Writer) error { return JSON(w, r) },
		"junit":    func(w io.Writer) error { var s Suites; s.Add(r); return s.Write(w) },
		"html":     func(w io.Writer) error { return HTML(w, r) },
		"markdown": func(w io.Writer) error { return Markdown(w, r, MarkdownOptions{}) },
	} {
		var out bytes.Buffer
		if err := write(&out); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), warning) {
			t.Errorf("%s does not say it:\n%s", name, out.String())
		}
	}
}
