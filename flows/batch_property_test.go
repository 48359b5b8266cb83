package flows_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// TestABatchOutlivesWhatItWasReadFrom: a reader uses its memory again long before
// a batch of many lines is added.
func TestABatchOutlivesWhatItWasReadFrom(t *testing.T) {
	flow, text := loadStory(t, `channels: { c: { broker: k, topic: c } }
correlate: { id: body.id, other: body.other, batch: { id: body.batch, ties: false } }
steps:
  a: { channel: c, when: body.t == "a" }
  b: { channel: c, when: body.t == "b", check: body.name == a.body.name }
  z: { channel: c, when: body.t == "z", optional: true }
rules:
  - unique: { channel: c, id: body.name, per: body.t }
`)
	if flow == nil {
		t.Fatal(text)
	}
	const chains = 2000
	var recording bytes.Buffer
	recording.WriteString(`{"flowcheck":"recording/1","flow":"story"}` + "\n")
	line := func(n int, body string, args ...any) {
		fmt.Fprintf(&recording, `{"channel":"c","position":"0@%d","seen":"2026-01-01T00:00:01Z","body":%s}`+"\n", n, fmt.Sprintf(body, args...))
	}
	for i := range chains {
		line(3*i, `{"t":"a","id":"order-%06d","batch":"of-%05d","name":"name-%06d"}`, i, i%50, i)
		line(3*i+1, `{"t":"b","id":"order-%06d","other":"parcel-%06d","name":"name-%06d"}`, i, i, i)
		line(3*i+2, `{"t":"z","other":["parcel-%06d"]}`, i)
	}
	recording.WriteString(`{"mark":"end","seen":"2026-01-01T01:00:00Z"}` + "\n")

	audit := flows.NewAudit(flow, flows.AuditConfig{Mode: "verify", Started: began})
	reducer, batch := audit.Reducer(), &flows.Batch{}
	reader, err := message.NewReader(bytes.NewReader(recording.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	reader.Bodies = reducer.Bodies()
	for n := 0; ; n++ {
		event, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		reducer.Reduce(event, n, batch)
	}
	audit.AddBatch(batch)
	if r := audit.Result(); r.State != flows.Pass || r.Chains.Pass != chains || r.Messages.Matched != 3*chains {
		t.Errorf("%+v %+v, %d findings, %d unknowns", r.Chains, r.Messages, len(r.Findings), len(r.Unknowns))
	}
}
