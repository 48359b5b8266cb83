// Package mutate tests the test: it does to recorded traffic what goes wrong in
// practice, and asks which of it the flow file notices.
//
//	recording → audit of the whole, which must pass → Baseline
//	    └→ chains → sites (a chain, its neighbours) → mutants (one fault each)
//	                    mutant → audit of the excerpt → noticed, unknown, survived
//
// A mutant is judged by its chain and, where rules cross chains, by the messages
// about it that have the same key; the Baseline stands for the rest. For what
// survives a line is suggested that would have noticed.
package mutate

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// Config is what a campaign needs. Flow is required.
type Config struct {
	Flow *flows.Flow
	// Chains is how many chains are mutated at most, of each shape some; 0 is
	// DefaultChains. Messages is how many are kept in memory at most, so that
	// chains beyond them are left alone; 0 is DefaultMessages.
	Chains, Messages int
	// Cut, if not nil, may take an error of the recording for its end.
	Cut func(error) error
	// Progress, if not nil, is called now and then, from any goroutine.
	Progress func(done, total int)
}

// The defaults of a campaign.
const (
	DefaultChains   = 100
	DefaultMessages = 200_000
)

// Fault is a kind of mutation.
type Fault string

// The faults, in the order of reports.
const (
	Drop      Fault = "drop"
	Duplicate Fault = "duplicate"
	Delay     Fault = "delay"
	Swap      Fault = "swap"
	Reroute   Fault = "reroute"
	Corrupt   Fault = "corrupt"
	Strip     Fault = "strip"
	Alter     Fault = "alter"
	Join      Fault = "join"
)

// Faults are all of them.
func Faults() []Fault {
	return []Fault{Drop, Duplicate, Delay, Swap, Reroute, Corrupt, Strip, Alter, Join}
}

// Result is what a campaign found.
type Result struct {
	Flow string
	// Messages were read, Kept of them held; Chains were judged, Mutated of them
	// mutated.
	Messages, Kept, Chains, Mutated int
	Counts                          []Count
	Survivors                       []Survivor
}

// Count is what became of the mutants of one fault, or of all.
type Count struct {
	Fault                               Fault
	Mutants, Noticed, Unknown, Survived int
}

// Total counts all mutants.
func (r *Result) Total() Count {
	var all Count
	for _, c := range r.Counts {
		all.Mutants += c.Mutants
		all.Noticed += c.Noticed
		all.Unknown += c.Unknown
		all.Survived += c.Survived
	}
	return all
}

// Score is the share of the mutants that made the flow file fail, from 0 to 1.
func (c Count) Score() float64 {
	if c.Mutants == 0 {
		return 0
	}
	return float64(c.Noticed) / float64(c.Mutants)
}

// Survivor is a fault that the flow file does not always notice.
type Survivor struct {
	Fault Fault
	// Step is where; for a Swap, Other came first in the mutant. Channel is the
	// step's. Field is what was changed, where it was a field.
	Step, Other, Channel, Field string
	// Survived of Mutants; Chain is the first of them.
	Survived, Mutants int
	Chain             string
	// Add is what would have noticed, as lines of a flow file; Why says more.
	Add, Why string
}

// Name is what was done, in words.
func (s *Survivor) Name() string {
	switch s.Fault {
	case Swap:
		if s.Other == s.Step {
			return "swap two messages of one key on " + s.Channel
		}
		return "swap: " + s.Other + " before " + s.Step
	case Reroute:
		return "reroute " + s.Step + " to " + s.Other
	case Corrupt, Strip:
		return string(s.Fault) + " " + s.Field + " of " + s.Step
	case Alter:
		return "alter the " + s.Field + " of " + s.Step
	case Join:
		return "join: " + s.Step + " with the id of another chain"
	default:
		return string(s.Fault) + " " + s.Step
	}
}

// ErrNotPassing says that the recording does not pass as it is, so that there is
// nothing to be learnt from its mutants.
var ErrNotPassing = errors.New("the recording does not pass as it is")

// Run reads the recording, makes mutants of its chains and judges each. base is
// the verdict on the recording itself; where that is no pass the error is
// ErrNotPassing.
func Run(ctx context.Context, cfg Config, r *message.Reader) (result *Result, base *flows.Result, err error) {
	if cfg.Chains == 0 {
		cfg.Chains = DefaultChains
	}
	if cfg.Messages == 0 {
		cfg.Messages = DefaultMessages
	}
	t, err := readTraffic(ctx, &cfg, r)
	if err != nil {
		return nil, nil, err
	}
	if t.base.State != flows.Pass {
		return nil, t.base, ErrNotPassing
	}
	sites := t.sites()
	var all []*mutant
	for _, s := range sites {
		all = append(all, s.mutants()...)
	}
	if err := judgeAll(ctx, &cfg, sites, all); err != nil {
		return nil, t.base, err
	}
	result = &Result{Flow: cfg.Flow.Name, Messages: t.seen, Kept: len(t.messages), Chains: len(t.chains), Mutated: len(sites)}
	result.count(all)
	newSuggester(t, sites).suggest(result.Survivors)
	return result, t.base, nil
}

// fate is what became of a mutant.
type fate uint8

const (
	survived fate = iota
	unknown
	noticed
)

// judgeAll judges the mutants on as many cores as there are.
func judgeAll(ctx context.Context, cfg *Config, sites []*site, all []*mutant) error {
	var next, done atomic.Int64
	var group sync.WaitGroup
	worker := func(n int, work func(i int)) {
		next.Store(0)
		for range runtime.GOMAXPROCS(0) {
			group.Go(func() {
				for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
					work(i)
				}
			})
		}
		group.Wait()
	}
	worker(len(sites), func(i int) { sites[i].judgeBase() })
	worker(len(all), func(i int) {
		all[i].fate = all[i].judge()
		if n := done.Add(1); cfg.Progress != nil && n%256 == 0 {
			cfg.Progress(int(n), len(all))
		}
	})
	return ctx.Err()
}

// count sums up, by fault and by name.
func (r *Result) count(all []*mutant) {
	by := map[Survivor]*Survivor{}
	for _, f := range Faults() {
		c := Count{Fault: f}
		for _, m := range all {
			if m.what.Fault != f {
				continue
			}
			c.Mutants++
			s := by[m.what]
			if s == nil {
				own := m.what
				s = &own
				by[m.what] = s
			}
			s.Mutants++
			switch m.fate {
			case noticed:
				c.Noticed++
			case unknown:
				c.Unknown++
			default:
				c.Survived++
				if s.Survived++; s.Chain == "" {
					s.Chain = m.site.chain.name
				}
			}
		}
		r.Counts = append(r.Counts, c)
	}
	for _, s := range by {
		if s.Survived > 0 {
			r.Survivors = append(r.Survivors, *s)
		}
	}
	order := Faults()
	slices.SortStableFunc(r.Survivors, func(a, b Survivor) int {
		if a.Fault != b.Fault {
			return slices.Index(order, a.Fault) - slices.Index(order, b.Fault)
		}
		return strings.Compare(a.Name(), b.Name())
	})
}
