package flows_test

import (
	"path/filepath"
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
  c: { broker: sound, topic: c, registry: { url: "https://me:s3cret@registry", tls: { insecure: true } } }
  d: { broker: sound, topic: d, registry: { url: "https://me:s3cret@registry", tls: { insecure: true } } }
  e: { broker: sound, topic: e, registry: { url: "https://other", tls: { ca: certs/ca.pem } } }
cleanup: [ { delete: "https://me:s3cret@shop/orders", tls: { insecure: true } } ]
correlate: { id: body.id }
steps: { s: { channel: a } }
`
	flow, errs := flows.Load("flows/f.yaml", []byte(text), options())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for got, want := range map[string]string{flow.Brokers[2].TLS.CA.Value: "flows/ca.pem", flow.Channels[4].Registry.TLS.CA.Value: "flows/certs/ca.pem"} {
		if filepath.ToSlash(got) != want {
			t.Errorf("the file of the authorities is %s, not %s", got, want)
		}
	}
	for mode, want := range map[string]int{"run": 3, "shadow": 3, "replay": 3, "verify": 0} {
		judged := flows.NewAudit(flow, flows.AuditConfig{Mode: mode, Started: began}).Result()
		unjudged := flows.Unjudged(flow, mode, nil, "no broker")
		for _, r := range []*flows.Result{judged, unjudged} {
			if len(r.Warnings) != want {
				t.Errorf("%s: %q", mode, r.Warnings)
				continue
			}
			for i, who := range []string{"broker open", "registry https://me:xxxxx@registry", "call to https://shop"}[:want] {
				if !strings.HasPrefix(r.Warnings[i], who+": its certificate was not verified") {
					t.Errorf("%s: %q", mode, r.Warnings[i])
				}
			}
		}
	}
}
