package flows

import (
	"fmt"
	"slices"
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/message"
)

// Split is a flow in lanes that can be judged apart, each by the messages of some
// keys only: the chains, by the id that every step carries, and each rule across
// chains by its own keys.
//
//	message → Router ─┬→ lane 0, id      → chains, and what is forbidden
//	                  └→ lane n, its key → one rule
type Split struct {
	flow *Flow
	name int // of the id, in flow.IDs
	// Lanes are flows: the chains', then one for each rule that has a key.
	Lanes []*Flow
	rules []int // by lane: its rule; -1 for the first
}

// NewSplit splits a flow. It fails, with the way out, where a message does not say
// by itself where it belongs.
func NewSplit(f *Flow) (*Split, error) {
	s := &Split{flow: f}
	if f.PartitionBy != "" {
		s.name = slices.IndexFunc(f.IDs, func(id IDName) bool { return id.Name == f.PartitionBy })
	}
	switch {
	case f.PartitionBy == "" && len(f.IDs) != 1 || s.name < 0:
		return nil, fmt.Errorf("flow %s: say by `partition-by:` which id every step carries", f.Name)
	case !f.IDs[s.name].Ties:
		return nil, fmt.Errorf("flow %s: partition-by: the id %s ties no chains together: name one that does", f.Name, f.IDs[s.name].Name)
	case s.name != 0:
		return nil, fmt.Errorf("flow %s: findings are named by the first id of correlate: put %s there, which every step carries", f.Name, f.IDs[s.name].Name)
	}
	chains := []int{}
	for i := range f.Rules {
		switch f.Rules[i].Kind {
		case "latency":
			return nil, fmt.Errorf("flow %s: the rule %s needs all chains in one place: leave it to a shadow of one process", f.Name, f.Rules[i].Name)
		case "never":
			chains = append(chains, i)
		}
	}
	s.add(-1, chains)
	for i := range f.Rules {
		if f.Rules[i].Kind != "never" {
			s.add(i, []int{i})
		}
	}
	return s, nil
}

// add makes a lane with some of the rules.
func (s *Split) add(rule int, with []int) {
	lane := *s.flow
	// What has closed must be known for as long as anything is waited for, so that
	// whoever reads the messages again from there says nothing else.
	lane.Remember = max(lane.Remember, lane.Timeout+lane.longest+lane.Settle)
	lane.Channels, lane.Rules = slices.Clone(s.flow.Channels), nil
	for i := range lane.Channels {
		plan := &lane.Channels[i].intake
		taps := plan.rules
		plan.rules = nil
		for _, tap := range taps {
			if n := slices.Index(with, tap.rule); n >= 0 {
				own := *tap
				own.rule = n
				plan.rules = append(plan.rules, &own)
			}
		}
	}
	for _, i := range with {
		lane.Rules = append(lane.Rules, s.flow.Rules[i])
	}
	s.Lanes, s.rules = append(s.Lanes, &lane), append(s.rules, rule)
}

// ID names the id that chains are split by.
func (s *Split) ID() string { return s.flow.IDs[s.name].Name }

// Horizon is how long before an instant reading has to begin, at least, for who
// is to know at that instant all that matters for later.
func (s *Split) Horizon() time.Duration {
	f := s.Lanes[0]
	longest := time.Duration(0)
	for i := range s.flow.Rules {
		longest = max(longest, s.flow.Rules[i].every)
	}
	return f.Remember + f.Timeout + f.longest + f.Settle + 2*longest + time.Minute
}

// Way is where a message belongs.
type Way struct {
	Lane int
	Key  string
}

// Router tells where messages belong. It is for one goroutine.
type Router struct {
	split *Split
	in    *intake
	one   reduced
	ways  []Way
}

// Router returns a new one.
func (s *Split) Router() *Router { return &Router{split: s, in: newIntake(s.flow)} }

// Route returns where a message belongs, until the next call; lost tells why
// nobody can know.
func (r *Router) Route(o *message.Observation) (ways []Way, lost string) {
	m := &r.one
	r.in.reduce(o, false, m)
	if m.lost != "" || m.dear {
		return nil, fmt.Sprintf("the message at %s cannot be read: nobody knows which chain it is of", o.Position)
	}
	r.ways = r.ways[:0]
	if m.channel < 0 {
		return nil, ""
	}
	key, known := r.chain(m)
	if !known {
		return nil, fmt.Sprintf("the message at %s has no id %s (partition-by), so that nobody knows which worker has its chain", o.Position, r.split.ID())
	}
	if key == "" {
		key = "@" + o.Position.String()
	}
	r.ways = append(r.ways, Way{0, key})
	if m.mine {
		r.rules(m)
	}
	return r.ways, ""
}

// chain is the id of the message's chain; "" is none. known is false where it may
// be of a chain, and does not say of which.
func (r *Router) chain(m *reduced) (id string, known bool) {
	if !m.mine {
		return "", true
	}
	for _, id := range m.IDs {
		if int(id.Name) == r.split.name {
			return correlate.Canonical(id).Value, true
		}
	}
	stray := m.Entry.Detail != nil && m.Entry.Detail.Stray != correlate.NotStray
	others := len(m.IDs)+len(m.Listed)+len(m.Loose) > 0
	return "", !others || m.Entry.Step == correlate.NoStep && !stray
}

// rules adds the lanes of the rules that see the message.
func (r *Router) rules(m *reduced) {
	for i, tap := range r.split.flow.Channels[m.channel].intake.rules {
		by, per := m.values[2*i], m.values[2*i+1]
		lane := slices.Index(r.split.rules, tap.rule)
		if lane < 0 || per.IsNil() {
			continue
		}
		key := keyOf(per)
		if tap.keyed {
			if by.IsNil() {
				continue
			}
			key += "\x00" + keyOf(by)
		}
		r.ways = append(r.ways, Way{lane, key})
	}
}

// Began notes that the taps were armed at the instant: before that, messages may
// have come that nobody has seen.
func (l *Live) Began(at correlate.Instant) { l.a.horizon.Started = at }

// Oldest is when the first message of the chains kept was seen; Never where there
// is none. It looks at each of them.
func (l *Live) Oldest() correlate.Instant {
	oldest := correlate.Never
	for n := range l.a.engine.All {
		c := l.a.engine.Show(n)
		for i := range c.Entries {
			if seen := c.Entries[i].Seen; oldest == correlate.Never || seen < oldest {
				oldest = seen
			}
		}
	}
	return oldest
}
