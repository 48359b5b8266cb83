package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/report"
)

var update = flag.Bool("update", false, "write the golden files")

// at is an instant of the results' day.
func at(ms int) correlate.Instant {
	return correlate.InstantOf(time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC).Add(time.Duration(ms) * time.Millisecond))
}

func offset(partition int32, n int64) message.Position {
	return message.Position{Kind: message.PartitionOffset, Partition: partition, Offset: n}
}

// passing is a run of two scenarios without a fault.
func passing() *flows.Result {
	return &flows.Result{
		Flow: "order-fulfilment", About: "An order is paid once.", Mode: "run", State: flows.Pass,
		Messages: flows.MessageCounts{Seen: 9, Matched: 8, Unmatched: 1},
		Chains:   flows.ChainCounts{Total: 2, Pass: 2, Outcomes: map[string]int{"paid": 1, "declined": 1}},
		Channels: []flows.ChannelCount{{Name: "orders", Seen: 2}, {Name: "payments", Seen: 7}},
		Scenarios: []flows.ScenarioResult{
			{Name: "an order is paid", Chains: []string{"o-1"}}, {Name: "an order is declined", Chains: []string{"o-2"}},
		},
		Undecided: 1, Redelivered: 2, Retried: 3,
	}
}

// failing has a finding of each shape, an unknown, and a warning.
func failing() *flows.Result {
	ids := map[string]string{"order": "o-1", "payment": "p-1"}
	return &flows.Result{
		Flow: "order-fulfilment", Mode: "verify", State: flows.Fail,
		Messages: flows.MessageCounts{Seen: 12, Matched: 12},
		Chains:   flows.ChainCounts{Total: 3, Fail: 2, Unknown: 1, Outcomes: map[string]int{}},
		Channels: []flows.ChannelCount{{Name: "orders", Seen: 3}, {Name: "payments", Seen: 9}},
		Findings: []flows.Finding{
			{
				Kind: flows.Slow, Rule: "latency", Text: "p95 from placed to paid is 3s over 3 chains",
				Expected: "p95 at most 2s", Actual: "3s",
			},
			{
				Kind: flows.Duplicate, Chain: "o-1", IDs: ids, Step: "paid", Rule: "unique", Text: "the id p-1 came again on payments",
				Expected: "once", Actual: "twice", Evidence: []flows.Evidence{{Channel: "payments", Position: offset(0, 4)}, {Channel: "payments", Position: offset(0, 3)}},
				Anomaly: flows.DuplicateID,
			},
			{
				Kind: flows.Mismatch, Chain: "o-1", IDs: ids, Step: "paid", Text: "does not hold: body.amount == placed.body.total",
				Expected: "body.amount == placed.body.total", Actual: "body.amount = 46.75, placed.body.total = 42.5",
				Parts:    []flows.Part{{Source: "body.amount", Value: "46.75"}, {Source: "placed.body.total", Value: "42.5"}},
				Evidence: []flows.Evidence{{Channel: "payments", Position: offset(0, 3)}},
			},
			{
				Kind: flows.Missing, Chain: "o-2", IDs: map[string]string{"order": "o-2"}, Step: "paid", Text: "paid did not come",
				Expected: "once, within 2s of placed", Actual: "never", Anomaly: flows.Unseen, Weaker: "it may never have been sent",
			},
		},
		Unknowns: []flows.Unknown{{Chain: "o-3", Reason: "paid may have been lost: payments: retention passed the tap"}},
		Warnings: []string{"2 messages of paid bear the very time of the message before them"},
		Timelines: map[string][]flows.Moment{
			"o-1": {
				{Channel: "orders", Step: "placed", Position: offset(0, 7), Time: at(0), Seen: at(2)},
				{Channel: "payments", Step: "paid", Position: offset(0, 3), Time: at(1500), Seen: at(1502)},
				{Channel: "payments", Position: offset(12, 1004), Time: correlate.Never, Seen: at(1700), Note: "a retry or dead-letter copy"},
			},
			"o-2": {{Channel: "orders", Step: "placed", Position: offset(0, 8), Time: at(4000), Seen: at(4002)}},
		},
		NearMisses: map[flows.NearKey]flows.NearMiss{
			{Chain: "o-2", Step: "paid"}: {
				Evidence: flows.Evidence{Channel: "payments", Position: offset(0, 5)},
				Text:     "a message on payments has the chain's id but is not paid",
				Parts:    []flows.Part{{Source: `body.status == "AUTHORISED" with body.status`, Value: `"AUTHORIZED"`}},
			},
		},
	}
}

