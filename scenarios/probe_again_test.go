package scenarios_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/flows"
)

// dedupedBy handles each message of the channels once, by what key makes of it.
func dedupedBy(key func(b body) any, channels string, next service) service {
	var mu sync.Mutex
	done := map[string]bool{}
	return func(from string, b body) []out {
		mu.Lock()
		defer mu.Unlock()
		if strings.Contains(channels, from) {
			k := fmt.Sprint(from, key(b))
			if done[k] {
				return nil
			}
			done[k] = true
		}
		return next(from, b)
	}
}

func field(name string) func(body) any { return func(b body) any { return b[name] } }

// whole is all of a body.
func whole(b body) any { text, _ := json.Marshal(b); return string(text) }

// withMessageIDs is the chain where each message of a has an id of its own.
func withMessageIDs(probes string) string {
	text := strings.Replace(probed(probes), "a: { broker: events, topic: a }", "a: { broker: events, topic: a, message-id: body.mid }", 1)
	return strings.Replace(text, `body: { id: "${id}" }`, `body: { id: "${id}", mid: "m-${id}", total: 5 }`, 1)
}

// withRefusals is the chain with a place for dead letters of a.
func withRefusals(probes string) string {
	return strings.Replace(withMessageIDs(probes), "correlate:", "  e: { broker: events, topic: e, dead-letters: a, copy: none }\ncorrelate:", 1)
}

// refusing dead-letters what has a known id and another content.
func refusing() service {
	var mu sync.Mutex
	done := map[any]string{}
	return func(from string, b body) []out {
		mu.Lock()
		defer mu.Unlock()
		if from != "a" {
			return honest(from, b)
		}
		was, known := done[b["id"]]
		done[b["id"]] = fmt.Sprint(b["total"])
		switch {
		case !known:
			return honest(from, b)
		case was != done[b["id"]]:
			return []out{{body: b, to: "e"}}
		default:
			return nil
		}
	}
}

// probeCase is a system, and what a probe must say of it.
type probeCase struct {
	name    string
	flow    string
	service service
	want    string
	prepare func(*rig)
}

func (c *probeCase) run(t *testing.T) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, c.flow, memory.Options{})
		r.server.CreateTopic("e", 1)
		if c.prepare != nil {
			c.prepare(r)
		}
		result, _ := r.runWith(c.service)
		tell(t, result)
		if got := verdicts(result); got != c.want {
			t.Errorf("probes %q, want %q", got, c.want)
		}
		if got := states(result); !strings.HasSuffix(got, ": pass") {
			t.Errorf("scenarios %q", got)
		}
		if fails := strings.Contains(c.want, "fail"); fails != (result.State == flows.Fail) || fails != (len(result.Findings) > 0) {
			t.Errorf("the run: %s, findings %v", result.State, result.Findings)
		}
	})
}

const ordered = head + `
steps:
  placed: { channel: a }
  paid:   { channel: b, after: placed, within: 2s }
rules:
  - ordered: { channel: b, by: body.seq, per: body.acc }
scenarios:
  - name: two of one account
    send:
      - { to: a, key: "${id}", body: { id: "${id}-1", acc: "${id}", n: 1 } }
      - { to: a, key: "${id}", body: { id: "${id}-2", acc: "${id}", n: 2 } }
    probes: [ reorder ]
`

// counted numbers the payments of an account in the order in which they come.
func counted() service {
	var mu sync.Mutex
	seq := map[any]int{}
	return func(_ string, b body) []out {
		mu.Lock()
		defer mu.Unlock()
		seq[b["acc"]]++
		return []out{{body: body{"id": b["id"], "acc": b["acc"], "seq": seq[b["acc"]]}}}
	}
}

// forked is a chain of two steps that do not wait for each other.
func forked(probes string) string {
	text := strings.Replace(probed(probes), "channel: c, after: paid", "channel: c, after: placed", 1)
	return strings.Replace(text, "  mailed:  { channel: d, after: packed, within: 2s }\n", "", 1)
}

// fork serves it, the later step first.
func fork(from string, b body) []out {
	if from != "a" {
		return nil
	}
	return []out{{body: b, to: "c"}, {after: 300 * time.Millisecond, body: b}}
}

func TestProbesThatSendAgain(t *testing.T) {
	trusting := func(_ string, b body) []out {
		return []out{{body: body{"id": b["id"], "acc": b["acc"], "seq": b["n"]}}}
	}
	for _, c := range []probeCase{
		{"same-key, by the business id", withMessageIDs("[ same-key ]"), dedupedBy(field("id"), "abc", honest), "same-key pass", nil},
		{
			"same-key, by the transport id", withMessageIDs("[ same-key, duplicate ]"), dedupedBy(field("mid"), "abc", honest),
			"duplicate pass; same-key fail (at once fail, in flight fail, after the end fail)", nil,
		},
		{"conflict, ignored", withMessageIDs("[ conflict ]"), dedupedBy(field("id"), "abc", honest), "conflict pass", nil},
		{"conflict, refused", withRefusals("[ conflict, duplicate ]"), refusing(), "duplicate pass; conflict pass", nil},
		{
			"conflict, by the whole body", withMessageIDs("[ conflict ]"), dedupedBy(whole, "abc", honest),
			"conflict fail (in flight fail, after the end fail)", nil,
		},
		{"conflict, nothing to change", strings.Replace(probed("[ conflict ]"), "send:", "timeout: 5s\n    send:", 1), honest, "conflict unknown", nil},
		{"redeliver, everywhere", probed("[ redeliver ]"), dedupedBy(field("id"), "abc", honest), "redeliver pass", nil},
		{"redeliver, not in mid-chain", probed("[ redeliver ]"), dedupedBy(field("id"), "ac", honest), "redeliver fail (paid fail)", nil},
		{"late, deduplicated", probed("[ late ]"), dedupedBy(field("id"), "abc", honest), "late pass", nil},
		{"late, not at all", probed("[ late ]"), honest, "late fail (the trigger after mailed fail, paid after mailed fail)", nil},
		{"late, where the later step comes first", forked("[ late ]"), dedupedBy(field("id"), "a", fork), "late pass", nil},
		{"reorder, numbered as they come", ordered, counted(), "reorder pass", nil},
		{"reorder, by the sender's number", ordered, trusting, "reorder fail ( fail)", nil},
		{"reorder of one", probed("[ reorder ]"), honest, "reorder unknown", nil},
		{"off", probed("{ duplicate: we cannot }"), honest, "duplicate off", nil},
	} {
		t.Run(c.name, c.run)
	}
}
