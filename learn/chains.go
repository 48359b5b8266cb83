package learn

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/compare"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/infer"
)

// chains are what the ids tie together, with the draft's steps by index.
type chains struct {
	all [][]compare.Message
	// has is in how many chains a step is; both, before: of two steps, in how many
	// chains both are, and in how many all of the first came before the second.
	has    []int
	both   [][]int
	before [][]int
	gap    [][]time.Duration // the longest from the last of one to a message of the other
}

// learnChains ties the messages and sees which steps follow which, how often,
// how soon, and where chains end.
func (l *lesson) learnChains() error {
	f, errs := flows.Load("draft", []byte(l.render()), flows.Options{Offline: true})
	if len(errs) > 0 {
		return fmt.Errorf("what was learnt so far is no flow file: %w", errs)
	}
	set := compare.NewSet(f, compare.NewNames())
	audit := flows.NewAudit(f, flows.AuditConfig{Mode: "verify", Judged: set.Judged})
	for _, e := range l.events {
		if e.Observation != nil {
			set.Take(e.Observation)
		}
		audit.Add(e)
	}
	audit.Result()
	c := &chains{}
	all := set.Chains()
	for i := range all {
		c.all = append(c.all, all[i].Messages())
	}
	if len(c.all) == 0 {
		return fmt.Errorf("%w: no message has an id", ErrNothing)
	}
	l.dropLoose(c)
	c.relate(len(l.draft.steps))
	l.learnOrder(c)
	l.learnCounts(c)
	l.learnChecks(c)
	l.learnOutcomes(c)
	return nil
}

// dropLoose says of steps that no chain has that nothing ties them.
func (l *lesson) dropLoose(c *chains) {
	tied := map[int]bool{}
	for _, chain := range c.all {
		for i := range chain {
			tied[chain[i].Step] = true
		}
	}
	renumber := make([]int, len(l.draft.steps))
	var kept []*draftStep
	for i, s := range l.draft.steps {
		renumber[i] = -1
		if tied[i] {
			renumber[i] = len(kept)
			kept = append(kept, s)
		}
	}
	l.draft.steps = kept
	for _, chain := range c.all {
		for i := range chain {
			if chain[i].Step >= 0 {
				chain[i].Step = renumber[chain[i].Step]
			}
		}
	}
}

func (c *chains) relate(n int) {
	c.has = make([]int, n)
	c.both, c.before, c.gap = make([][]int, n), make([][]int, n), make([][]time.Duration, n)
	for i := range n {
		c.both[i], c.before[i], c.gap[i] = make([]int, n), make([]int, n), make([]time.Duration, n)
	}
	for _, chain := range c.all {
		first, last := ends(chain, n)
		for i := range n {
			if first[i] != nil {
				c.has[i]++
			}
		}
		for a := range n {
			for b := range n {
				if a == b || first[a] == nil || first[b] == nil {
					continue
				}
				c.both[a][b]++
				if earlier(last[a], first[b]) {
					c.before[a][b]++
				}
				c.gap[a][b] = max(c.gap[a][b], last[b].At().Sub(last[a].At()), last[b].Seen.Sub(last[a].Seen))
			}
		}
	}
}

// ends are the first and the last message of each step in a chain.
func ends(chain []compare.Message, n int) (first, last []*compare.Message) {
	first, last = make([]*compare.Message, n), make([]*compare.Message, n)
	for i := range chain {
		m := &chain[i]
		if m.Step < 0 {
			continue
		}
		if first[m.Step] == nil || earlier(m, first[m.Step]) {
			first[m.Step] = m
		}
		if last[m.Step] == nil || earlier(last[m.Step], m) {
			last[m.Step] = m
		}
	}
	return first, last
}

// earlier reports whether a came before b: by the brokers' times, and where there
// is none on a side or they are equal, by arrival.
func earlier(a, b *compare.Message) bool {
	if a.Time.Known() && b.Time.Known() && a.Time != b.Time {
		return a.Time < b.Time
	}
	return a.Seen < b.Seen
}

// learnOrder puts each step after the last of those that always come before it.
func (l *lesson) learnOrder(c *chains) {
	longest := time.Duration(0)
	for b, s := range l.draft.steps {
		var before []int
		for a := range l.draft.steps {
			if a != b && c.both[a][b] == c.has[b] && c.before[a][b] == c.both[a][b] {
				before = append(before, a)
			}
		}
		if len(before) == 0 {
			continue
		}
		// The last: before which the most of the others always come; else the nearest.
		slices.SortFunc(before, func(x, y int) int {
			return cmp.Or(cmp.Compare(rank(c, before, y), rank(c, before, x)), cmp.Compare(c.gap[x][b], c.gap[y][b]), cmp.Compare(x, y))
		})
		a := before[0]
		s.after = []string{l.draft.steps[a].name}
		s.within = infer.Deadline(max(c.gap[a][b], leastGap))
		longest = max(longest, c.gap[a][b])
		s.because = append(s.because, fmt.Sprintf("after %s in all %d chains that have it, at most %s later", l.draft.steps[a].name, c.has[b], round(c.gap[a][b])))
	}
	l.draft.timeout = infer.Deadline(max(longest, time.Second))
}

