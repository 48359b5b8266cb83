package scenarios_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/flowcheck/flowcheck/message"
)

// parks is the chain where a message may end in e, and a scenario that does.
func parks(more string) string {
	text := strings.Replace(probed("[ replay ]"), "correlate:", "  e: { broker: events, topic: e, dead-letters: a }\ncorrelate:", 1)
	text = strings.Replace(text, "scenarios:", `  parked: { channel: e, after: placed, within: 2s }
outcomes:
  fulfilled: [ placed, paid, packed, mailed ]
  parked:    [ placed, parked ]
scenarios:`, 1)
	return text + "    outcome: parked\n" + more
}

// park is a system that parks each message the first time, and then does what
// again says.
func park(bury func(b body) []out, again func(b body) []out) service {
	var mu sync.Mutex
	seen := map[any]bool{}
	return func(from string, b body) []out {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case from != "a":
			return honest(from, b)
		case seen[b["id"]]:
			return again(b)
		default:
			seen[b["id"]] = true
			return bury(b)
		}
	}
}

func TestReplay(t *testing.T) {
	const heal = "    heal: [ \"true\", \"${id}\" ]\n"
	handled := func(b body) []out { return []out{{body: b}} }
	var r *rig
	bury := func(b body) []out {
		text, err := json.Marshal(b)
		r.must(err)
		r.bury(message.Message{Key: []byte(b["id"].(string)), Payload: text}, reason)
		return nil
	}
	for _, c := range []probeCase{
		{"reaches its outcome", parks(""), park(bury, handled), "replay pass", nil},
		{"reaches its outcome after heal", parks(heal), park(bury, handled), "replay pass", nil},
		{"is swallowed", parks(heal), park(bury, func(body) []out { return nil }), "replay fail (after heal fail)", nil},
		{"mails twice", parks(""), park(bury, func(b body) []out { return []out{{body: b}, {body: b, to: "d"}} }), "replay fail ( fail)", nil},
		{"is parked again", parks(""), park(bury, bury), "replay unknown ( unknown)", nil},
		{"is parked again after heal", parks(heal), park(bury, bury), "replay fail (after heal fail)", nil},
		{"cannot be healed", parks(strings.Replace(heal, "true", "false", 1)), park(bury, handled), "replay unknown (after heal unknown)", nil},
		{"nothing is parked", probed("[ replay ]"), honest, "replay unknown", nil},
	} {
		c.prepare = func(made *rig) { r = made }
		t.Run(c.name, c.run)
	}
}
