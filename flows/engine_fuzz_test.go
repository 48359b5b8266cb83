package flows_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// fuzzed has something of all of the language.
const fuzzed = head + `
timeout: 5s
remember: 10s
channels:
  c: { broker: k, topic: c, only: true }
  d: { broker: k, topic: d, redeliveries: allow, format: json }
  q: { broker: r, exchange: q, routing-key: "#", when: body.foreign != true }
  x: { broker: a, sns: x, redeliveries: same-id, message-id: body.mid }
  dead: { broker: k, topic: dead, dead-letters: [ c, d ] }
  again: { broker: k, topic: again, retries: c }
correlate:
  a: body.a
  b: body.b
  batch: { id: body.batch, ties: false }
steps:
  s1:  { channel: c, when: body.n < 4 }
  s2: { channel: d, after: s1, within: 2s, count: 0..3, check: [ body.n >= s1.body.n ] }
  s3:  { channel: q, after: [ s1, s2 ], optional: true, check: [ 'len(s2) > 0', 's1.body.l[0].n == 1' ] }
  s4: { channel: x, after: s2, within: 1s, count: s1.body.n }
  parked: { channel: dead, after: s1, optional: true, check: [ death.attempts == 3, death.origin.channel == "c" ] }
  retry:  { channel: again, optional: true }
outcomes:
  short: [ s1 ]
  long:  { steps: [ s1, s2, s4 ], check: 'sum(s2, .body.n) > 2' }
  other: [ s1, parked ]
rules:
  - ordered: { channel: d, by: body.n, per: body.a, gapless: true }
  - ordered: { channel: x, by: body.seq, name: loose }
  - unique:  { channel: c, id: body.mid }
  - every:   { channel: q, per: body.b, within: 3s }
  - never:   { channel: d, when: body.n < 0 }
  - latency: { from: s1, to: s2, p95: 1s, max: 3s }
scenarios:
  - name: one
    send: { to: c, body: { a: "${id}" } }
    outcome: long
    check: [ 's2[0].body.n == 1' ]
`

// FuzzEngine turns bytes into what taps saw. Whatever it is, nothing panics, the
// counts add up, what is told was seen, and the same input has the same report.
func FuzzEngine(f *testing.F) {
	flow, errs := flows.Load("fuzz.yaml", []byte(fuzzed), options())
	if len(errs) > 0 {
		f.Fatal(errs)
	}
	for n := range 4 {
		seed := make([]byte, 0, 400)
		for i := range 400 {
			seed = append(seed, byte(i*(7+n)^i>>n))
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 {
			return
		}
		cfg, events := seenIn(data)
		got := auditOf(flow, cfg, events)
		consistent(t, got, events)
		if again := auditOf(flow, cfg, events); reportOf(t, again) != reportOf(t, got) {
			t.Fatalf("the same events, another report\n%s", difference(heard(got), heard(again)))
		}
	})
}

func auditOf(flow *flows.Flow, cfg flows.AuditConfig, events []message.Event) *flows.Result {
	audit := flows.NewAudit(flow, cfg)
	for i, e := range events {
		if audit.Add(e); i%16 == 0 {
			audit.Wait("s", 0)
		}
	}
	return audit.Result()
}

// consistent demands what must be so of every result.
func consistent(t *testing.T, r *flows.Result, events []message.Event) {
	t.Helper()
	c, m := r.Chains, r.Messages
	if c.Total != c.Pass+c.Fail+c.Unknown || m.Seen != m.Matched+m.Unmatched || m.Matched < 0 || m.Unmatched < 0 || m.Seen > len(events) {
		t.Fatalf("the counts do not add up: %+v %+v, %d events", c, m, len(events))
	}
	ended := 0
	for _, n := range c.Outcomes {
		ended += n
	}
	want := flows.Pass
	switch {
	case len(r.Findings) > 0:
		want = flows.Fail
	case len(r.Unknowns) > 0:
		want = flows.NotKnown
	}
	if ended > c.Total || r.State != want || c.Fail > len(r.Findings) || c.Unknown > 0 && len(r.Unknowns) == 0 {
		t.Fatalf("%v with %d findings and %d unknowns, %+v", r.State, len(r.Findings), len(r.Unknowns), c)
	}
	places := map[string]bool{}
	for _, e := range events {
		if o := e.Observation; o != nil {
			places[o.Channel+" "+o.Position.String()] = true
		}
	}
	for _, f := range r.Findings {
		for _, e := range f.Evidence {
			if !places[e.Channel+" "+e.Position.String()] {
				t.Fatalf("nobody saw %s %s: %s", e.Channel, e.Position, f.Text)
			}
		}
		if f.Kind == "" || f.Text == "" {
			t.Fatalf("a finding that says nothing: %+v", f)
		}
	}
}

