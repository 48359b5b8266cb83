package workers

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/shadow"
)

const ordersFlow = `flowcheck: 1
flow: orders
brokers: { k: "kafka://localhost" }
remember: 3m
timeout: 10s
partition-by: order
channels:
  orders:   { broker: k, topic: orders }
  payments: { broker: k, topic: payments }
correlate: { order: body.order, payment: body.payment }
steps:
  placed: { channel: orders }
  paid:   { channel: payments, after: placed, within: 5s, check: [ body.amount == placed.body.amount ] }
rules:
  - never: { name: negative, channel: payments, when: body.amount < 0 }
  - unique: { name: once, channel: payments, id: body.payment }
  - ordered: { name: sequence, channel: orders, by: body.seq, gapless: true }
`

// told by workers: the last word on each finding, and the chains counted.
type heard struct {
	records map[string]shadow.Record
	told    int
}

func (h *heard) Closed(string, *flows.Judgement) {}

func (h *heard) Told(r *shadow.Record) {
	h.told++
	if was, ok := h.records[r.ID]; !ok || !r.Time.Before(was.Time) {
		h.records[r.ID] = *r
	}
}

// stands is what holds in the end.
func (h *heard) stands() (all []string, chains, unknowns int) {
	for id, r := range h.records {
		switch r.Event {
		case shadow.EventFinding:
			all = append(all, r.Kind+" "+r.Chain+" "+r.Step+" "+r.Rule+" "+id)
		case shadow.EventChains:
			chains += r.Chains.Total
		case shadow.EventUnknown:
			unknowns++
			all = append(all, r.Chain+": "+r.Reason)
		}
	}
	slices.Sort(all)
	return all, chains, unknowns
}

// newWorker is a process of its own, without a broker.
func newWorker(t testing.TB, text string, h *heard) *worker {
	t.Helper()
	f, errs := flows.Load("test.yaml", []byte(text), flows.Options{MaskSalt: "x"})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	split, err := flows.NewSplit(f)
	if err != nil {
		t.Fatal(err)
	}
	of := shadow.Watched{Flow: f, Brokers: []int{0}}
	for i := range f.Channels {
		of.Channels = append(of.Channels, brokers.Channel{Name: f.Channels[i].Name, Topic: f.Channels[i].Topic})
	}
	w := &worker{parts: 2, topic: "flowcheck-workers-test", judges: map[int32]*judge{}, log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	w.cfg.Shadow = shadow.Config{Flows: []shadow.Watched{of}, Watchers: []shadow.Watcher{h}, Now: time.Now}
	w.flows = []*watched{{name: f.Name, split: split, status: &shadow.FlowStatus{Flow: f.Name}, counts: flows.ChainCounts{Outcomes: map[string]int{}}}}
	if w.findings, err = shadow.OpenFindings(""); err != nil {
		t.Fatal(err)
	}
	return w
}

// tape is what forwarders have put into a partition.
type tape struct {
	t        testing.TB
	rng      *rand.Rand
	router   *flows.Router
	lines    *lines
	all      []*sarama.ConsumerMessage
	now      time.Time
	sessions [2]string
	offsets  map[string]int64
	recent   []*message.Observation // since the last mark of the first duty
	armed    time.Time
	events   []event
	seq      int
	restarts []int64 // offsets a little behind the forwarders' restarts
}

// event is a message of the system that is to come.
type event struct {
	at      time.Time
	channel string
	body    string
}

func (p *tape) put(key, value []byte) {
	p.all = append(p.all, &sarama.ConsumerMessage{Topic: "t", Offset: int64(len(p.all)), Key: key, Value: value, Timestamp: p.now})
}

// forward puts a message into its lanes.
func (p *tape) forward(o *message.Observation) {
	line, err := p.lines.line(message.Event{Observation: o})
	if err != nil {
		p.t.Fatal(err)
	}
	ways, lost := p.router.Route(o)
	if lost != "" {
		p.t.Fatal(lost)
	}
	for _, way := range ways {
		p.put(keyOf("orders", way.Lane, way.Key), line)
	}
}

// mark is a duty's word.
func (p *tape) mark(duty int) {
	m := mark{Session: p.sessions[duty], Seen: p.now, Duties: []int32{int32(duty)}, Armed: p.armed, Read: map[string]map[string]time.Time{"orders": {"orders": p.now, "payments": p.now}}}
	for channel, offset := range p.offsets {
		m.Places = append(m.Places, place{Flow: "orders", Channel: channel, Position: message.At(0, offset).String()})
	}
	value, err := json.Marshal(m)
	if err != nil {
		p.t.Fatal(err)
	}
	p.put(nil, value)
	p.recent = nil
}

// chain plans a chain, with a fault in some.
func (p *tape) chain(n int) {
	id := fmt.Sprintf("o-%d", n)
	p.seq++
	fault := p.rng.IntN(20)
	amount := 1 + n%50
	paid := amount
	switch fault {
	case 0:
		p.seq++
	case 1:
		paid++
	case 2:
		paid = -amount
	}
	pay := event{p.now.Add(time.Second), "payments", fmt.Sprintf(`{"order":%q,"payment":"p-%d","amount":%d}`, id, n, paid)}
	p.events = append(p.events, event{p.now, "orders", fmt.Sprintf(`{"order":%q,"amount":%d,"seq":%d}`, id, amount, p.seq)})
	switch fault {
	case 3: // lost
		return
	case 4: // late
		pay.at = pay.at.Add(8 * time.Second)
	case 5: // doubled, after it has closed
		p.events = append(p.events, event{pay.at.Add(time.Minute), pay.channel, pay.body})
	case 6: // doubled at once
		p.events = append(p.events, pay)
	}
	p.events = append(p.events, pay)
}

// due forwards what has happened.
func (p *tape) due() {
	slices.SortStableFunc(p.events, func(a, b event) int { return a.at.Compare(b.at) })
	n := 0
	for ; n < len(p.events) && !p.events[n].at.After(p.now); n++ {
		e := p.events[n]
		o := &message.Observation{Channel: e.channel, Position: message.At(0, p.offsets[e.channel]), Time: e.at, Seen: p.now.Add(5 * time.Millisecond)}
		o.Payload = []byte(e.body)
		p.offsets[e.channel]++
		p.forward(o)
		p.recent = append(p.recent, o)
	}
	p.events = slices.Delete(p.events, 0, n)
}

// restart has the forwarders begin again at their last marks: some messages come
// twice, a while later.
func (p *tape) restart(away time.Duration) {
	again := p.recent
	p.now = p.now.Add(away)
	p.sessions = [2]string{fmt.Sprint("a", len(p.all)), fmt.Sprint("b", len(p.all))}
	for _, o := range again {
		o.Seen = p.now
		p.forward(o)
	}
	p.restarts = append(p.restarts, int64(len(p.all))+6)
}

// record makes a tape of a few hours.
func record(t testing.TB, seed uint64) *tape {
	w := newWorker(t, ordersFlow, &heard{records: map[string]shadow.Record{}})
	p := &tape{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), router: w.flows[0].split.Router(), lines: newLines(), //nolint:gosec // a tape, no secrets
		now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), offsets: map[string]int64{"orders": 0, "payments": 0}, sessions: [2]string{"a", "b"},
	}
	p.armed = p.now
	p.mark(0)
	p.mark(1)
	p.now = p.now.Add(time.Minute)
	for n := range 600 {
		p.chain(n)
		for range 4 {
			p.now = p.now.Add(time.Second)
			p.due()
			switch p.rng.IntN(100) {
			case 0:
				away := time.Duration(p.rng.IntN(60)) * time.Second
				if len(p.events) == 0 { // nothing is to come that the rules have forgotten by then
					away += 10 * time.Minute
				}
				p.restart(away)
			case 1, 2, 3:
				continue // a mark that is late
			}
			p.mark(0)
			p.mark(1)
		}
	}
	for range 60 {
		p.now = p.now.Add(time.Second)
		p.due()
		p.mark(0)
		p.mark(1)
	}
	return p
}

