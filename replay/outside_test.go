package replay_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/replay"
)

// dayOf plans what a run with probes recorded.
func dayOf(t *testing.T, f *flows.Flow, lines ...string) *replay.Plan {
	t.Helper()
	p, err := replay.NewPlanner(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	audit := flows.NewAudit(f, flows.AuditConfig{Mode: "verify", Judged: p.Judged, Traffic: true})
	text := `{"flowcheck":"recording/1","started":"2026-11-22T10:00:00Z","probes":true}` + "\n" + strings.Join(lines, "\n") + "\n"
	each := func(take func(message.Event)) {
		r, err := message.NewReader(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		for {
			e, err := r.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			take(e)
		}
	}
	each(func(e message.Event) {
		if e.Mark != nil {
			p.Marked(e.Mark)
		}
	})
	each(audit.Add)
	audit.Result()
	each(func(e message.Event) {
		if e.Observation != nil {
			p.Take(e.Observation)
		}
	})
	return p.Plan()
}

// TestWhatHappensBesides: what nobody can read on a channel that begins chains is
// sent, in its place; of what else comes only what the run sent by hand, and that
// with the ids of its chain.
func TestWhatHappensBesides(t *testing.T) {
	paid := `"position":"0@%","key":"k","body":{"order":"` + one + `"}`
	p := dayOf(t, loadFlow(t, flowFile),
		line("orders", 1, `"position":"0@1","key":"`+one+`","body":{"order":"`+one+`"}`),
		line("orders", 2, `"position":"0@2","key":"`+one+`","text":"{\"order\":\"`+one+`"`),
		line("paid", 3, strings.ReplaceAll(paid, "%", "5")),
		line("paid", 4, strings.ReplaceAll(paid, "%", "6")),
		line("paid", 5, strings.ReplaceAll(paid, "%", "7")),
		`{"mark":"probe","id":"x","seen":"2026-11-22T10:00:01Z","probe":{"does":"send","channel":"paid","position":"0@6","extra":true}}`,
		line("orders", 6, `"position":"0@2","key":"`+one+`","text":"read again"`),
	)
	if p.Alone != 1 || len(p.Shipments) != 3 {
		t.Fatalf("%d alone of %d: %+v", p.Alone, len(p.Shipments), p.Shipments)
	}
	if err := p.Rewrite(replay.NewRenamer("run")); err != nil {
		t.Fatal(err)
	}
	fresh := replay.NewRenamer("run").New(one)
	broken, mid := p.Shipments[1], p.Shipments[2]
	if broken.Chain != replay.Alone || string(broken.Message.Payload) != `{"order":"`+fresh+`` || string(broken.Message.Key) != fresh || string(broken.Was.Key) != one {
		t.Errorf("what nobody can read: %+v", broken)
	}
	if !mid.Mid || mid.Number != 4 || string(mid.Message.Payload) != `{"order":"`+fresh+`"}` {
		t.Errorf("what was sent in the middle: %+v", mid)
	}
}
