package flows_test

import (
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/flows"
)

// TestABrokerThatIsNotVerifiedIsInEveryReport of what connects to it.
func TestABrokerThatIsNotVerifiedIsInEveryReport(t *testing.T) {
	const text = `flowcheck: 1
flow: f
brokers:
  open:   { url: "kafka://localhost:1", tls: { insecure: true } }
  unused: { url: "kafka://localhost:1", tls: { insecure: true } }
  sound:  { url: "kafka://localhost:1", tls: { ca: ca.pem } }
channels:
  a: { broker: open, topic: a }
  b: { broker: sound, topic: b }
correlate: { id: body.id }
steps: { s: { channel: a } }
`
	flow, errs := flows.Load("f.yaml", []byte(text), options())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for mode, want := range map[string]int{"run": 1, "shadow": 1, "replay": 1, "verify": 0} {
		judged := flows.NewAudit(flow, flows.AuditConfig{Mode: mode, Started: began}).Result()
		unjudged := flows.Unjudged(flow, mode, nil, "no broker")
		for _, r := range []*flows.Result{judged, unjudged} {
			if len(r.Warnings) != want || want == 1 && !strings.Contains(r.Warnings[0], "broker open: its certificate was not verified") {
				t.Errorf("%s: %q", mode, r.Warnings)
			}
		}
	}
}
