package replay_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/replay"
)

const flowFile = `
flowcheck: 1
flow: orders
brokers: { b: "memory://x" }
channels:
  orders: { broker: b, topic: orders }
  paid:   { broker: b, topic: paid }
correlate: { order: body.order }
steps:
  placed: { channel: orders }
  paid:   { channel: paid, after: placed }
`

func loadFlow(t testing.TB, text string) *flows.Flow {
	t.Helper()
	f, errs := flows.Load("flow.yaml", []byte(text), flows.Options{Offline: true})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return f
}

// planOf plans the triggers of recorded lines.
func planOf(t testing.TB, f *flows.Flow, lines ...string) *replay.Plan {
	t.Helper()
	p, err := replay.NewPlanner(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	text := `{"flowcheck":"recording/1","started":"2026-11-22T10:00:00Z"}` + "\n" + strings.Join(lines, "\n") + "\n"
	audit := flows.NewAudit(f, flows.AuditConfig{Mode: "verify", Judged: p.Judged})
	for _, take := range []func(message.Event){
		audit.Add, func(message.Event) {},
	} {
		r, err := message.NewReader(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		judged := audit == nil
		for {
			e, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			take(e)
			if judged && e.Observation != nil {
				p.Take(e.Observation)
			}
		}
		if !judged {
			audit.Result()
			audit = nil
		}
	}
	return p.Plan()
}

func line(channel string, ms int, rest string) string {
	return fmt.Sprintf(`{"channel":%q,"time":"2026-11-22T10:00:00.%03dZ","seen":"2026-11-22T10:00:00.%03dZ",%s}`, channel, ms, ms, rest)
}

const (
	one = "0d859440-3e8a-4f41-9aa5-2283bf46422f"
	two = "2180fc90-8280-4f5d-8679-d30ba5c65fb4"
)

// TestFaithful: key, body and headers are sent as they were, in order and with
// repeats, but for those that tell of failures.
func TestFaithful(t *testing.T) {
	f := loadFlow(t, flowFile)
	p := planOf(
		t, f,
		line("orders", 20, `"position":"1@8","headers":[["a","2"],["b",{"base64":"AP8="}],["a","1"],["x-exception-message","no"],["x-exception-fqcn","E"],["x-original-topic","orders"]],"body":{ "order" : "`+one+`" }`),
		line("orders", 10, `"position":"0@3","key":"k","text":"{\n\"order\":\"`+two+`\"}"`),
		line("paid", 30, `"position":"0@1","body":{"order":"`+one+`"}`),
	)
	if len(p.Shipments) != 2 || len(p.Chains) != 2 {
		t.Fatalf("%d shipments of %d chains", len(p.Shipments), len(p.Chains))
	}
	first, second := &p.Shipments[0], &p.Shipments[1]
	if string(first.Message.Key) != "k" || !strings.Contains(string(first.Message.Payload), "\n") || *first.Partition != 0 {
		t.Errorf("not the first in time, or not as it was: %+v", first)
	}
	want := []message.Header{{Name: "a", Value: "2"}, {Name: "b", Value: "\x00\xff"}, {Name: "a", Value: "1"}}
	if !slices.EqualFunc(second.Message.Headers, want, func(a, b message.Header) bool { return a == b }) {
		t.Errorf("headers %+v", second.Message.Headers)
	}
	if second.Message.Key != nil || string(second.Message.Payload) != `{ "order" : "`+one+`" }` || *second.Partition != 1 {
		t.Errorf("%+v", second)
	}
}

// TestFreshIDs: an id is another one wherever it stands, and always the same.
func TestFreshIDs(t *testing.T) {
	f := loadFlow(t, flowFile)
	lines := []string{
		line("orders", 10, `"position":"0@3","key":"`+one+`","headers":[["ref","order:`+one+`"]],"body":{"order":"`+one+`","note":"see `+one+`, not x`+one+`","big":12345678901234567890}`),
		line("orders", 20, `"position":"0@4","body":{"order":"ord_9s6XKzkNRiz8i3","at":7}`),
		line("orders", 30, `"position":"0@5","body":{"order":48151623}`),
		line("orders", 40, `"position":"0@6","body":{"order":"o-17"}`),
	}
	texts := map[string]bool{}
	for range 2 {
		p := planOf(t, f, lines...)
		r := replay.NewRenamer("run-1")
		if err := p.Rewrite(r); err != nil {
			t.Fatal(err)
		}
		p.Known()
		fresh := r.New(one)
		m := &p.Shipments[0].Message
		want := `{"order":"` + fresh + `","note":"see ` + fresh + `, not x` + one + `","big":12345678901234567890}`
		if string(m.Payload) != want || string(m.Key) != fresh || m.Headers[0].Value != "order:"+fresh || fresh == one {
			t.Errorf("%s %s %v", m.Key, m.Payload, m.Headers)
		}
		shaped := string(p.Shipments[1].Message.Payload)
		if !strings.HasPrefix(shaped, `{"order":"ord_`) || !strings.HasSuffix(shaped, `","at":7}`) || len(shaped) != len(`{"order":"ord_9s6XKzkNRiz8i3","at":7}`) || strings.Contains(shaped, "9s6XKzkNRiz8i3") {
			t.Errorf("%s has not the shape of what it was", shaped)
		}
		if number := string(p.Shipments[2].Message.Payload); len(number) != len(`{"order":48151623}`) || strings.Contains(number, "48151623") {
			t.Errorf("%s is no other number of as many digits", number)
		}
		if p.Chains[0].Known["order"] != fresh {
			t.Errorf("the chain is known by %v", p.Chains[0].Known)
		}
		all := ""
		for i := range p.Shipments {
			all += string(p.Shipments[i].Message.Payload)
		}
		texts[all] = true
	}
	if len(texts) != 1 {
		t.Errorf("not the same again: %v", slices.Collect(maps.Keys(texts)))
	}
	if a, b := replay.NewRenamer("run-1").New(one), replay.NewRenamer("run-2").New(one); a == b {
		t.Error("another run has the same ids")
	}
}

// TestIDsThatCannotBeRewritten are an error, before anything is sent.
func TestIDsThatCannotBeRewritten(t *testing.T) {
	for name, flow := range map[string]string{
		"too short to be told from other values": flowFile,
		"could not be rewritten":                 strings.Replace(flowFile, "body.order }", `'"made-" + body.order' }`, 1),
	} {
		p := planOf(t, loadFlow(t, flow), line("orders", 10, `"position":"0@3","body":{"order":"o-1"}`))
		if err := p.Rewrite(replay.NewRenamer("x")); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want: %s", err, name)
		}
	}
}

// TestShift: times move and keep their spelling; nothing else changes a byte.
func TestShift(t *testing.T) {
	f := loadFlow(t, flowFile)
	for in, want := range map[string]string{
		`{"order":"` + one + `", "at" : "2026-11-22T10:00:00.500+01:00" ,"n":1.50}`: `{"order":"` + one + `", "at" : "2026-11-22T11:00:01.500+01:00" ,"n":1.50}`,
		`{"order":"` + one + `","at":"2026-11-22T10:00:00Z"}`:                       `{"order":"` + one + `","at":"2026-11-22T11:00:01Z"}`,
		`{"order":"` + one + `","at":1700000000}`:                                   `{"order":"` + one + `","at":1700003601}`,
		`{"order":"` + one + `","at":1700000000123,"x":"\\\""}`:                     `{"order":"` + one + `","at":1700003601123,"x":"\\\""}`,
		`{"order":"` + one + `","x":{"at":1}}`:                                      `{"order":"` + one + `","x":{"at":1}}`,
	} {
		p := planOf(t, f, line("orders", 10, `"position":"0@3","headers":[["sent","1700000000000"]],"body":`+in))
		s, err := replay.NewShift([]string{"body.at", `headers["sent"]`})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Times(s, time.Hour+time.Second); err != nil {
			t.Error(err)
		}
		if got := string(p.Shipments[0].Message.Payload); got != want {
			t.Errorf("%s instead of %s", got, want)
		}
		if got := p.Shipments[0].Message.Headers[0].Value; got != "1700003601000" {
			t.Errorf("the header is %v", got)
		}
	}
	p := planOf(t, f, line("orders", 10, `"position":"0@3","body":{"order":"`+one+`","at":"soon"}`))
	s, _ := replay.NewShift([]string{"body.at"})
	if err := p.Times(s, time.Hour); err == nil || !strings.Contains(err.Error(), `body.at = "soon" is no time`) {
		t.Error(err)
	}
	if _, err := replay.NewShift([]string{"at"}); err == nil {
		t.Error("at is no path")
	}
}

func TestPace(t *testing.T) {
	p := planOf(t, loadFlow(t, flowFile), line("orders", 100, `"position":"0@3","body":{"order":"`+one+`"}`), line("orders", 900, `"position":"0@4","body":{"order":"`+two+`"}`))
	for text, want := range map[string]time.Duration{"as-recorded": 800 * time.Millisecond, "2x": 400 * time.Millisecond, "4/s": 500 * time.Millisecond, "unlimited": 0} {
		pace, err := replay.ParsePace(text)
		if err != nil || pace.Takes(p) != want {
			t.Errorf("%s: %v (%v)", text, pace.Takes(p), err)
		}
	}
	for _, text := range []string{"", "fast", "0x", "-1/s", "1/m", "NaNx"} {
		if _, err := replay.ParsePace(text); err == nil {
			t.Errorf("%q is a rate", text)
		}
	}
}

// sink is a broker that takes everything, but fails from the n-th message on.
type sink struct {
	mu    sync.Mutex
	all   []message.Message
	fails int // 0: never
}

var errDown = errors.New("down")

func (s *sink) Publish(_ context.Context, _ brokers.Channel, m brokers.Outgoing) (brokers.Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails > 0 && len(s.all) >= s.fails {
		return brokers.Receipt{}, errDown
	}
	if m.Partition != nil && *m.Partition > 2 {
		return brokers.Receipt{}, brokers.ErrAbsent
	}
	s.all = append(s.all, m.Message)
	return brokers.Receipt{}, nil
}

func (s *sink) Close() error { return nil }

// queue is a sink that keeps the order by itself, and acknowledges later.
type queue struct {
	*sink
	acks chan func()
}

func newQueue(t *testing.T, s *sink) *queue {
	q := &queue{s, make(chan func(), 1<<20)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ack := range q.acks {
			ack()
		}
	}()
	t.Cleanup(func() { close(q.acks); <-ended })
	return q
}

func (q *queue) Enqueue(ctx context.Context, ch brokers.Channel, m brokers.Outgoing, done func(error)) bool {
	_, err := q.Publish(ctx, ch, m)
	q.acks <- func() { done(err) }
	return true
}

func sender(f *flows.Flow, p *replay.Plan, s brokers.Publisher) *replay.Sender {
	return &replay.Sender{
		Plan: p, Publishers: map[int]brokers.Publisher{0: s}, Channels: make([]brokers.Channel, len(f.Channels)), Run: "r", Now: time.Now,
	}
}

// manyLines are messages of ten keys, over partitions.
func manyLines(n int) []string {
	var lines []string
	for i := range n {
		lines = append(lines, line("orders", i%1000, fmt.Sprintf(`"position":"%d@%d","key":"k%d","body":{"order":"order-%06d"}`, i%5, i, i%10, i)))
	}
	return lines
}

// TestOrderWithinAKey holds however many keys are sent side by side, and where the
// broker keeps the order; what has no partition of its own goes by its key.
func TestOrderWithinAKey(t *testing.T) {
	f := loadFlow(t, flowFile)
	lanes, queued := &sink{}, &sink{}
	for s, publisher := range map[*sink]brokers.Publisher{lanes: lanes, queued: newQueue(t, queued)} {
		snd := sender(f, planOf(t, f, manyLines(1000)...), publisher)
		if err := snd.Send(t.Context()); err != nil || len(s.all) != 1000 || snd.Sent() != 1000 {
			t.Fatalf("%d sent: %v", len(s.all), err)
		}
		last := map[string]string{}
		for _, m := range s.all {
			if prev := last[string(m.Key)]; string(m.Payload) < prev {
				t.Fatalf("%s after %s", m.Payload, prev)
			}
			last[string(m.Key)] = string(m.Payload)
			if run, _ := m.Header(replay.HeaderRun); run != "r" {
				t.Fatal("not marked")
			}
		}
		if snd.Fallback() != 400 {
			t.Errorf("%d went elsewhere", snd.Fallback())
		}
	}
}

// TestResume: after a failure the same state sends the rest, and nothing twice.
func TestResume(t *testing.T) {
	f := loadFlow(t, flowFile)
	name := filepath.Join(t.TempDir(), "state")
	sent := map[string]int{}
	total, runs := 0, 0
	header := replay.StateHeader{Run: "first", Recording: "abc", Options: "--ids same"}
	for ended := false; !ended; runs++ {
		state, err := replay.OpenState(name, header)
		if err != nil {
			t.Fatal(err)
		}
		if state.Header.Run != "first" {
			t.Fatalf("the run is %s", state.Header.Run)
		}
		header.Run = "later"
		p := planOf(t, f, manyLines(100)...)
		s := &sink{fails: 30}
		snd := sender(f, p, s)
		snd.State = state
		err = snd.Send(t.Context())
		for _, m := range s.all {
			sent[string(m.Payload)]++
			total++
		}
		known, doubtful := state.Counts()
		if known != total || (err == nil) != state.Ended() || err != nil && !errors.Is(err, errDown) {
			t.Fatalf("%d of %d are known, %d doubtful: %v", known, total, doubtful, err)
		}
		ended = err == nil
		if err := state.Close(); err != nil {
			t.Fatal(err)
		}
		cutOff(t, name, runs)
	}
	for m, n := range sent {
		if n != 1 {
			t.Errorf("%s was sent %d times", m, n)
		}
	}
	if runs < 3 {
		t.Errorf("%d runs", runs)
	}
	header.Recording = "other"
	if _, err := replay.OpenState(name, header); !errors.Is(err, replay.ErrOtherReplay) {
		t.Error(err)
	}
}

// cutOff leaves half a line, as a process that dies does.
func cutOff(t *testing.T, name string, run int) {
	t.Helper()
	if run > 0 {
		return
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("b 9"); err != nil {
		t.Fatal(err)
	}
}

// TestStateOnAFullDisk: nothing is sent that could not be noted.
func TestStateOnAFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full")
	}
	f, s := loadFlow(t, flowFile), &sink{}
	state, err := replay.OpenState(filepath.Join(t.TempDir(), "state"), replay.StateHeader{})
	if err != nil {
		t.Fatal(err)
	}
	if err := state.Close(); err != nil { // a file that takes nothing any more
		t.Fatal(err)
	}
	snd := sender(f, planOf(t, f, manyLines(10)...), s)
	snd.State = state
	if err := snd.Send(t.Context()); err == nil || !strings.Contains(err.Error(), "the state file") || len(s.all) > 0 {
		t.Errorf("%d sent: %v", len(s.all), err)
	}
}

func TestSameTarget(t *testing.T) {
	h := &message.RecordingHeader{Brokers: map[string]message.BrokerIdentity{
		"events": {Kind: "kafka", ID: "abc", Hosts: "127.0.0.1:9092,10.0.0.7:9092"},
	}}
	for _, c := range []struct {
		place replay.Place
		want  bool
	}{
		{replay.Place{Name: "other", Is: message.BrokerIdentity{Kind: "kafka", ID: "def"}, Hosts: brokers.Hosts("kafka://canary:9092", "")}, false},
		{replay.Place{Name: "id", Is: message.BrokerIdentity{Kind: "kafka", ID: "abc"}}, true},
		{replay.Place{Name: "host", Hosts: brokers.Hosts("kafka://x,LOCALHOST", "")}, true},
		{replay.Place{Name: "kind", Is: message.BrokerIdentity{Kind: "rabbitmq", ID: "abc"}, Hosts: brokers.Hosts("amqp://u:p@10.0.0.7", "")}, false},
	} {
		if got := replay.SameTarget(h, []replay.Place{c.place}); len(got) > 0 != c.want {
			t.Errorf("%s: %v", c.place.Name, got)
		}
	}
}
