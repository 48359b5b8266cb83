package shadow

import (
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/flows"
)

// TestChainsAreCountedOnce: whatever of what was told a crash leaves in the journal.
func TestChainsAreCountedOnce(t *testing.T) {
	j := &journal{dir: t.TempDir(), before: flows.ChainCounts{Total: 5, Pass: 5}, segments: []segment{{}}}
	now := time.Unix(1000, 0)
	live := func(pass, fail int) flows.ChainCounts {
		return flows.ChainCounts{Total: pass + fail, Pass: pass, Fail: fail}
	}
	begin := func(last *Tally, chains flows.ChainCounts, open int) *counting {
		t.Helper()
		c := &counting{}
		if err := c.resume(j, last, flows.LiveStats{Open: open, Chains: chains}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.close() })
		return c
	}
	fresh := func(c *counting, n int) (told int) {
		for range n {
			if c.first() {
				told++
			}
		}
		return told
	}
	first := begin(&Tally{Total: 5, Pass: 5}, live(0, 0), 10)
	if n := fresh(first, 10); n != 10 {
		t.Fatalf("%d of 10 are told", n)
	}
	line := first.line(live(8, 2), now, true)
	if line == nil || *line.Chains != (Tally{10, 8, 2, 0}) || *line.All != (Tally{15, 13, 2, 0}) {
		t.Fatalf("%+v", line)
	}
	if err := first.note(live(9, 3)); err != nil { // two more, of which no line tells
		t.Fatal(err)
	}
	// It is killed, and three of the twelve have not closed by what the journal says.
	second := begin(line.All, live(7, 2), 3)
	if n := fresh(second, 7); n != 4 {
		t.Fatalf("of 7 that close, 3 of them again, %d are told", n)
	}
	if l := second.line(live(8, 2), now, true); l != nil {
		t.Fatalf("what was told is told again: %+v", l.Chains)
	}
	if l := second.line(live(10, 3), now, true); l == nil || *l.Chains != (Tally{3, 2, 1, 0}) {
		t.Fatalf("%+v", l)
	}
	// The flow file is another one, by which there are other chains.
	third := begin(&Tally{Total: 90_000}, live(1, 0), 0)
	if l := third.line(live(2, 0), now, true); l == nil || l.Chains.Total != 1 {
		t.Fatalf("%+v", l)
	}
}

// TestChainsAreCountedBeforeTheFirstLine: a process that is killed before it has
// told of any chains leaves them to the next one; one whose findings file was taken
// away has told them.
func TestChainsAreCountedBeforeTheFirstLine(t *testing.T) {
	j := &journal{dir: t.TempDir(), before: flows.ChainCounts{}}
	now := time.Unix(1000, 0)
	begin := func(chains flows.ChainCounts) *counting {
		t.Helper()
		c := &counting{}
		if err := c.resume(j, nil, flows.LiveStats{Chains: chains}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.close() })
		return c
	}
	first := begin(flows.ChainCounts{})
	if err := first.note(flows.ChainCounts{Total: 10, Pass: 10}); err != nil {
		t.Fatal(err)
	}
	j.segments = []segment{{}} // it is killed, and has written some of its journal
	second := begin(flows.ChainCounts{Total: 10, Pass: 10})
	l := second.line(flows.ChainCounts{Total: 12, Pass: 11, Fail: 1}, now, true)
	if l == nil || *l.Chains != (Tally{12, 11, 1, 0}) {
		t.Fatalf("after it was killed: %+v", l)
	}
	if err := second.note(flows.ChainCounts{Total: 12, Pass: 11, Fail: 1}); err != nil {
		t.Fatal(err)
	}
	third := begin(flows.ChainCounts{Total: 12, Pass: 11, Fail: 1})
	if l := third.line(flows.ChainCounts{Total: 13, Pass: 12, Fail: 1}, now, true); l == nil || *l.Chains != (Tally{1, 1, 0, 0}) {
		t.Fatalf("without the findings file: %+v", l)
	}
}
