package flows_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/uuid"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload/formats"
)

// TestStories runs the stories in testdata/stories: each tells, for one rule of
// the semantics, what the taps saw and what must be said of it.
//
//	flow                      the flow file of what follows
//	verify [mode=…] [started=+TIME] [chains=N] [entries=N] [keys=N]
//	                          the limits, the messages, one a line, and then the verdict:
//	  CHANNEL POSITION +TIME [seen=+TIME] [key=K] [h.NAME=VALUE] [p.NAME=VALUE] [clock=producer|none] BODY
//	  gap CHANNEL +TIME REASON
//	  scenario {"name":…}
//	  unsent ID REASON
//	  end +TIME
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata/stories", func(t *testing.T, path string) {
		var flow *flows.Flow
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "flow":
				var text string
				flow, text = loadStory(t, d.Input)
				return text
			case "verify":
				return tell(t, flow, d)
			default:
				d.Fatalf(t, "unknown command %q", d.Cmd)
				return ""
			}
		})
	})
}

func options() flows.Options {
	return flows.Options{
		Env: map[string]string{}, Now: func() time.Time { return began }, UUID: uuid.NewString,
		ReadFile: func(path string) ([]byte, error) { return os.ReadFile(filepath.Join("testdata", "schemas", path)) },
		Codecs:   formats.Open,
		Open:     func(path string) ([]byte, error) { return os.ReadFile(filepath.Join("testdata", path)) },
	}
}

// head is what every story's flow begins with.
const head = "flowcheck: 1\nflow: story\nbrokers: { k: \"kafka://localhost:9092\", r: \"amqp://localhost\", a: \"aws://eu-west-1\" }\n"

func loadStory(t *testing.T, text string) (*flows.Flow, string) {
	t.Helper()
	flow, errs := flows.Load("story.yaml", []byte(head+text), options())
	if len(errs) == 0 {
		return flow, "ok\n"
	}
	var b strings.Builder
	if err := errs.Format(&b); err != nil {
		t.Fatal(err)
	}
	return nil, b.String()
}

var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func tell(t *testing.T, flow *flows.Flow, d *datadriven.TestData) string {
	t.Helper()
	cfg := flows.AuditConfig{Mode: "verify", Started: began}
	d.MaybeScanArgs(t, "mode", &cfg.Mode)
	d.MaybeScanArgs(t, "chains", &cfg.MaxChains)
	d.MaybeScanArgs(t, "entries", &cfg.MaxEntries)
	d.MaybeScanArgs(t, "keys", &cfg.MaxKeys)
	var at string
	if d.MaybeScanArgs(t, "started", &at); at != "" {
		cfg.Started = instant(t, at)
	}
	if flow == nil {
		d.Fatalf(t, "the flow does not load")
	}
	audit := flows.NewAudit(flow, cfg)
	for _, line := range strings.Split(strings.TrimSpace(d.Input), "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			e := event(t, line)
			if d.HasArg("masked") && e.Observation != nil {
				e.Observation = flow.Masked(e.Observation)
			}
			audit.Add(e)
		}
	}
	return summary(audit.Result())
}

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	d, err := time.ParseDuration(strings.TrimPrefix(s, "+"))
	if err != nil {
		t.Fatal(err)
	}
	return began.Add(d)
}

func event(t *testing.T, line string) message.Event {
	t.Helper()
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "gap":
		channel, rest, _ := strings.Cut(rest, " ")
		at, reason, _ := strings.Cut(rest, " ")
		return message.Event{Mark: &message.Mark{Kind: message.MarkGap, Channel: channel, Seen: instant(t, at), Reason: reason}}
	case "end":
		return message.Event{Mark: &message.Mark{Kind: message.MarkEnd, Seen: instant(t, rest)}}
	case "unsent":
		id, reason, _ := strings.Cut(rest, " ")
		return message.Event{Mark: &message.Mark{Kind: message.MarkUnsent, ID: id, Seen: began, Reason: reason}}
	case "scenario":
		m := message.Mark{Kind: message.MarkScenario, Seen: began}
		if err := json.Unmarshal([]byte(rest), &m); err != nil {
			t.Fatal(err)
		}
		return message.Event{Mark: &m}
	}
	return message.Event{Observation: observation(t, word, rest)}
}

func observation(t *testing.T, channel, rest string) *message.Observation {
	t.Helper()
	position, rest, _ := strings.Cut(rest, " ")
	at, rest, _ := strings.Cut(rest, " ")
	o := &message.Observation{Channel: channel, Position: message.ParsePosition(position), Time: instant(t, at)}
	o.Seen = o.Time.Add(5 * time.Millisecond)
	for {
		word, after, _ := strings.Cut(rest, " ")
		name, value, ok := strings.Cut(word, "=")
		if !ok || strings.HasPrefix(word, "{") || strings.HasPrefix(word, "text:") {
			break
		}
		rest = after
		switch {
		case name == "seen":
			o.Seen = instant(t, value)
		case name == "key":
			o.Key = []byte(value)
		case word == "clock=none":
			o.Time = time.Time{}
		case word == "clock=producer":
			o.ProducerClock = true
		case strings.HasPrefix(name, "h."):
			o.Headers = append(o.Headers, message.Header{Name: name[2:], Value: value})
		case strings.HasPrefix(name, "p."):
			if o.Properties == nil {
				o.Properties = map[string]any{}
			}
			o.Properties[name[2:]] = value
		default:
			t.Fatalf("what is %q?", word)
		}
	}
	if rest != "tombstone" {
		o.Payload = []byte(strings.TrimPrefix(rest, "text:"))
	}
	return o
}

func summary(r *flows.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d chains, %d pass, %d fail, %d unknown", r.State, r.Chains.Total, r.Chains.Pass, r.Chains.Fail, r.Chains.Unknown)
	outcomes, _ := json.Marshal(r.Chains.Outcomes)
	fmt.Fprintf(&b, " %s\nmessages: %d seen, %d matched, %d unmatched\n", outcomes, r.Messages.Seen, r.Messages.Matched, r.Messages.Unmatched)
	for _, s := range r.Scenarios {
		fmt.Fprintf(&b, "scenario %s: %s\n", s.Name, s.State)
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s chain=%q step=%q rule=%q\n  %s\n  expected: %s\n  actual: %s\n", f.Kind, f.Chain, f.Step, f.Rule, f.Text, f.Expected, f.Actual)
		for _, e := range f.Evidence {
			fmt.Fprintf(&b, "  %s %s\n", e.Channel, e.Position)
		}
		switch {
		case f.Weaker != "":
			fmt.Fprintf(&b, "  anomaly: %s, weaker: %s\n", f.Anomaly, f.Weaker)
		case f.Anomaly != "":
			fmt.Fprintf(&b, "  anomaly: %s\n", f.Anomaly)
		}
	}
	for _, u := range r.Unknowns {
		fmt.Fprintf(&b, "unknown chain=%q: %s\n", u.Chain, u.Reason)
	}
	if r.Undecided+r.Redelivered+r.Retried > 0 {
		fmt.Fprintf(&b, "counted: %d undecided, %d redelivered, %d retried\n", r.Undecided, r.Redelivered, r.Retried)
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	return b.String()
}
