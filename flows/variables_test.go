package flows_test

import (
	"slices"
	"testing"

	"github.com/flowcheck/flowcheck/flows"
)

const withVariables = `flowcheck: 1
flow: f
vars: { host: one, topic: "on-${vars.host}", total: 1 }
brokers: { k: "kafka://${vars.host}" }
channels: { orders: { broker: k, topic: "${vars.topic}", when: body.tenant == vars.tenant } }
correlate: { order: body.id }
steps: { placed: { channel: orders } }
scenarios:
  - name: placed
    vars: { mine: 1 }
    send: { to: orders, body: { id: "${id}", qty: "${vars.mine}" } }
`

// TestWhatOverridesAVariableIsSeenByThoseThatReadIt.
func TestWhatOverridesAVariableIsSeenByThoseThatReadIt(t *testing.T) {
	file := flows.VarFile{Name: "staging.yaml", Data: []byte("{ host: two, rack: \"r-${vars.topic}\" }")}
	for want, opts := range map[string]flows.Options{
		"kafka://one on-one":     {},
		"kafka://two on-two":     {VarFiles: []flows.VarFile{file}},
		"kafka://three on-three": {VarFiles: []flows.VarFile{file}, Vars: map[string]string{"host": "three"}},
		"kafka://one mine":       {Vars: map[string]string{"topic": "mine"}},
	} {
		all := options()
		all.VarFiles, all.Vars = opts.VarFiles, map[string]string{"tenant": "acme"}
		for name, value := range opts.Vars {
			all.Vars[name] = value
		}
		flow, errs := flows.Load("f.yaml", []byte(withVariables), all)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		if got := flow.Brokers[0].URL + " " + flow.Channels[0].Topic; got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
}

// TestVariables: what the file and the files of values define and what is read;
// not what is a scenario's own, nor what --var alone has.
func TestVariables(t *testing.T) {
	opts := options()
	opts.VarFiles = []flows.VarFile{{Name: "staging.yaml", Data: []byte("rack: 4")}}
	opts.Vars = map[string]string{"tenant": "acme", "totl": "7"}
	flow, errs := flows.Load("f.yaml", []byte(withVariables), opts)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if got, want := flow.Variables(), []string{"host", "rack", "tenant", "topic", "total"}; !slices.Equal(got, want) {
		t.Errorf("the variables are %v, not %v", got, want)
	}
}
