package mutate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/compare"
	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// traffic is a recording in memory, with what the flow says of it.
type traffic struct {
	cfg      *Config
	seen     int
	started  time.Time
	messages []*message.Observation // the i-th is the audit's number i+1
	marks    []*message.Mark        // of scenarios
	chains   []chain
	base     *flows.Result
	baseline *flows.Baseline
	keyed    map[ruleKey][]int // the messages that a rule follows, by key
	byKey    map[lane][]int    // the messages of one key, in one partition
	set      *compare.Set
}

type ruleKey struct {
	rule int
	key  string
}

// lane is where order is kept: a key within a partition.
type lane struct {
	channel   string
	partition int32
	key       string
}

// chain is a judged chain whose messages are all kept.
type chain struct {
	name    string
	ids     map[string]string
	outcome int
	shape   string
	entries []entry // in canonical order
}

type entry struct {
	number  int // in traffic.messages
	step    int16
	channel int16
	at      correlate.Instant
	timed   bool
}

// pause is how many messages pass between two looks at the context.
const pause = 4096

func readTraffic(ctx context.Context, cfg *Config, r *message.Reader) (*traffic, error) {
	t := &traffic{cfg: cfg, started: r.Header().Started, keyed: map[ruleKey][]int{}, byKey: map[lane][]int{}, set: compare.NewSet(cfg.Flow, compare.NewNames())}
	audit := flows.NewAudit(cfg.Flow, flows.AuditConfig{
		Mode: "verify", Started: t.started, Probes: r.Header().Probes,
		Judged: func(j flows.Judged) { t.judged(j) },
	})
	keys := audit.Reducer()
	for n := 0; ; n++ {
		if n%pause == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && cfg.Cut != nil {
			if err = cfg.Cut(err); err == nil {
				break
			}
		}
		if err != nil {
			return nil, err
		}
		if e.Mark != nil && e.Mark.Kind == message.MarkScenario {
			t.marks = append(t.marks, e.Mark)
		}
		if e.Observation != nil {
			if t.seen++; len(t.messages) < cfg.Messages {
				t.keep(e.Observation, keys)
			}
		}
		audit.Add(e)
	}
	t.base = audit.Result()
	t.baseline = audit.Baseline().Until(cfg.Flow)
	return t, nil
}

func (t *traffic) keep(o *message.Observation, keys *flows.Reducer) {
	number := len(t.messages)
	o = o.Clone()
	o.Scan = 0
	t.messages = append(t.messages, o)
	t.set.Take(o)
	keys.RuleKeys(o, func(rule int, key string) {
		k := ruleKey{rule, strings.Clone(key)}
		t.keyed[k] = append(t.keyed[k], number)
	})
	if o.Position.Kind == message.PartitionOffset && o.Key != nil {
		l := lane{o.Channel, o.Position.Partition, string(o.Key)}
		t.byKey[l] = append(t.byKey[l], number)
	}
}

// judged keeps a chain, if all its messages are kept.
func (t *traffic) judged(j flows.Judged) {
	if j.Verdict.State() != flows.Pass || len(j.Entries) == 0 {
		return
	}
	c := chain{outcome: j.Verdict.Outcome, ids: map[string]string{}}
	for _, id := range j.Chain.IDs {
		name := t.cfg.Flow.IDs[id.Name].Name
		if have, ok := c.ids[name]; !ok || id.Value < have {
			c.ids[name] = id.Value
		}
	}
	for i := range t.cfg.Flow.IDs {
		if c.name = c.ids[t.cfg.Flow.IDs[i].Name]; c.name != "" {
			break
		}
	}
	shape := fmt.Sprint(c.outcome)
	for _, e := range j.Entries {
		if int(e.Seq) > len(t.messages) {
			return
		}
		c.entries = append(c.entries, entry{number: int(e.Seq) - 1, step: e.Step, channel: e.Channel, at: e.At(), timed: e.Time.Known()})
		shape += fmt.Sprint(" ", e.Step)
	}
	c.shape = shape
	t.chains = append(t.chains, c)
	t.set.Judged(j)
}

// sites are the chains to mutate: of each shape some, in the order in which they
// came.
func (t *traffic) sites() []*site {
	shapes := map[string][]int{}
	var order []string
	for i := range t.chains {
		shape := t.chains[i].shape
		if shapes[shape] == nil {
			order = append(order, shape)
		}
		shapes[shape] = append(shapes[shape], i)
	}
	var chosen []int
	for round := 0; len(chosen) < min(t.cfg.Chains, len(t.chains)); round++ {
		for _, shape := range order {
			if of := shapes[shape]; round < len(of) && len(chosen) < t.cfg.Chains {
				chosen = append(chosen, of[round])
			}
		}
	}
	slices.Sort(chosen)
	sites := make([]*site, len(chosen))
	for i, at := range chosen {
		sites[i] = t.site(&t.chains[at])
	}
	for i, s := range sites {
		s.other = sites[(i+1)%len(sites)]
	}
	return sites
}

// window is how many messages of the same key, before and after, stand by the
// messages of a chain for the rules that cross chains.
const window = 16

// site gathers what a chain's mutants are judged by.
func (t *traffic) site(c *chain) *site {
	s := &site{traffic: t, chain: c}
	near := map[int]bool{}
	keys := flows.NewAudit(t.cfg.Flow, flows.AuditConfig{}).Reducer()
	for _, e := range c.entries {
		keys.RuleKeys(t.messages[e.number], func(rule int, key string) {
			t.around(t.keyed[ruleKey{rule, key}], e.number, near)
		})
	}
	for _, e := range c.entries {
		near[e.number] = false
	}
	for number, isNear := range near {
		if isNear {
			s.near = append(s.near, number)
		}
	}
	slices.Sort(s.near)
	for _, m := range t.marks {
		for name, value := range m.IDs {
			if c.ids[name] == value {
				s.marks = append(s.marks, m)
				break
			}
		}
	}
	return s
}

func (t *traffic) around(all []int, number int, near map[int]bool) {
	i, _ := slices.BinarySearch(all, number)
	for _, n := range all[max(0, i-window):min(len(all), i+window+1)] {
		near[n] = true
	}
}
