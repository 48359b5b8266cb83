package flows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

const sequenceFlow = `channels: { c: { broker: k, topic: c } }
correlate: { id: body.id }
steps:
  a: { channel: c }
rules:
  - ordered: { channel: c, by: body.seq, gapless: true }
`

// values are messages with the values, of one partition, at one time or each some
// time after the other.
func values(partition int32, from, by, n int, at, apart time.Duration) []message.Event {
	all := make([]message.Event, n)
	for i := range all {
		t := began.Add(at + time.Duration(i)*apart)
		all[i].Observation = &message.Observation{
			Message: message.Message{Payload: fmt.Appendf(nil, `{"seq":%d}`, from+i*by)}, Channel: "c",
			Position: message.At(partition, int64(i)), Time: t, Seen: t,
		}
	}
	return all
}

// judgedSequence judges them, and a chain that passes.
func judgedSequence(t *testing.T, events ...[]message.Event) *flows.Result {
	t.Helper()
	flow, text := loadStory(t, sequenceFlow)
	if flow == nil {
		t.Fatal(text)
	}
	audit := flows.NewAudit(flow, flows.AuditConfig{Mode: "verify", Started: began.Add(-time.Hour)})
	audit.Add(event(t, `c 9@0 +0s {"id":"1"}`))
	for _, e := range slices.Concat(events...) {
		audit.Add(e)
	}
	audit.Add(message.Event{Mark: &message.Mark{Kind: message.MarkEnd, Seen: began.Add(100 * time.Hour)}})
	return audit.Result()
}

func unknownFor(t *testing.T, r *flows.Result, reason string) {
	t.Helper()
	told := slices.ContainsFunc(r.Unknowns, func(u flows.Unknown) bool { return strings.Contains(u.Reason, reason) })
	if r.State != flows.NotKnown || !told {
		t.Errorf("%v: %d findings, %v", r.State, len(r.Findings), r.Unknowns)
	}
}

func passes(t *testing.T, r *flows.Result) {
	t.Helper()
	if r.State != flows.Pass {
		t.Errorf("%v: %v, %v", r.State, r.Findings, r.Unknowns)
	}
}

// TestMoreHolesThanAreRemembered: each second value comes first, and all that
// lie between come later. Nothing is missing, and nobody can tell any more.
func TestMoreHolesThanAreRemembered(t *testing.T) {
	few, many := 900, 3000
	passes(t, judgedSequence(t, values(0, 0, 2, few, 0, 0), values(1, 1, 2, few-1, 0, 0)))
	unknownFor(t, judgedSequence(t, values(0, 0, 2, many, 0, 0), values(1, 1, 2, many-1, 0, 0)), "more holes in")
}

// TestAMessageThatComesTooLateToBeJudged: by its time it came first; those that it
// came before have been forgotten but for the highest.
func TestAMessageThatComesTooLateToBeJudged(t *testing.T) {
	few, many := 1000, 5000
	first := values(1, 0, 1, 1, 500*time.Millisecond, 0)
	passes(t, judgedSequence(t, values(0, 1, 1, few, time.Second, time.Second), first))
	unknownFor(t, judgedSequence(t, values(0, 1, 1, many, time.Second, time.Second), first), "so much later than their neighbours")
}
