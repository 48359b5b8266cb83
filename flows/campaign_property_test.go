package flows_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/flows/oracle"
)

var (
	campaignChains = flag.Int("campaign.chains", 6000, "how many chains TestCampaign generates")
	campaignSeed   = flag.Uint64("campaign.seed", 20260101, "of what TestCampaign generates; the same gives the same")
)

// wishes are what a campaign generates in turn: faults of all sorts at once, one
// fault of any kind, one that must be found, and none; close to each other, and so
// far apart that chains are forgotten between them.
var wishes = []struct {
	name string
	wish oracle.Wish
}{
	{"many faults", oracle.Wish{Chains: 20}},
	{"one fault", oracle.Wish{Sound: true, Single: true, Chains: 20}},
	{"many faults", oracle.Wish{Chains: 6}},
	{"a fault that must be found", oracle.Wish{Sound: true, Planted: true, Chains: 20}},
	{"many faults", oracle.Wish{Chains: 20}},
	{"no fault", oracle.Wish{Sound: true, Chains: 20}},
	{"hours apart, a fault that must be found", oracle.Wish{Sound: true, Planted: true, Hours: true, Chains: 20}},
	{"hours apart, no fault", oracle.Wish{Sound: true, Hours: true, Chains: 20}},
}

// TestCampaign is all of the property tests at once, on as many chains as one
// likes: make campaign.
func TestCampaign(t *testing.T) {
	c := &campaign{
		runs: map[string]int{}, chains: map[string]int{}, kinds: map[string]int{}, unknowns: map[string]int{},
		planted: map[string]int{}, found: map[string]int{}, single: map[string]int{}, noticed: map[string]int{},
	}
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for n, ok := c.next(); ok; n, ok = c.next() {
				c.play(n)
			}
		})
	}
	workers.Wait()
	t.Log(c.summary())
	for _, d := range c.disagreements {
		t.Errorf("%s", d)
	}
}

// campaign counts what was generated, and what was said of it.
type campaign struct {
	mutex                sync.Mutex
	cases, all, reported int

	runs, chains, kinds, unknowns   map[string]int
	planted, found, single, noticed map[string]int
	disagreements                   []string
}

// maxDisagreements is when a campaign gives up.
const maxDisagreements = 5

// next is the number of the next case; false where there are enough.
func (c *campaign) next() (int, bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.cases++
	return c.cases - 1, c.all < *campaignChains && len(c.disagreements) < maxDisagreements
}

// play generates a case and lets both judges judge it, and it again in other ways.
func (c *campaign) play(n int) {
	w := wishes[n%len(wishes)]
	seed := *campaignSeed<<32 + uint64(n)
	drawn := oracle.Cases(w.wish).Example(int(seed & (1<<62 - 1)))
	var got *flows.Result
	complaint := complaintOf(func(t fataler) {
		got = engine(t, drawn.Flow, drawn.Run)
		compareWith(t, drawn, got)
		changedAsWell(t, drawn, got, w.wish, seed)
		p := drawn.Planted
		switch {
		case w.wish.Planted && p.Kind != "" && !found(got, p):
			t.Fatalf("%s, but there is no %s in chain %q, step %q, rule %q", p.Name, p.Kind, p.Chain, p.Step, p.Rule)
		case w.wish.Sound && !w.wish.Planted && !w.wish.Single && got.Chains.Total > 0 && got.State != flows.Pass:
			t.Fatalf("a sound system is accused: %s", heard(got))
		}
	})
	if complaint != "" {
		complaint = smaller(drawn, complaint)
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if complaint != "" {
		if !strings.Contains(complaint, "steps:") {
			complaint = drawn.Flow.YAML() + "\n" + told(drawn) + "\n" + complaint
		}
		c.disagreements = append(c.disagreements, fmt.Sprintf("case %d (%s) of seed %d\n%s", n, w.name, *campaignSeed, complaint))
	}
	if got != nil {
		c.count(w.name, drawn.Planted, got)
	}
}

// smaller leaves out what the two judges disagree without, so that a person can read
// it; where they agree, the complaint is another and stays.
func smaller(c oracle.Case, text string) string {
	disagree := func(run oracle.Run) string {
		return complaintOf(func(t fataler) { compare(t, oracle.Case{Flow: c.Flow, Run: run}) })
	}
	for again := true; again; {
		again = false
		for i := range slices.Backward(c.Run.Events) {
			less := c.Run
			less.Events = slices.Delete(slices.Clone(c.Run.Events), i, i+1)
			if found := disagree(less); found != "" {
				c.Run, text, again = less, found, true
			}
		}
	}
	return text
}

// changedAsWell demands the same report of the run in another order, at another
// time, read twice, or from its recording, and within limits none that accuses. What
// lies hours apart cannot come in another order: it would be forgotten.
func changedAsWell(t fataler, c oracle.Case, got *flows.Result, wish oracle.Wish, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 1))
	want := reportOf(t, got)
	n := 10
	if wish.Hours {
		n = 3
	}
	switch random.IntN(n) {
	case 0:
		reportsOn(t, c, oracle.Shifted(c.Run, random.Int64N(int64(1e18))-5e17), want)
	case 1:
		reportsOn(t, c, oracle.ReadAgain(c.Flow, c.Run, random.IntN), want)
	case 2:
		recorded(t, c, want)
	case 3, 4:
		limit(t, c, flows.AuditConfig{MaxChains: 1 + random.IntN(8), MaxEntries: 1 + random.IntN(6)})
	default:
		shuffled := c.Run
		shuffled.Events = oracle.Shuffle(c.Run.Events, random.IntN)
		reportsOn(t, c, shuffled, want)
	}
}