// probed has a scenario with probes: one of each verdict.
func probed() *flows.Result {
	r := passing()
	r.State = flows.Fail
	r.Chains.Total, r.Chains.Fail = 3, 1
	r.Scenarios[0].Name = "an order's way"
	again := flows.Deed{What: "the trigger was sent again at once", Channel: "orders", Position: offset(0, 9)}
	r.Scenarios[0].Probes = []flows.ProbeResult{
		{Name: "duplicate", State: flows.Fail, Noise: []string{"paid body.at"}, Tries: []flows.TryResult{
			{Name: "at once", State: flows.Fail, Chains: []string{"o-3"}, Did: []flows.Deed{again}, Text: "not-idempotent: the trigger was sent again at once, and paid came 2 times instead of once"},
			{Name: "in flight", Chains: []string{"o-4"}, Text: "no effect more than the 1 message of the scenario itself"},
		}},
		{Name: "late", Tries: []flows.TryResult{{Name: "the trigger after paid", Chains: []string{"o-5"}, Text: "no effect more"}}},
		{Name: "reorder", Off: true, Reason: "one order has no order"},
		{Name: "cut", State: flows.NotKnown, Reason: "no broker of the flow has a proxy"},
	}
	r.Findings = []flows.Finding{{
		Kind: flows.NotIdempotent, Chain: "o-3", IDs: map[string]string{"order": "o-3"}, Step: "paid", Probe: "duplicate, at once",
		Text:     "the trigger was sent again at once, and paid came 2 times instead of once",
		Expected: "paid once, as in the scenario itself", Actual: "2 times", Evidence: []flows.Evidence{{Channel: "payments", Position: offset(1, 5)}},
	}}
	r.Unknowns = []flows.Unknown{{Chain: "o-1", Probe: "cut", Reason: "probe cut of \"an order's way\": no broker of the flow has a proxy"}}
	r.Timelines = map[string][]flows.Moment{"o-3": {
		{Channel: "orders", Step: "placed", Position: offset(0, 8), Time: at(0), Seen: at(2), Payload: []byte(`{"orderId":"o-3","card":{"cardNumber":4111},"apiKey":"k"}`)},
		{Channel: "orders", Step: "placed", Position: offset(0, 9), Time: at(3), Seen: at(4), Note: "sent by the probe", Payload: []byte("not json ```\n</details>")},
		{Channel: "payments", Step: "paid", Position: offset(1, 4), Time: at(20), Seen: at(21), Payload: bytes.Repeat([]byte("é"), 1500)},
		{Channel: "payments", Step: "paid", Position: offset(1, 5), Time: at(30), Seen: at(31), Payload: []byte{0xff}},
	}}
	return r
}

// unjudged could not be run.
func unjudged() *flows.Result {
	return &flows.Result{
		Flow: "refunds", Mode: "run", State: flows.NotKnown, Scenarios: []flows.ScenarioResult{{Name: "a refund", State: flows.NotKnown}},
		Unknowns: []flows.Unknown{{Reason: "broker events: broker unreachable"}},
	}
}

// hostile has what a message could hold to mislead a reader.
func hostile() *flows.Result {
	r := failing()
	r.Findings = []flows.Finding{{
		Kind: flows.Mismatch, Chain: "o\x1b[2J\r\n0 failed", IDs: map[string]string{"order": "\u202ebackwards"}, Step: "paid",
		Text: "does not hold: a\nb", Expected: "]]>\x00", Actual: "<b>\x07\xff&",
		Evidence: []flows.Evidence{{Channel: "orders", Position: message.Position{Kind: message.Opaque, ID: "\x1b]0;title\x07"}}},
	}}
	r.Unknowns = []flows.Unknown{{Chain: "o\x1b[2J\r\n0 failed", Reason: "\x1b[31mred"}}
	return r
}

