package compare

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flowcheck/flowcheck/flows"
)

// Config of a comparison of two sets. Flow, Was and Now are required.
type Config struct {
	Flow     *flows.Flow
	Was, Now *Set
	// Again, if not nil, has the same triggers as Was, run again on the same system:
	// what differs between the two is noise.
	Again *Set
	// Renamed, if not nil, is what the ids of Was are called in Now, AgainRenamed the
	// same in Again: chains are then paired by ids alone.
	Renamed, AgainRenamed Renamed
	// AgainOfNow: Again has the triggers of Was, run again on the system of Now:
	// what differs between those two is noise.
	AgainOfNow bool
	// Only, if not nil, are the chains of Was that are compared.
	Only func(*Chain) bool
	// Steps, if not nil, are all that is compared, by index; outcomes are not.
	Steps map[int]bool
	// Unsure, if not nil, says of a chain that differs that what did not come in Now may
	// have come unseen: then neither that nor its outcome is a difference.
	Unsure func(was *Chain, all []Difference) bool
	// Slower, if not 0, is how many times the 95th percentile of a step's latency
	// may grow.
	Slower float64
	// WasName and NowName are how reports call the sides.
	WasName, NowName string
}

// changed is a pair that differs.
type changed struct {
	pair Pair
	all  []Difference
}

// diff is a comparison under way.
type diff struct {
	cfg     Config
	pairing *Pairing
	twins   map[*Chain]*Chain // of Was, in Again
	changed []changed
	ignored map[Ignored]int
	spans   map[kind]*[2][]time.Duration
}

// Diff compares two sets, on as many goroutines as there are cores, and says so
// as an audit would: a finding of the kind changed for each difference, unknown
// for each chain that has no like.
func Diff(cfg Config) *flows.Result {
	c := New(cfg.Flow)
	d := &diff{cfg: cfg, pairing: c.pairs(cfg.Was, cfg.Now, cfg.Renamed), ignored: map[Ignored]int{}, spans: map[kind]*[2][]time.Duration{}}
	if cfg.Only != nil {
		d.pairing.OnlyWas = slices.DeleteFunc(d.pairing.OnlyWas, func(c *Chain) bool { return !cfg.Only(c) })
		d.pairing.Pairs = slices.DeleteFunc(d.pairing.Pairs, func(p Pair) bool { return !cfg.Only(p.Was) })
	}
	d.alias()
	if cfg.Again != nil {
		d.twins = map[*Chain]*Chain{}
		for _, p := range c.pairs(cfg.Was, cfg.Again, cfg.AgainRenamed).Pairs {
			d.twins[p.Was] = p.Now
		}
	}
	d.compare()
	d.dropRaces()
	d.dropAbsences()
	return d.result()
}

// alias has what is fresh in the triggers of a pair stand for the same on both
// sides, wherever else it stands.
func (d *diff) alias() {
	if len(d.pairing.Fresh) == 0 {
		return
	}
	c := New(d.cfg.Flow)
	fresh := map[string]bool{}
	for _, f := range d.pairing.Fresh {
		fresh[f] = true
	}
	for _, p := range d.pairing.Pairs {
		for _, chain := range [2]*Chain{p.Was, p.Now} {
			for _, t := range c.triggers(chain) {
				for _, f := range t.fields {
					name := c.label(t.kind) + " " + f.path
					value := strings.Trim(string(f.value), `"`)
					if fresh[name] && len(value) >= 4 && !strings.Contains(value, "‹") {
						chain.Aliases = append(chain.Aliases, Alias{value, name})
					}
				}
			}
		}
	}
}

// compare compares all pairs.
func (d *diff) compare() {
	n := runtime.GOMAXPROCS(0)
	parts := make([]diff, n)
	var group sync.WaitGroup
	for i := range parts {
		group.Go(func() {
			part := &parts[i]
			*part = diff{cfg: d.cfg, twins: d.twins, spans: map[kind]*[2][]time.Duration{}}
			c := New(d.cfg.Flow)
			c.part = d.cfg.Steps
			all := d.pairing.Pairs
			for _, p := range all[len(all)*i/n : len(all)*(i+1)/n] {
				part.pair(c, p)
			}
			part.ignored = c.Ignored()
		})
	}
	group.Wait()
	for i := range parts {
		d.changed = append(d.changed, parts[i].changed...)
		for k, n := range parts[i].ignored {
			d.ignored[k] += n
		}
		for k, s := range parts[i].spans {
			have := d.span(k)
			have[0], have[1] = append(have[0], s[0]...), append(have[1], s[1]...)
		}
	}
}

func (d *diff) span(k kind) *[2][]time.Duration {
	s := d.spans[k]
	if s == nil {
		s = &[2][]time.Duration{}
		d.spans[k] = s
	}
	return s
}

func (d *diff) pair(c *Comparer, p Pair) {
	var noise *Noise
	if twin := d.twins[p.Was]; twin != nil && !same(p.Was, p.Now) {
		first := p.Was
		if d.cfg.AgainOfNow {
			first = p.Now
		}
		noise = c.Learn(first, twin)
	}
	if all := c.Chains(p.Was, p.Now, noise); len(all) > 0 {
		d.changed = append(d.changed, changed{p, all})
	}
	for side, chain := range [2]*Chain{p.Was, p.Now} {
		first := chain.first()
		for i := range chain.messages {
			m := &chain.messages[i]
			if m.step >= 0 {
				s := d.span(m.kind())
				s[side] = append(s[side], m.at().Sub(first))
			}
		}
	}
}

// dropAbsences takes out what did not come where nobody can tell.
func (d *diff) dropAbsences() {
	if d.cfg.Unsure == nil {
		return
	}
	kept := d.changed[:0]
	for _, one := range d.changed {
		if d.cfg.Unsure(one.pair.Was, one.all) {
			one.all = slices.DeleteFunc(one.all, func(x Difference) bool { return x.What == Missing || x.What == Outcome })
		}
		if len(one.all) > 0 {
			kept = append(kept, one)
		}
	}
	d.changed = kept
}

// dropRaces takes out the orders that the original itself has both ways.
func (d *diff) dropRaces() {
	races := map[string]bool{}
	for i := range d.changed {
		for _, x := range d.changed[i].all {
			if x.What == Order {
				races[x.Was] = false
			}
		}
	}
	if len(races) == 0 {
		return
	}
	c := New(d.cfg.Flow)
	for i := range d.cfg.Was.chains {
		chain := &d.cfg.Was.chains[i]
		x := c.begin(chain, chain, nil)
		for k, a := range x.kinds {
			for _, b := range x.kinds[k+1:] {
				switch x.was.relation(c.flow.Skew, c.flow.ProducerSkew, a, b) {
				case -1:
					races[c.label(b)+" before "+c.label(a)] = true
				case 1:
					races[c.label(a)+" before "+c.label(b)] = true
				}
			}
		}
	}
	kept := d.changed[:0]
	for _, one := range d.changed {
		one.all = slices.DeleteFunc(one.all, func(x Difference) bool {
			if x.What != Order || !races[x.Was] {
				return false
			}
			d.ignored[Ignored{Step: x.Was, Why: "the original has it both ways"}]++
			return true
		})
		if len(one.all) > 0 {
			kept = append(kept, one)
		}
	}
	d.changed = kept
}
