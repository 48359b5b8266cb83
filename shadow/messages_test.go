package shadow_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/shadow"
)

// seer keeps what it is told.
type seer struct {
	mu   sync.Mutex
	seen []string
}

func (s *seer) Closed(string, *flows.Judgement) {}
func (s *seer) Told(*shadow.Record)             {}
func (s *seer) Saw(flow string, o *message.Observation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, flow+" "+o.Channel+" "+string(o.Payload))
}

// TestMessagesOfAFinding: while it runs, and after it, the messages of a finding's
// chain are found in the state folder, masked; and who asks for it is told each.
func TestMessagesOfAFinding(t *testing.T) {
	r := newRig(t)
	r.flows = []string{strings.Replace(orders, "settle:", "mask: [ body.card ]\nsettle:", 1)}
	cfg, saw := r.config(r.state), &seer{}
	cfg.Watchers = []shadow.Watcher{saw}
	run := r.start(cfg)
	r.produce("orders", map[string]any{"order": "o-1", "amount": 5, "card": "4111"})
	r.produce("payments", map[string]any{"order": "o-1", "amount": 6, "seq": 1})
	until(t, "a finding", func() bool { return strings.Contains(kinds(findings(t, r.state)), "mismatch o-1") })
	for range 2 {
		all := findings(t, r.state)
		i := slices.IndexFunc(all, func(r shadow.Record) bool { return r.Kind == "mismatch" })
		var places []shadow.Place
		for _, m := range all[i].Timeline {
			places = append(places, m.Place)
		}
		found := map[shadow.Place]*message.Observation{}
		until(t, "both messages in the journal", func() bool {
			var err error
			if found, err = shadow.Messages(r.state, "orders", places); err != nil {
				t.Fatal(err)
			}
			return len(found) == 2
		})
		placed, paid := string(found[places[0]].Payload), string(found[places[1]].Payload)
		if strings.Contains(placed, "4111") || !strings.Contains(placed, "masked:") || !strings.Contains(paid, `"amount":6`) {
			t.Errorf("%s\n%s", placed, paid)
		}
		if e := places[1].Evidence(); e.Channel != "payments" || e.Position != found[places[1]].Position {
			t.Errorf("%v", e)
		}
		run.end()
	}
	if len(saw.seen) != 2 || strings.Contains(strings.Join(saw.seen, ""), "4111") {
		t.Errorf("%q", saw.seen)
	}
	if none, err := shadow.Messages(r.state, "nobody", []shadow.Place{{Channel: "a", Position: "1"}}); err != nil || len(none) != 0 {
		t.Errorf("%v, %v", none, err)
	}
}