// TestGolden compares each report of each result with what it was.
func TestGolden(t *testing.T) {
	results := map[string]*flows.Result{"passing": passing(), "failing": failing(), "unjudged": unjudged(), "hostile": hostile(), "probed": probed()}
	for name, r := range results {
		for kind, write := range map[string]func(io.Writer) error{
			"txt":  func(w io.Writer) error { return report.Text(w, r, report.TextOptions{Timing: "1.2s in all"}) },
			"ansi": func(w io.Writer) error { return report.Text(w, r, report.TextOptions{Color: true}) },
			"json": func(w io.Writer) error { return report.JSON(w, r) },
			"md": func(w io.Writer) error {
				return report.Markdown(w, r, report.MarkdownOptions{Repeat: "flowcheck run order.flow.yaml"})
			},
			"xml": func(w io.Writer) error {
				var s report.Suites
				s.Add(r)
				return s.Write(w)
			},
		} {
			t.Run(name+"."+kind, func(t *testing.T) {
				var got bytes.Buffer
				if err := write(&got); err != nil {
					t.Fatal(err)
				}
				golden(t, name+"."+kind, got.Bytes())
			})
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("not as in %s (-update writes it):\n%s", path, diff)
	}
}

// TestNothingHostileComesThrough: no control character but line breaks in the
// text, and XML and JSON that can be read.
func TestNothingHostileComesThrough(t *testing.T) {
	r := hostile()
	var text, js, junit bytes.Buffer
	var s report.Suites
	s.Add(r)
	if err := errors.Join(report.Text(&text, r, report.TextOptions{}), report.JSON(&js, r), s.Write(&junit)); err != nil {
		t.Fatal(err)
	}
	for _, c := range text.String() {
		if c < ' ' && c != '\n' || c == 0x202e {
			t.Fatalf("the text has %U:\n%s", c, text.String())
		}
	}
	if strings.Contains(text.String(), "\n0 failed") {
		t.Error("a message has written a line of its own")
	}
	if !json.Valid(js.Bytes()) || bytes.Count(js.Bytes(), []byte("\n")) != 1 {
		t.Errorf("no JSON on one line: %s", js.Bytes())
	}
	var read struct {
		Suites []struct {
			Cases []struct {
				Name string `xml:"name,attr"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(junit.Bytes(), &read); err != nil || len(read.Suites) != 1 || len(read.Suites[0].Cases) != 1 {
		t.Errorf("%v: %+v in %s", err, read, junit.Bytes())
	}
}

// TestSuites: several flows, one file.
func TestSuites(t *testing.T) {
	var s report.Suites
	if !s.Empty() {
		t.Error("not empty")
	}
	for _, r := range []*flows.Result{passing(), failing(), unjudged()} {
		s.Add(r)
	}
	var got bytes.Buffer
	if err := s.Write(&got); err != nil {
		t.Fatal(err)
	}
	golden(t, "suites.xml", got.Bytes())
}

// TestManyChains: a report does not grow without end.
func TestManyChains(t *testing.T) {
	r := &flows.Result{Flow: "f", State: flows.Fail}
	for i := range 50 {
		r.Findings = append(r.Findings, flows.Finding{Kind: flows.Missing, Chain: string(rune('A' + i))})
	}
	var got bytes.Buffer
	if err := report.Text(&got, r, report.TextOptions{Chains: 3}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(got.String(), "\nFAIL  chain"); n != 3 || !strings.Contains(got.String(), "… and 47 more; --report json=FILE has them all") {
		t.Errorf("%d chains:\n%s", n, got.String())
	}
}

// full is a disk without room.
type full struct{ left int }

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errors.New("no room")
	}
	return len(p), nil
}

// TestWriteErrors: a report that could not be written is an error.
func TestWriteErrors(t *testing.T) {
	var s report.Suites
	s.Add(failing())
	for name, write := range map[string]func(io.Writer) error{
		"text": func(w io.Writer) error { return report.Text(w, failing(), report.TextOptions{}) },
		"json": func(w io.Writer) error { return report.JSON(w, failing()) },
		"xml":  s.Write,
	} {
		for _, room := range []int{0, 100} {
			if err := write(&full{room}); err == nil || !strings.Contains(err.Error(), "no room") {
				t.Errorf("%s with room for %d: %v", name, room, err)
			}
		}
	}
}
