package mutate

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

func loadFlow(t *testing.T, data []byte) *flows.Flow {
	t.Helper()
	f, errs := flows.Load("flow.yaml", data, flows.Options{Offline: true})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return f
}

func loadTraffic(t *testing.T, cfg *Config, recording []byte) *traffic {
	t.Helper()
	r, err := message.NewReader(bytes.NewReader(recording))
	if err != nil {
		t.Fatal(err)
	}
	tr, err := readTraffic(t.Context(), cfg, r)
	if err != nil {
		t.Fatal(err)
	}
	if tr.base.State != flows.Pass {
		t.Fatalf("it does not pass: %v %v", tr.base.Findings, tr.base.Unknowns)
	}
	return tr
}

// whole judges a mutant as verify would: the whole recording, read on until
// every deadline has passed.
func (m *mutant) whole(t *traffic, known map[string]bool) fate {
	result := wholeAudit(t, m.edit())
	for i := range result.Findings {
		if !known[signature(&result.Findings[i])] {
			return noticed
		}
	}
	for _, u := range result.Unknowns {
		if !known[u.Chain+"\x00"+u.Reason] {
			return unknown
		}
	}
	return survived
}

func wholeAudit(t *traffic, e edit) *flows.Result {
	audit := flows.NewAudit(t.cfg.Flow, flows.AuditConfig{Mode: "verify", Started: t.started})
	for _, m := range t.marks {
		audit.Add(message.Event{Mark: m})
	}
	var all []*message.Observation
	for n, o := range t.messages {
		if changed, ok := e.changed[n]; ok {
			o = changed
		}
		if o != nil {
			all = append(all, o)
		}
	}
	all = append(all, e.more...)
	slices.SortStableFunc(all, func(a, b *message.Observation) int { return a.Seen.Compare(b.Seen) })
	for _, o := range all {
		audit.Add(message.Event{Observation: o})
	}
	end := t.messages[len(t.messages)-1].Seen.Add(t.cfg.Flow.Timeout + 10*t.cfg.Flow.Settle + 1000e9)
	audit.Add(message.Event{Mark: &message.Mark{Kind: message.MarkEnd, Seen: end}})
	return audit.Result()
}

// TestAnExcerptSaysWhatTheWholeSays: a mutant that is judged by its chain and
// its neighbours has the fate that the whole recording gives it.
func TestAnExcerptSaysWhatTheWholeSays(t *testing.T) {
	shop := read(t, "../examples/shop/order.flow.yaml")
	for _, c := range []struct {
		name            string
		flow, recording []byte
		every           int
	}{
		{"the shop's run", shop, read(t, "../examples/shop/recordings/run.jsonl"), 1},
		{"the shop's traffic", shop, read(t, "../examples/shop/recordings/traffic.jsonl"), 4},
		{"sequences", []byte(sequenceFlow), []byte(sequences(40, 12)), 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := &Config{Flow: loadFlow(t, c.flow), Chains: 60, Messages: 1 << 20}
			tr := loadTraffic(t, cfg, c.recording)
			sites := tr.sites()
			n, known := 0, sayings(wholeAudit(tr, edit{}))
			for _, s := range sites {
				s.judgeBase()
				for i, m := range s.mutants() {
					if i%c.every != 0 {
						continue
					}
					n++
					if got, want := m.judge(), m.whole(tr, known); got != want {
						t.Errorf("%s in chain %s: %d, the whole says %d", m.what.Name(), s.chain.name, got, want)
					}
				}
			}
			if n < 100 {
				t.Errorf("only %d mutants", n)
			}
		})
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// sequenceFlow has a rule of each kind that crosses chains.
const sequenceFlow = `
flowcheck: 1
flow: sequences
brokers: { b: "memory://x" }
channels:
  orders:   { broker: b, topic: orders }
  payments: { broker: b, topic: payments }
correlate: { order: body.order }
steps:
  placed: { channel: orders }
  paid:   { channel: payments, after: placed, within: 2s }
rules:
  - ordered: { channel: payments, by: body.seq, per: body.account, gapless: true }
  - unique:  { channel: payments, id: body.payment }
  - never:   { channel: payments, when: body.amount < 0 }
  - every:   { channel: payments, per: body.account, within: 3s }
  - latency: { from: placed, to: paid, p50: 500ms, max: 1s }
`

// sequences are orders on a few accounts, each with a sequence of payments.
func sequences(orders, accounts int) string {
	var b strings.Builder
	b.WriteString(`{"flowcheck":"recording/1","started":"2026-11-22T10:00:00Z"}` + "\n")
	seq := make([]int, accounts)
	for i := range orders {
		account := i % accounts
		seq[account]++
		fmt.Fprintf(&b, `{"channel":"orders","time":"2026-11-22T10:00:%02d.%03dZ","position":"0@%d","key":"a%d","body":{"order":"o%d"}}`+"\n",
			1+i/10, i%10*100, i, account, i)
		fmt.Fprintf(&b, `{"channel":"payments","time":"2026-11-22T10:00:%02d.%03dZ","position":"0@%d","key":"a%d","body":{"order":"o%d","payment":"p%d","account":"a%d","seq":%d,"amount":%d}}`+"\n",
			1+i/10, i%10*100+50, i, account, i, i, account, seq[account], i)
	}
	fmt.Fprintf(&b, `{"mark":"end","seen":"2026-11-22T10:00:%02d.000Z"}`+"\n", 1+orders/10)
	return b.String()
}
