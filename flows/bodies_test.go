package flows_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

const bodiesFlow = `channels:
  orders: { broker: k, topic: orders }
  pays: { broker: k, topic: pays, format: json }
  notes: { broker: k, topic: notes, format: text }
correlate: { order: body.id }
steps:
  placed: { channel: orders, check: 'body.total > 0 and body.lines[1].qty == 2' }
  paid: { channel: pays, after: placed, check: 'body.total == placed.body.total' }
rules:
  - unique: { channel: pays, id: body.pay }
`

// recordingLine is a line of a recording, often a little wrong, with its parts in any order.
func recordingLine(t *rapid.T, offset int) string {
	channel := rapid.SampledFrom([]string{`orders`, `pays`, `notes`, `none`, `or\u0064ers`}).Draw(t, "channel")
	body := fmt.Sprintf(`{"id":"o%d","total":%d,"lines":[{"qty":1},{"qty":2}],"pay":%d}`,
		rapid.IntRange(1, 2).Draw(t, "id"), rapid.IntRange(0, 1).Draw(t, "total"), rapid.IntRange(1, 2).Draw(t, "pay"))
	body = rapid.SampledFrom([]string{body, body, body, `null`, `"text"`, `[1,{"id":"o1"}]`, `{"id":{"id":1},"id":"o2"}`}).Draw(t, "body")
	parts := []string{
		`"channel":"` + channel + `"`, `"body":` + body, `"seen":"2026-01-01T00:00:01Z"`, fmt.Sprintf(`"position":"0@%d"`, offset),
	}
	more := rapid.SliceOfN(rapid.SampledFrom([]string{`"channel":"pays"`, `"body":{"id":"o2","total":1}`, `"body":"text"`, `"body":null`, `"key":"k"`}), 0, 2)
	parts = rapid.Permutation(append(parts, more.Draw(t, "more")...)).Draw(t, "order")
	text := []byte("{" + strings.Join(parts, ",") + "}")
	for range rapid.IntRange(0, 1).Draw(t, "faults") - rapid.IntRange(0, 1).Draw(t, "none") {
		text[rapid.IntRange(0, len(text)-1).Draw(t, "at")] = rapid.SampledFrom([]byte(`,"\{}[]x1 `)).Draw(t, "spoilt")
	}
	return string(text)
}

// TestScannedBodies: a reader that takes the fields out of bodies as it walks
// over them reads the same and refuses the same as one that walks over them
// first.
func TestScannedBodies(t *testing.T) {
	flow, text := loadStory(t, bodiesFlow)
	if flow == nil {
		t.Fatal(text)
	}
	rapid.Check(t, func(t *rapid.T) {
		var recording bytes.Buffer
		recording.WriteString(`{"flowcheck":"recording/1","flow":"story"}` + "\n")
		for i := range rapid.IntRange(1, 12).Draw(t, "lines") {
			recording.WriteString(recordingLine(t, i) + "\n")
		}
		recording.WriteString(`{"mark":"end","seen":"2026-01-01T00:10:00Z"}` + "\n")
		plain, scanned := readThrough(t, flow, recording.Bytes(), false), readThrough(t, flow, recording.Bytes(), true)
		if plain != scanned {
			t.Fatalf("%s\nwalked over first:\n%s\nscanned:\n%s", recording.String(), plain, scanned)
		}
	})
}

func readThrough(t *rapid.T, flow *flows.Flow, recording []byte, scan bool) string {
	reader, err := message.NewReader(bytes.NewReader(recording))
	if err != nil {
		t.Fatal(err)
	}
	audit := flows.NewAudit(flow, flows.AuditConfig{Mode: "verify"})
	if scan {
		reader.Bodies = audit.Bodies()
	}
	for {
		event, err := reader.Next()
		if err != nil {
			return err.Error() + "\n" + summary(audit.Result())
		}
		if event.Observation != nil && event.Observation.Clone().Scan != 0 {
			t.Fatal("a clone has a scan")
		}
		audit.Add(event)
	}
}