// leastGap is the shortest time that a deadline is made of: a quiet machine is no
// measure of a busy one.
const leastGap = 250 * time.Millisecond

// rank is how many of the steps always come before the step.
func rank(c *chains, all []int, step int) int {
	n := 0
	for _, a := range all {
		if a != step && c.both[a][step] == c.has[step] && c.before[a][step] == c.both[a][step] {
			n++
		}
	}
	return n
}

func round(d time.Duration) time.Duration {
	if d > time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}

// learnCounts finds the steps that come otherwise than once.
func (l *lesson) learnCounts(c *chains) {
	for i, s := range l.draft.steps {
		least, most := 1<<30, 0
		var examples []*infer.Example
		for _, chain := range c.all {
			n := count(chain, i)
			if n == 0 {
				continue
			}
			least, most = min(least, n), max(most, n)
			e := infer.NewExample([]compare.Field{{Path: "count", Value: fmt.Sprint(n)}})
			l.earlier(e, chain, i)
			examples = append(examples, e)
		}
		if most <= 1 {
			continue
		}
		s.count = fmt.Sprintf("%d..%d", least, most)
		if least == most {
			s.count = fmt.Sprint(most)
		}
		s.because = append(s.because, fmt.Sprintf("it comes %d to %d times in a chain", least, most))
		if g, ok := infer.Field("count", examples); ok {
			if of, found := strings.CutPrefix(g.Check, "count == len("); found {
				s.count = "len(" + of
				s.because[len(s.because)-1] += ", as often as " + strings.TrimSuffix(of, ")") + " has items, in all " + fmt.Sprint(g.Holds)
			}
		}
	}
}

func count(chain []compare.Message, step int) int {
	n := 0
	for i := range chain {
		if chain[i].Step == step {
			n++
		}
	}
	return n
}

// earlier gives an example the steps that come before the step, and once.
func (l *lesson) earlier(e *infer.Example, chain []compare.Message, step int) {
	done := map[int]bool{}
	for at := step; len(l.draft.steps[at].after) > 0; {
		name := l.draft.steps[at].after[0]
		at = slices.IndexFunc(l.draft.steps, func(s *draftStep) bool { return s.name == name })
		if done[at] {
			return
		}
		done[at] = true
		if l.draft.steps[at].count != "" || count(chain, at) != 1 {
			continue
		}
		for i := range chain {
			if chain[i].Step == at {
				e.After(name, chain[i].Fields)
			}
		}
	}
}

// Bounds on checks: how many a step gets, and from how many messages.
const (
	maxChecks   = 4
	maxExamples = 2000
	leastHolds  = 3
)

// learnChecks finds fields that are equal to those of earlier steps, and what
// dead letters always say of their failure.
func (l *lesson) learnChecks(c *chains) {
	for i, s := range l.draft.steps {
		var examples []*infer.Example
		paths := map[string]bool{}
		for _, chain := range c.all[:min(len(c.all), maxExamples)] {
			for k := range chain {
				if chain[k].Step != i {
					continue
				}
				e := infer.NewExample(chain[k].Fields)
				l.earlier(e, chain, i)
				examples = append(examples, e)
				for _, f := range chain[k].Fields {
					paths[f.Path] = true
				}
			}
		}
		for _, path := range sorted(paths) {
			g, ok := infer.Field(path, examples)
			death := strings.HasPrefix(g.Check, "death.reason ==") || strings.HasPrefix(g.Check, "death.attempts ==")
			wanted := ok && g.Holds == len(examples) && g.Holds >= leastHolds && l.relates(g.Check, path)
			if ok && death || wanted && len(s.checks) < maxChecks {
				s.checks = append(s.checks, draftCheck{g.Check, g.Why})
			}
		}
	}
}

// relates reports whether a check holds a field of the body against another
// step's, and not the id that ties them.
func (l *lesson) relates(check, path string) bool {
	if !strings.HasPrefix(path, "body.") || strings.Contains(check, `" + `) {
		return false
	}
	for _, id := range l.draft.ids {
		if strings.Contains(id.expr, path) {
			return false
		}
	}
	return slices.ContainsFunc(l.draft.steps, func(s *draftStep) bool { return strings.HasPrefix(check, path+" == "+s.name+".") })
}
