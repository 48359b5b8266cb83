package flows_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/flows/oracle"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/report"
)

// sameReport demands that a changed run has the same report, byte for byte.
func sameReport(t *testing.T, change func(t *rapid.T, c oracle.Case) oracle.Run) {
	t.Helper()
	cases := oracle.Cases(oracle.Wish{Chains: 4})
	rapid.Check(t, func(t *rapid.T) {
		c := cases.Draw(t, "case")
		want := reportOf(t, engine(t, c.Flow, c.Run))
		reportsOn(t, c, change(t, c), want)
	})
}

// reportsOn demands that a changed run has the report.
func reportsOn(t fataler, c oracle.Case, run oracle.Run, want string) {
	t.Helper()
	changed := oracle.Case{Flow: c.Flow, Run: run}
	if got := reportOf(t, engine(t, c.Flow, run)); got != want {
		t.Fatalf("the report is another\n%s\n%s\n--- changed\n%s\n%s", c.Flow.YAML(), told(c), told(changed), difference(indented(want), indented(got)))
	}
}

// reportOf is the JSON report.
func reportOf(t fataler, r *flows.Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.JSON(&b, r); err != nil {
		t.Fatalf("%v", err)
	}
	return b.String()
}

// indented is a report to look at.
func indented(report string) string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(report), "", " "); err != nil {
		return report
	}
	return b.String()
}

func below(t *rapid.T) func(int) int {
	return func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") }
}

// TestInterleavingChangesNothing: the taps of several channels and partitions run
// side by side; which of them is ahead is chance.
func TestInterleavingChangesNothing(t *testing.T) {
	sameReport(t, func(t *rapid.T, c oracle.Case) oracle.Run {
		c.Run.Events = oracle.Shuffle(c.Run.Events, below(t))
		return c.Run
	})
}

// TestTheTimeOfDayChangesNothing: all times later, or earlier, by the same.
func TestTheTimeOfDayChangesNothing(t *testing.T) {
	sameReport(t, func(t *rapid.T, c oracle.Case) oracle.Run {
		by := rapid.Int64Range(-int64(1000*time.Hour), int64(1000*time.Hour)).Draw(t, "by")
		return oracle.Shifted(c.Run, by)
	})
}

// TestReadingAgainChangesNothing: the same offset, the same name, is one message.
func TestReadingAgainChangesNothing(t *testing.T) {
	sameReport(t, func(t *rapid.T, c oracle.Case) oracle.Run {
		return oracle.ReadAgain(c.Flow, c.Run, below(t))
	})
}

// TestAStrangerChangesNothingForOthers: what a chain is told does not depend on
// which others there are. (Rules across chains do, and are left out.)
func TestAStrangerChangesNothingForOthers(t *testing.T) {
	cases := oracle.Cases(oracle.Wish{Chains: 4})
	rapid.Check(t, func(t *rapid.T) {
		c := cases.Draw(t, "case")
		c.Flow.Rules = nil
		spaced, with := oracle.WithStranger(c.Flow, c.Run, below(t))
		want := ofOthers(engine(t, c.Flow, spaced))
		if got := ofOthers(engine(t, c.Flow, with)); got != want {
			t.Fatalf("a stranger changes what is told of others\n%s\n%s\n%s", c.Flow.YAML(), told(oracle.Case{Flow: c.Flow, Run: with}), difference(want, got))
		}
	})
}

// ofOthers are the findings and unknowns of chains, but for the stranger's.
func ofOthers(r *flows.Result) string {
	own := func(chain string) bool { return chain == "" || strings.HasPrefix(chain, "stranger") }
	kept := *r
	kept.Findings = slices.DeleteFunc(slices.Clone(r.Findings), func(f flows.Finding) bool { return own(f.Chain) })
	kept.Unknowns = slices.DeleteFunc(slices.Clone(r.Unknowns), func(u flows.Unknown) bool { return own(u.Chain) })
	_, lines, _ := strings.Cut(heard(&kept), "retried\n")
	return lines
}

// TestARecordingSaysWhatTheTapsSaid: the same events, written and read again with
// the fields of bodies taken out while lines are walked over, one by one and in
// batches.
func TestARecordingSaysWhatTheTapsSaid(t *testing.T) {
	cases := oracle.Cases(oracle.Wish{Chains: 4})
	rapid.Check(t, func(t *rapid.T) {
		c := cases.Draw(t, "case")
		want := reportOf(t, engine(t, c.Flow, c.Run))
		recorded(t, c, want)
	})
}

// recorded demands that the recording of a run has the same report.
func recorded(t fataler, c oracle.Case, want string) {
	t.Helper()
	var recording bytes.Buffer
	w := message.NewWriter(&recording, message.RecordingHeader{Flow: "generated", Started: oracle.Time(c.Run.Started)})
	for _, e := range c.Run.Events {
		if err := w.Write(c.Flow.Event(e)); err != nil {
			t.Fatalf("%v", err)
		}
	}
	for _, inBatches := range []bool{false, true} {
		if got := reportOf(t, played(t, c, recording.Bytes(), inBatches)); got != want {
			t.Fatalf("the recording is judged otherwise, in batches %v\n%s\n%s\n%s", inBatches, c.Flow.YAML(), recording.String(), difference(indented(want), indented(got)))
		}
	}
}

// played judges a recording.
func played(t fataler, c oracle.Case, recording []byte, inBatches bool) *flows.Result {
	t.Helper()
	flow, errs := flows.Load("generated.yaml", []byte(c.Flow.YAML()), options())
	if len(errs) > 0 {
		t.Fatalf("%v", errs)
	}
	reader, err := message.NewReader(bytes.NewReader(recording))
	if err != nil {
		t.Fatalf("%v", err)
	}
	audit := flows.NewAudit(flow, flows.AuditConfig{Mode: c.Run.Mode, Started: reader.Header().Started})
	reducer, batch := audit.Reducer(), &flows.Batch{}
	reader.Bodies = audit.Bodies()
	if inBatches {
		reader.Bodies = reducer.Bodies()
	}
	for n := 0; ; n++ {
		event, err := reader.Next()
		switch {
		case errors.Is(err, io.EOF):
			audit.AddBatch(batch)
			return audit.Result()
		case err != nil:
			t.Fatalf("%v", err)
		case !inBatches:
			audit.Add(event)
		default:
			if reducer.Reduce(event, n, batch); n%3 == 2 {
				audit.AddBatch(batch)
				batch.Reset()
			}
		}
	}
}
