package shadow

import (
	"fmt"
	"path/filepath"
	"testing"
)

// TestInheritedKeepsTheLast: of many findings the last ones can be taken back.
func TestInheritedKeepsTheLast(t *testing.T) {
	name := filepath.Join(t.TempDir(), "findings.jsonl")
	l, err := openLedger(name)
	if err != nil {
		t.Fatal(err)
	}
	const n = 3 * maxStanding
	var all []Record
	for i := range n {
		all = append(all, Record{Event: EventFinding, Flow: "f", ID: fmt.Sprint(i), Chain: fmt.Sprint("o-", i)})
	}
	if fresh, err := l.add(all); err != nil || len(fresh) != n {
		t.Fatal(len(fresh), err)
	}
	if fresh, err := l.add(all); err != nil || len(fresh) != 0 {
		t.Fatal("told twice: ", len(fresh), err)
	}
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	if l, err = openLedger(name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.close() })
	var s FlowSummary
	l.summary("f", &s)
	if got := l.inherited("f"); len(got) != n || s.Findings != n || len(s.Standing) != maxStanding {
		t.Fatal(len(got), s.Findings, len(s.Standing))
	}
}
