package mutate_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/mutate"
)

func campaign(t *testing.T, flow, recording string, cfg mutate.Config) (*mutate.Result, *flows.Result, error) {
	t.Helper()
	f, errs := flows.Load("flow.yaml", []byte(flow), flows.Options{Offline: true})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	cfg.Flow = f
	r, err := message.NewReader(strings.NewReader(recording))
	if err != nil {
		t.Fatal(err)
	}
	return mutate.Run(t.Context(), cfg, r)
}

func file(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestTheShop: what survives the shop's flow file is explained in the docs; with
// the lines that were asked for nothing does but what has no line.
func TestTheShop(t *testing.T) {
	traffic := file(t, "../examples/shop/recordings/traffic.jsonl")
	docs := file(t, "../docs/mutate.md")
	result, _, err := campaign(t, file(t, "../examples/shop/order.flow.yaml"), traffic, mutate.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if all := result.Total(); all.Mutants < 1000 || all.Noticed < 700 || len(result.Survivors) < 10 {
		t.Errorf("%+v", all)
	}
	for _, s := range result.Survivors {
		if !strings.Contains(docs, "`"+s.Name()+"`") {
			t.Errorf("docs/mutate.md does not explain %q", s.Name())
		}
		if s.Why == "" {
			t.Errorf("%s: nothing is said of it", s.Name())
		}
	}
	result, _, err = campaign(t, file(t, "testdata/strict.flow.yaml"), traffic, mutate.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range result.Survivors {
		if s.Field != "body.seq" { // where an account has but one payment, nothing follows it
			t.Errorf("%+v survives every line", s)
		}
	}
}

// small is a flow that leaves a good deal open, with places for lines to add.
const small = `
flowcheck: 1
flow: small
timeout: 5s
brokers: { b: "memory://x" }
channels:
  orders: { broker: b, topic: orders }
  ships:  { broker: b, topic: ships, REDELIVERIES }
  mails:  { broker: b, topic: mails, ONLY }
correlate: { order: body.order }
steps:
  placed:  { channel: orders }
  shipped: { channel: ships, after: placed, WITHIN, COUNT, CHECK }
  mailed:  { channel: mails, when: body.to != nil, AFTER, OPTIONAL }
NOISE
`

const smallTraffic = `{"flowcheck":"recording/1","started":"2026-11-22T10:00:00Z"}
{"channel":"orders","time":"2026-11-22T10:00:01Z","position":"0@0","key":"o1","body":{"order":"o1","sku":"A"}}
{"channel":"ships","time":"2026-11-22T10:00:01.1Z","position":"0@0","headers":[["kind","fast"],["traceparent","00"]],"body":{"order":"o1","sku":"A","code":"x1"}}
{"channel":"ships","time":"2026-11-22T10:00:01.2Z","position":"0@1","headers":[["kind","fast"]],"body":{"order":"o1","sku":"A","code":"x2"}}
{"channel":"mails","time":"2026-11-22T10:00:01.4Z","position":"0@0","body":{"order":"o1","to":"me"}}
{"channel":"orders","time":"2026-11-22T10:00:02Z","position":"0@1","key":"o2","body":{"order":"o2","sku":"B"}}
{"channel":"ships","time":"2026-11-22T10:00:02.1Z","position":"0@2","headers":[["kind","fast"]],"body":{"order":"o2","sku":"B","code":"x3"}}
{"channel":"ships","time":"2026-11-22T10:00:02.2Z","position":"0@3","headers":[["kind","fast"]],"body":{"order":"o2","sku":"B","code":"x4"}}
{"channel":"mails","time":"2026-11-22T10:00:02.4Z","position":"0@1","body":{"order":"o2","to":"me"}}
{"mark":"end","seen":"2026-11-22T10:01:00Z"}
`

// with puts lines in their places and leaves the rest out.
func with(lines ...string) string {
	flow := small
	for i := 0; i < len(lines); i += 2 {
		flow = strings.Replace(flow, lines[i], lines[i+1], 1)
	}
	for _, name := range []string{"REDELIVERIES", "ONLY", "WITHIN", "COUNT", "CHECK", "AFTER", "OPTIONAL"} {
		flow = strings.Replace(flow, ", "+name, "", 1)
	}
	return strings.Replace(flow, "NOISE", "", 1)
}

// TestLines: each fault survives a flow file that leaves it open, the line that
// is asked for is the one that is lacking, and with it the mutant dies.
func TestLines(t *testing.T) {
	count := []string{"COUNT", "count: 1..9"}
	for _, c := range []struct {
		name, survivor, add string
		without, with       []string
	}{
		{"drop a counted step", "drop shipped", "count: 2", count, []string{"COUNT", "count: 2"}},
		{"double a counted step", "duplicate shipped", "count: 2", count, []string{"COUNT", "count: 2"}},
		{"drop an optional step", "drop mailed", "optional: false", append([]string{"OPTIONAL", "optional: true"}, count...), count},
		{"delay", "delay shipped", "within: 500ms", []string{"COUNT", "count: 0..9", "OPTIONAL", "optional: true"}, []string{"COUNT", "count: 0..9", "OPTIONAL", "optional: true", "WITHIN", "within: 500ms"}},
		{"swap", "swap: mailed before shipped", "after: shipped", count, append([]string{"AFTER", "after: shipped"}, count...)},
		{
			"reroute", "reroute shipped to mails", "mails: { only: true }",
			[]string{"COUNT", "count: 0..9"},
			[]string{"COUNT", "count: 0..9", "ONLY", "only: true"},
		},
		{
			"corrupt", "corrupt body.sku of shipped", "body.sku == placed.body.sku", count,
			append([]string{"CHECK", "check: [ body.sku == placed.body.sku ]"}, count...),
		},
		{
			"a field that varies", "corrupt body.code of shipped", "noise: [ shipped.body.code ]", count,
			append([]string{"NOISE", "noise: [ shipped.body.code ]"}, count...),
		},
		{
			"strip", `strip headers["kind"] of shipped`, `headers["kind"] == "fast"`, count,
			append([]string{"CHECK", `check: [ 'headers["kind"] == "fast"' ]`}, count...),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			result, _, err := campaign(t, with(c.without...), smallTraffic, mutate.Config{})
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, s := range result.Survivors {
				found = found || s.Name() == c.survivor && strings.Contains(s.Add, c.add)
			}
			if !found {
				t.Errorf("no survivor %q with the line %q: %+v", c.survivor, c.add, result.Survivors)
			}
			result, _, err = campaign(t, with(c.with...), smallTraffic, mutate.Config{})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range result.Survivors {
				if s.Name() == c.survivor {
					t.Errorf("it survives the line: %+v", s)
				}
			}
		})
	}
}

// TestWhatIsNoFault: what the flow file allows in so many words is not tried, nor
// are traces, nor what a trigger says.
func TestWhatIsNoFault(t *testing.T) {
	result, _, err := campaign(t, with("REDELIVERIES", "redeliveries: allow", "COUNT", "count: 1..9"), smallTraffic, mutate.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range result.Survivors {
		if s.Name() == "duplicate shipped" || strings.Contains(s.Name(), "trace") || s.Fault == mutate.Corrupt && s.Step == "placed" {
			t.Errorf("%s was tried", s.Name())
		}
	}
}

func TestWhatDoesNotPass(t *testing.T) {
	lost := strings.Replace(smallTraffic, `{"channel":"mails"`, `{"channel":"other"`, 1)
	_, base, err := campaign(t, with("COUNT", "count: 2"), lost, mutate.Config{})
	if !errors.Is(err, mutate.ErrNotPassing) || base.State != flows.Fail {
		t.Errorf("%v, %v", err, base)
	}
}

// TestLimits: chains beyond what is kept are left alone.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		cfg     mutate.Config
		mutated int
	}{{mutate.Config{}, 2}, {mutate.Config{Chains: 1}, 1}, {mutate.Config{Messages: 4}, 1}, {mutate.Config{Messages: 3}, 0}} {
		result, _, err := campaign(t, with("COUNT", "count: 2"), smallTraffic, c.cfg)
		if err != nil || result.Mutated != c.mutated || result.Messages != 8 {
			t.Errorf("%+v: %v, %+v", c.cfg, err, result)
		}
	}
}

// TestTheSameTwice: a campaign says the same each time.
func TestTheSameTwice(t *testing.T) {
	var first []byte
	for range 2 {
		result, _, err := campaign(t, with("COUNT", "count: 1..3"), smallTraffic, mutate.Config{})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		for _, s := range result.Survivors {
			b.WriteString(s.Name() + s.Add + s.Why + s.Chain + "\n")
		}
		if first == nil {
			first = b.Bytes()
		} else if !bytes.Equal(first, b.Bytes()) {
			t.Errorf("%s\n%s", first, b.Bytes())
		}
	}
}
