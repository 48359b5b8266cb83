package report

import (
	"bytes"
	"fmt"
	"html/template"
	"strings"

	"github.com/flowcheck/flowcheck/flows"
)

// Sequence is the sequence diagram of a chain, for other pages: an SVG without
// styles of its own, whose classes the page of this package styles. Messages in
// marked stand out. "" where there is no message.
func Sequence(moments []flows.Moment, marked map[flows.Evidence]bool) (template.HTML, error) {
	d := diagramOf(moments, marked, laneWidth)
	if d == nil {
		return "", nil
	}
	t, err := template.New("page").Parse(pageSource)
	if err != nil {
		return "", fmt.Errorf("the page's template: %w", err)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "diagram", d); err != nil {
		return "", fmt.Errorf("draw a sequence: %w", err)
	}
	return template.HTML(b.String()), nil //nolint:gosec // html/template has made it
}

// Clean is a text of a message as reports quote it: what would move a cursor or
// turn the direction of text is spelt out.
func Clean(s string) string { return clean(s) }

// Payload is a payload as reports quote it: text, without the members of a JSON
// body that are named like a secret.
func Payload(data []byte) string { return clean(secretless(data)) }

// Secret reports whether a header or a member of that name holds a secret, going
// by the name.
func Secret(name string) bool {
	return secretNames.MatchString(name) || strings.Contains(strings.ToLower(name), "cookie")
}
