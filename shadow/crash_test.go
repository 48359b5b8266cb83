package shadow_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/shadow"
)

// image copies a state folder as a crash would leave it: whatever of each file has
// been written by the moment it is looked at.
func image(t testing.TB, from string) string {
	t.Helper()
	for {
		before := small(from)
		to := copied(t, from)
		if small(from) == before {
			return to
		}
	}
}

// small are the files that say which others count, and what was told: as they are
// at one moment, or a copy is of none.
func small(dir string) (all string) {
	for _, pattern := range []string{"findings.jsonl", "*/manifest.json", "*/counted"} {
		names, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, name := range names {
			data, _ := os.ReadFile(name) // one that is gone has changed
			all += name + string(data)
		}
	}
	return all
}

func copied(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	err := filepath.WalkDir(from, func(name string, e os.DirEntry, err error) error {
		if err != nil || e.Name() == "lock" {
			return nil //nolint:nilerr // it was removed while we looked
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return nil //nolint:nilerr // likewise
		}
		return os.WriteFile(filepath.Join(to, rel), data, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// traffic are chains with a fault now and then, sent a few at a time.
func (r *rig) traffic(n int, rng *rand.Rand) {
	tick := time.NewTicker(4 * time.Millisecond)
	defer tick.Stop()
	seq := 0
	var late []map[string]any
	for i := range n {
		<-tick.C
		id := fmt.Sprintf("o-%d", i)
		r.produce("orders", map[string]any{"order": id, "amount": i})
		seq++
		paid := map[string]any{"order": id, "amount": i, "seq": seq}
		switch rng.IntN(24) {
		case 0: // lost
		case 1:
			paid["amount"] = -1
			r.produce("payments", paid)
		case 2:
			r.produce("payments", paid)
			late = append(late, paid) // and again
		case 3:
			seq++ // a value never comes
			r.produce("payments", paid)
		default:
			r.produce("payments", paid)
		}
		if len(late) > 0 && rng.IntN(8) == 0 {
			r.produce("payments", late[0])
			late = late[1:]
		}
	}
}

// TestACrashChangesNoFinding: a shadow that is stopped dead at random moments, and
// goes on with what was on the disk, says what one says that nobody has disturbed.
func TestACrashChangesNoFinding(t *testing.T) {
	campaign(t, newRig(t), 0)
}

// TestACrashChangesNoFindingWhereTheJournalIsShort: what open and remembered chains
// need is carried over from each segment to the next.
func TestACrashChangesNoFindingWhereTheJournalIsShort(t *testing.T) {
	r := newRig(t)
	r.flows[0], _, _ = strings.Cut(orders, "  - ordered") // rules remember what the segments have
	campaign(t, r, 1)
}

// campaign crashes a shadow again and again, beside one that is left alone.
// journal is how many bytes its journal may have; 0 is the default.
func campaign(t *testing.T, r *rig, journal int64) {
	config := func(state string) shadow.Config {
		cfg := r.config(state)
		cfg.Limits.Journal = journal
		return cfg
	}
	const chains = 600
	undisturbed := r.start(r.config(r.state))
	rng := rand.New(rand.NewPCG(7, 7))
	state := t.TempDir()
	run := r.start(config(state))
	var sending sync.WaitGroup
	sent := make(chan struct{})
	sending.Go(func() {
		defer close(sent)
		r.traffic(chains, rand.New(rand.NewPCG(1, 2)))
	})
	crashes := 0
	for more := true; more; {
		select {
		case <-sent:
			more = false
		case <-time.After(time.Duration(rng.IntN(200)) * time.Millisecond):
		}
		state = image(t, state)
		run.end()
		run = r.start(config(state))
		crashes++
	}
	sending.Wait()
	var want, got []string
	defer func() {
		if t.Failed() {
			t.Logf("undisturbed: %q\n with crashes: %q\nopen %d and %d", difference(want, got), difference(got, want),
				undisturbed.cfg.Status.Flows()[0].Open.Load(), run.cfg.Status.Flows()[0].Open.Load())
		}
	}()
	until(t, "every loss told, and the same in both", func() bool {
		want, _ = stands(findings(t, r.state))
		got, _ = stands(findings(t, state))
		lost := 0
		for _, line := range want {
			if strings.HasPrefix(line, "missing") {
				lost++
			}
		}
		return lost >= 15 && slices.Equal(want, got) && quietFor(undisturbed, run)
	})
	if _, twice := stands(findings(t, state)); twice > 0 {
		t.Errorf("%d findings were told twice", twice)
	}
	for _, all := range [][]string{difference(want, got), difference(got, want)} {
		for _, line := range all {
			t.Error(line)
		}
	}
	a, b := undisturbed.end(), run.end()
	if a.Flows[0].Chains.Total != chains || fmt.Sprint(a.Flows[0].Chains) != fmt.Sprint(b.Flows[0].Chains) {
		t.Errorf("undisturbed %+v, with %d crashes %+v", a.Flows[0].Chains, crashes, b.Flows[0].Chains)
	}
	for _, dir := range []string{r.state, state} {
		if n := counted(findings(t, dir)); n.Total != chains {
			t.Errorf("the lines of the findings file count %+v, of %d chains", n, chains)
		}
	}
	if n, m := counted(findings(t, r.state)), counted(findings(t, state)); n != m {
		t.Errorf("undisturbed %+v, with %d crashes %+v", n, crashes, m)
	}
	t.Logf("%d crashes, %d findings", crashes, len(want))
}

// counted are the chains that all lines together tell of.
func counted(all []shadow.Record) (sum shadow.Tally) {
	for i := range all {
		if c := all[i].Chains; c != nil {
			sum.Total += c.Total
			sum.Pass += c.Pass
			sum.Fail += c.Fail
			sum.Unknown += c.Unknown
		}
	}
	return sum
}

// quietFor reports whether nothing is open any more.
func quietFor(all ...*running) bool {
	for _, run := range all {
		if run.cfg.Status.Flows()[0].Open.Load() > 0 {
			return false
		}
	}
	return true
}

func difference(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(line string) bool { return slices.Contains(b, line) })
}