// complaintOf is what a check finds wrong, a panic included.
func complaintOf(check func(t fataler)) (text string) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case complaint:
			text = string(r)
		default:
			text = fmt.Sprintf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	check(complainer{})
	return ""
}

type (
	complaint  string
	complainer struct{}
)

func (complainer) Helper() {}

func (complainer) Fatalf(format string, args ...any) { panic(complaint(fmt.Sprintf(format, args...))) }

func (c *campaign) count(wish string, p oracle.Planted, r *flows.Result) {
	c.all += r.Chains.Total
	c.runs[wish+", "+r.State.String()]++
	for state, n := range map[string]int{"pass": r.Chains.Pass, "fail": r.Chains.Fail, "unknown": r.Chains.Unknown} {
		c.chains[state] += n
	}
	for _, f := range r.Findings {
		c.kinds[strings.TrimRight(string(f.Kind)+", "+string(f.Anomaly), ", ")]++
	}
	for _, u := range r.Unknowns {
		c.unknowns[wayOf(u.Reason)]++
	}
	switch {
	case p.Kind != "":
		c.planted[p.Name]++
		if found(r, p) {
			c.found[p.Name]++
		}
	case wish == "one fault" && p.Name != "":
		c.single[p.Name]++
		if r.State != flows.Pass {
			c.noticed[p.Name]++
		}
	}
	if c.all-c.reported >= 50_000 {
		c.reported = c.all
		fmt.Fprintf(os.Stderr, "%d chains of %d flows, %d disagreements\n", c.all, c.cases, len(c.disagreements))
	}
}

// wayOf is the way to unknown that a reason tells of.
func wayOf(reason string) string {
	for _, way := range []string{
		"may have been lost", "may still come", "may have come before the tap began", "headers do not carry", "no chain was seen", "is forgotten",
	} {
		if strings.Contains(reason, way) {
			return way
		}
	}
	return "a gap that touched no chain"
}

func (c *campaign) summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %d chains of %d flows, %d disagreements\n", *campaignSeed, c.all, c.cases, len(c.disagreements))
	table(&b, "runs", c.runs, nil)
	table(&b, "chains", c.chains, nil)
	table(&b, "findings", c.kinds, nil)
	table(&b, "unknown", c.unknowns, nil)
	table(&b, "one fault of any kind, and how often the run did not pass", c.single, c.noticed)
	table(&b, "one fault that must be found, and how often it was", c.planted, c.found)
	return b.String()
}

// table writes counts, each with its part if there are parts.
func table(b *strings.Builder, title string, counts, parts map[string]int) {
	fmt.Fprintf(b, "%s:\n", title)
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(b, "  %-48s %8d", name, counts[name])
		if parts != nil {
			fmt.Fprintf(b, " %8d", parts[name])
		}
		fmt.Fprintln(b)
	}
}