// reader gives numbers from bytes; 0 where there are no more.
type reader struct{ data []byte }

func (r *reader) below(n int) int {
	if len(r.data) == 0 {
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return int(b) % n
}

func (r *reader) of(texts ...string) string { return texts[r.below(len(texts))] }

// seenIn reads bytes as what taps saw.
func seenIn(data []byte) (flows.AuditConfig, []message.Event) {
	r := &reader{data}
	cfg := flows.AuditConfig{Mode: r.of("verify", "shadow", "run"), MaxChains: 1 + r.below(40), MaxEntries: 1 + r.below(40)}
	if r.below(2) == 0 {
		cfg.Started = began
	}
	var events []message.Event
	now := began
	for len(r.data) > 0 {
		now = now.Add(time.Duration(r.below(8)) * []time.Duration{0, time.Millisecond, 50 * time.Millisecond, time.Second, 7 * time.Second}[r.below(5)])
		events = append(events, r.event(now))
	}
	return cfg, events
}

func (r *reader) event(now time.Time) message.Event {
	channel := r.of("c", "d", "q", "x", "dead", "again", "c", "d", "x", "elsewhere")
	switch r.below(24) {
	case 0:
		return message.Event{Mark: &message.Mark{Kind: message.MarkGap, Channel: channel, Seen: now, Reason: "lost"}}
	case 1:
		return message.Event{Mark: &message.Mark{Kind: message.MarkEnd, Seen: now}}
	case 2:
		ids := map[string]string{"a": r.of("1", "2", "3")}
		return message.Event{Mark: &message.Mark{Kind: message.MarkScenario, Name: "one", ID: "s", IDs: ids, Outcome: r.of("long", "short", "none", ""), Seen: now}}
	}
	o := &message.Observation{Channel: channel, Time: now.Add(-time.Duration(r.below(256)) * 20 * time.Millisecond), Seen: now, ProducerClock: r.below(4) == 0}
	switch r.below(9) {
	case 0:
		o.Position = message.Nth(int64(r.below(16)))
	case 1:
		o.Position = message.Named(r.of("m1", "m2", "m3", "", "\x00"))
	case 2:
		o.Position, o.Time = message.Position{}, time.Time{}
	default:
		o.Position = message.At(int32(r.below(3)), int64(r.below(64)))
	}
	o.Payload = []byte(r.body())
	switch r.below(8) {
	case 0:
		o.Payload = nil
	case 1:
		o.Key = []byte(r.of("", "k", "\xff"))
	case 2:
		o.Headers = r.death()
	}
	return message.Event{Observation: o}
}

func (r *reader) body() string {
	id := func() string {
		return r.of(`"1"`, `"2"`, `3`, `["1","2"]`, `""`, `null`, `{"a":1}`, `"{2f1b7a52-9f3c-4f0e-8b37-0123456789ab}"`, `"2F1B7A529F3C4F0E8B370123456789AB"`)
	}
	text := fmt.Sprintf(`{"a":%s,"b":%s,"batch":%s,"mid":%s,"n":%s,"seq":%s,"l":[{"n":%s}]`, id(), id(), id(), id(),
		r.of("0", "1", "2", "3", "-1", "1.5", "1e400", `"x"`, "null", "9223372036854775807"), r.of("1", "2", "3", "4", "5", "99", "-9223372036854775808", "null"), r.of("1", `"1"`, "[]"))
	return text + r.of("}", "}", "}", "}", `,"foreign":true}`, `,"a":"2"}`, "", "}}")
}

func (r *reader) death() []message.Header {
	attempts := string(binary.BigEndian.AppendUint32(nil, uint32(r.below(256))<<(r.below(4)*8)))
	return []message.Header{
		{Name: "kafka_dlt-original-topic", Value: r.of("c", "d", "nowhere", "")},
		{Name: "kafka_dlt-original-partition", Value: string(binary.BigEndian.AppendUint32(nil, uint32(r.below(3))))},
		{Name: "kafka_dlt-original-offset", Value: string(binary.BigEndian.AppendUint64(nil, uint64(r.below(64))))},
		{Name: "kafka_deliveryAttempt", Value: attempts[:r.below(5)]},
		{Name: "x-death", Value: []any{map[string]any{"queue": "q", "reason": r.of("rejected", "expired", ""), "count": int64(r.below(256)) - 3}}},
	}
}
