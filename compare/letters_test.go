package compare_test

import (
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/compare"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

const letterFlow = `
flowcheck: 1
flow: orders
brokers: { b: "memory://x" }
channels:
  orders: { broker: b, topic: orders }
  dead:   { broker: b, topic: dead, dead-letters: orders }
correlate: { order: body.order }
steps:
  placed: { channel: orders }
`

// TestLettersOfNoChain: what became of a message that nobody can read is compared by
// its dead letters, which are found by its bytes or its key.
func TestLettersOfNoChain(t *testing.T) {
	f, errs := flows.Load("flow.yaml", []byte(letterFlow), flows.Options{Offline: true})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	names := compare.NewNames()
	lone := message.Message{Key: []byte("k"), Payload: []byte(`{"order": broken`)}
	side := func(letters ...message.Message) *compare.Set {
		set, kept := compare.NewSet(f, names), compare.NewLetters(f)
		for i, m := range letters {
			o := &message.Observation{Message: m, Channel: "dead", Seen: time.Unix(1, 0), Position: message.Position{Kind: message.PartitionOffset, Offset: int64(i)}}
			set.Take(o)
			kept.Take(o)
		}
		set.AddLone([]compare.Lone{{Name: "message 1", Message: lone}}, kept)
		return set
	}
	other := message.Message{Payload: []byte("another's")}
	for name, c := range map[string]struct {
		now  []message.Message
		want string
	}{
		"the same":      {[]message.Message{other, lone}, ""},
		"lost":          {[]message.Message{other}, "dead came less often"},
		"twice":         {[]message.Message{lone, lone}, "dead came more often"},
		"without a key": {[]message.Message{{Payload: lone.Payload}}, "dead has other content"},
		"written anew":  {[]message.Message{{Key: lone.Key, Payload: []byte(`{"was":"broken"}`)}}, "dead has other content"},
	} {
		r := compare.Diff(compare.Config{Flow: f, Was: side(lone), Now: side(c.now...), Renamed: func(v string) string { return v }})
		got := ""
		if len(r.Findings) > 0 {
			got = r.Findings[0].Text
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