// play has workers judge the tape, one after the other: each dies some messages
// behind its last commit. lives is about how many messages one lives.
func play(t testing.TB, p *tape, lives int) (*heard, int64) {
	h := &heard{records: map[string]shadow.Record{}}
	last := commit{low: -1}
	rng := rand.New(rand.NewPCG(uint64(lives), 2)) //nolint:gosec // moments, no secrets
	for n := int64(0); n < int64(len(p.all)); {
		j := newJudge(newWorker(t, ordersFlow, h), 0)
		j.low.every = 1
		if err := j.resume(last); err != nil {
			t.Fatal(err)
		}
		end := n + int64(1+rng.IntN(lives))
		for j.next < min(end, int64(len(p.all))) {
			if err := j.take(p.all[j.next]); err != nil {
				t.Fatal(err)
			}
			if j.loud() && !j.began.IsZero() && rng.IntN(50) == 0 || j.next == int64(len(p.all)) || j.next > n && slices.Contains(p.restarts, j.next) {
				var err error
				if last, err = j.leave(); err != nil {
					t.Fatal(err)
				}
				if lives < len(p.all) && j.next > n && slices.Contains(p.restarts, j.next) {
					break // it dies here, too
				}
			}
		}
		if rng.IntN(2) == 0 {
			if err := j.flush(); err != nil { // told, and not committed
				t.Fatal(err)
			}
		}
		n = j.next
	}
	return h, last.low
}

// TestWhoeverTakesOverSaysTheSame plays hours of traffic to one worker, and to many
// one after the other, which read from the low-water mark.
func TestWhoeverTakesOverSaysTheSame(t *testing.T) {
	t.Parallel()
	for seed := range uint64(1) {
		p := record(t, seed)
		one, _ := play(t, p, 1<<30)
		many, low := play(t, p, 2500)
		want, chains, unknowns := one.stands()
		got, counted, doubts := many.stands()
		if len(want) < 90 || chains < 600 {
			t.Fatalf("seed %d: one worker: %d findings, %d chains, %d unknowns: the tape is not what it should be", seed, len(want), chains, unknowns)
		}
		if !slices.Equal(want, got) || doubts != unknowns || counted != chains {
			t.Errorf("seed %d: %d findings, %d chains; after take-overs %d, %d, %d unknowns", seed, len(want), chains, len(got), counted, doubts)
			differ(t, want, got)
		}
		if low < int64(len(p.all))/2 {
			t.Errorf("seed %d: the low-water mark is at %d of %d", seed, low, len(p.all))
		}
	}
}

func differ(t *testing.T, want, got []string) {
	t.Helper()
	a, b := map[string]bool{}, map[string]bool{}
	for _, s := range want {
		a[s] = true
	}
	for _, s := range got {
		b[s] = true
		if !a[s] {
			t.Logf("too much: %s", s)
		}
	}
	for _, s := range slices.Sorted(maps.Keys(a)) {
		if !b[s] {
			t.Logf("lacking: %s", s)
		}
	}
}
