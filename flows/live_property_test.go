package flows_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/flows/oracle"
	"github.com/flowcheck/flowcheck/message"
)

// standing is what a Live has told and not withdrawn, by id.
type standing struct {
	flow     string
	findings map[string]flows.Finding
	unknown  map[string]bool
	closed   int
	wrong    []string
}

func newStanding(flow string) *standing {
	return &standing{flow: flow, findings: map[string]flows.Finding{}, unknown: map[string]bool{}}
}

func (s *standing) tell(j *flows.Judgement) {
	if j.Closed && !j.Again {
		s.closed++
	}
	for i := range j.Withdrawn {
		id := flows.FindingID(s.flow, &j.Withdrawn[i])
		if _, ok := s.findings[id]; !ok {
			s.wrong = append(s.wrong, "withdrawn and never told: "+j.Withdrawn[i].Text)
		}
		delete(s.findings, id)
	}
	for i := range j.Found {
		id := flows.FindingID(s.flow, &j.Found[i])
		// (A queue never has a place twice; some of the cases do.)
		if _, ok := s.findings[id]; ok && j.Found[i].Kind != flows.Forbidden {
			s.wrong = append(s.wrong, "told twice: "+j.Found[i].Text)
		}
		s.findings[id] = j.Found[i]
	}
}

// lines are the findings that stand, without percentiles: those are of windows.
func (s *standing) lines() string {
	var lines []string
	for _, f := range s.findings {
		lines = append(lines, spell(f))
	}
	return sorted(lines)
}

func spell(f flows.Finding) string {
	evidence := []string{}
	for _, e := range f.Evidence {
		evidence = append(evidence, e.Channel+" "+e.Position.String())
	}
	if f.Kind == flows.Slow || f.Anomaly == flows.InconsistentOffsets { // of windows; of no chain
		return ""
	}
	return line(string(f.Kind), f.Chain, f.Step, f.Rule, "", evidence)
}

func sorted(lines []string) string {
	lines = slices.DeleteFunc(lines, func(l string) bool { return l == "" })
	slices.Sort(lines)
	lines = slices.Compact(lines)
	return strings.Join(lines, "\n")
}

// TestALiveAuditSaysInTheEndWhatAnAuditSays: however often it looks, what it has
// told and not withdrawn is what an audit finds that looks at the end alone.
func TestALiveAuditSaysInTheEndWhatAnAuditSays(t *testing.T) {
	cases := oracle.Cases(oracle.Wish{Chains: 4})
	rapid.Check(t, func(t *rapid.T) {
		c := cases.Draw(t, "case")
		c.Run.Mode = "shadow"
		flow, errs := flows.Load("generated.yaml", []byte(c.Flow.YAML()), options())
		if len(errs) > 0 {
			t.Fatalf("%v", errs)
		}
		whole := audited(flow, c.Flow, c.Run)
		want := []string{}
		for _, f := range whole.Findings {
			want = append(want, spell(f))
		}
		got := newStanding(flow.Name)
		stats := liveOver(t, flow, c, got)
		if w, g := sorted(want), got.lines(); w != g || len(got.wrong) > 0 {
			t.Fatalf("%v\nlive (+) and at the end (-) differ\n%s\n%s\n%s", got.wrong, c.Flow.YAML(), told(c), difference(w, g))
		}
		if stats.Chains.Total != whole.Chains.Total || stats.Chains.Pass != whole.Chains.Pass || stats.Chains.Fail != whole.Chains.Fail {
			t.Fatalf("live counts %+v, at the end %+v\n%s\n%s", stats.Chains, whole.Chains, c.Flow.YAML(), told(c))
		}
	})
}

// liveOver gives a Live the events, and has it look at random moments.
func liveOver(t *rapid.T, flow *flows.Flow, c oracle.Case, got *standing) flows.LiveStats {
	cfg := flows.LiveConfig{Tell: got.tell}
	if c.Run.Started != oracle.None {
		cfg.Started = oracle.Time(c.Run.Started)
	}
	live := flows.NewLive(flow, cfg)
	for _, e := range c.Run.Events { // the taps say which partitions there are
		if event := c.Flow.Event(e); event.Observation != nil {
			o := event.Observation
			live.Add(message.Event{Mark: &message.Mark{Kind: message.MarkFence, Channel: o.Channel, Position: o.Position}})
		}
	}
	now := correlate.Instant(0)
	var end *message.Mark
	for _, e := range c.Run.Events {
		event := c.Flow.Event(e)
		switch {
		case event.Observation != nil:
			now = max(now, correlate.InstantOf(event.Observation.Seen))
		case event.Mark.Kind == message.MarkEnd:
			end = event.Mark
			continue
		}
		live.Add(event)
		if rapid.Bool().Draw(t, "look") {
			live.Sweep(now + correlate.Instant(rapid.IntRange(0, 700).Draw(t, "ms"))*correlate.Instant(time.Millisecond))
		}
	}
	return live.Close(end)
}
