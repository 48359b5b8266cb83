package docs

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"html"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/report"
)

var update = flag.Bool("update-picture", false, "draw the picture of a failing run anew")

// TestPicture: the picture in the README is the text report of a recorded run,
// colours included. images/failing-run.jsonl is what
//
//	flowcheck run examples/shop/order.flow.yaml --only "a paid order is shipped and mailed" --record …
//
// kept of the shop with the bug wrong-amount, on Kafka, RabbitMQ and ministack;
// its order's id was shortened.
func TestPicture(t *testing.T) {
	const path = "images/failing-run.svg"
	var text bytes.Buffer
	text.WriteString("\x1b[2m$\x1b[m flowcheck run order.flow.yaml --only \"a paid order is shipped and mailed\"\n")
	if err := report.Text(&text, failingRun(t), report.TextOptions{Color: true}); err != nil {
		t.Fatal(err)
	}
	svg := draw(text.String())
	if *update {
		if err := os.WriteFile(path, svg, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	drawn, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(drawn, svg) {
		t.Errorf("%s is not what the report looks like now: go test ./docs -run TestPicture -update-picture", path)
	}
}

// failingRun judges the recorded run once more.
func failingRun(t *testing.T) *flows.Result {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "examples/shop/order.flow.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	flow, errs := flows.Load("order.flow.yaml", data, flows.Options{})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	file, err := os.Open("images/failing-run.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	reader, err := message.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	audit := flows.NewAudit(flow, flows.AuditConfig{Mode: "run", Started: reader.Header().Started, OwnOnly: true})
	for {
		event, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return audit.Result()
		}
		if err != nil {
			t.Fatal(err)
		}
		audit.Add(event)
	}
}

// The measures of the picture, in pixels.
const (
	fontSize   = 13
	charWidth  = 7.83
	lineHeight = 19
	margin     = 18
)

var colors = map[string]string{"1": "#ff7b72", "2": "#3fb950", "3": "#e3b341"} // red, green, yellow

// draw makes a picture of a terminal's text: on a dark ground of its own, so
// that it can be read on light and dark pages.
func draw(text string) []byte {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	wide := 0
	for _, line := range lines {
		wide = max(wide, utf8.RuneCountInString(sgr.ReplaceAllString(line, "")))
	}
	width, height := 2*margin+float64(wide)*charWidth, 2*margin+len(lines)*lineHeight
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%d" viewBox="0 0 %.0f %d" role="img" aria-label="The text report of a failing run">
<rect x="0.5" y="0.5" width="%.0f" height="%d" rx="8" fill="#0d1117" stroke="#3d444d"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="%d" fill="#e6edf3" xml:space="preserve">
`, width, height, width, height, width-1, height-1, fontSize)
	for i, line := range lines {
		drawLine(&b, line, margin+(i+1)*lineHeight-6)
	}
	b.WriteString("</g>\n</svg>\n")
	return b.Bytes()
}

var sgr = regexp.MustCompile("\x1b\\[([0-9;]*)m")

// drawLine draws the pieces of a line, each at its column.
func drawLine(b *bytes.Buffer, line string, y int) {
	style, column := "", 0
	for line != "" {
		at := sgr.FindStringSubmatchIndex(line)
		piece := line
		if at != nil {
			piece = line[:at[0]]
		}
		n := utf8.RuneCountInString(piece)
		if strings.TrimSpace(piece) != "" {
			fmt.Fprintf(b, "<text x=\"%.2f\" y=\"%d\" textLength=\"%.2f\"%s>%s</text>\n",
				margin+float64(column)*charWidth, y, float64(n)*charWidth, style, html.EscapeString(piece))
		}
		column += n
		if at == nil {
			return
		}
		style, line = styleOf(line[at[2]:at[3]]), line[at[1]:]
	}
}

// styleOf is how SVG spells a terminal's style.
func styleOf(codes string) string {
	style := ""
	for code := range strings.SplitSeq(codes, ";") {
		switch {
		case code == "1":
			style += ` font-weight="bold"`
		case code == "2":
			style += ` fill="#9198a1"`
		case strings.HasPrefix(code, "3") && len(code) == 2:
			style += fmt.Sprintf(` fill="%s"`, colors[code[1:]])
		}
	}
	return style
}
