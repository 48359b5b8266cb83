package source

import (
	"slices"
	"strings"
)

// Rule is one entry of rules:. One of the pointers is not nil.
type Rule struct {
	Kind Text // the key: ordered, unique, latency, never, every
	Name Text // optional

	Ordered *Ordered
	Unique  *Unique
	Latency *Latency
	Never   *Never
	Every   *Every
}

// Ordered wants By to rise by one, for each Per.
type Ordered struct {
	Channel Text
	By      Text // expression
	Per     Text // expression; not set: one sequence
	Gapless bool
}

// Unique wants no ID to occur twice.
type Unique struct {
	Channel Text
	ID      Text // expression
	Per     Text // expression; not set: in the whole channel
}

// Latency limits percentiles of the time between two steps.
type Latency struct {
	From, To Text // steps
	Limits   []Limit
}

// Limit is one percentile and what it may be at most.
type Limit struct {
	Key     string  // p50, p99.9, max
	Percent float64 // 0 < Percent <= 100; max is 100
	Max     Duration
}

// Never wants no message on the channel to have When.
type Never struct {
	Channel Text
	When    Text // expression
}

// Every wants a message at least every Within, for each Per.
type Every struct {
	Channel Text
	Per     Text // expression; not set: one sequence
	Within  Duration
}

// ruleKind is one kind of rule: its key, and how its map is read.
type ruleKind struct {
	name string
	read func(v val, r *Rule)
	keys []string
}

// kind makes a ruleKind of a T with its keys; the key name is common to all.
func kind[T any](name string, keys []key[T], at func(*Rule) **T) ruleKind {
	return ruleKind{
		name: name,
		keys: append(names(keys), "name"),
		read: func(v val, r *Rule) {
			into := new(T)
			*at(r) = into
			all := append(keys, key[T]{name: "name", read: func(v val, _ *T) { r.Name = v.word() }})
			object(v, "rule "+quote(name), all, into)
		},
	}
}

func ruleKinds() []ruleKind {
	return []ruleKind{
		kind("ordered", orderedKeys(), func(r *Rule) **Ordered { return &r.Ordered }),
		kind("unique", uniqueKeys(), func(r *Rule) **Unique { return &r.Unique }),
		kind("latency", latencyKeys(), func(r *Rule) **Latency { return &r.Latency }),
		kind("never", neverKeys(), func(r *Rule) **Never { return &r.Never }),
		kind("every", everyKeys(), func(r *Rule) **Every { return &r.Every }),
	}
}

func orderedKeys() []key[Ordered] {
	return []key[Ordered]{
		needed("channel", val.word, func(o *Ordered) *Text { return &o.Channel }),
		needed("by", val.expr, func(o *Ordered) *Text { return &o.By }),
		field("per", val.expr, func(o *Ordered) *Text { return &o.Per }),
		field("gapless", val.flag, func(o *Ordered) *bool { return &o.Gapless }),
	}
}

func uniqueKeys() []key[Unique] {
	return []key[Unique]{
		needed("channel", val.word, func(u *Unique) *Text { return &u.Channel }),
		needed("id", val.expr, func(u *Unique) *Text { return &u.ID }),
		field("per", val.expr, func(u *Unique) *Text { return &u.Per }),
	}
}

func latencyKeys() []key[Latency] {
	return []key[Latency]{
		needed("from", val.word, func(l *Latency) *Text { return &l.From }),
		needed("to", val.word, func(l *Latency) *Text { return &l.To }),
		limit("p50", 50), limit("p75", 75), limit("p90", 90), limit("p95", 95), limit("p99", 99),
		limit("p99.9", 99.9), limit("p99.99", 99.99), limit("max", 100),
	}
}

// limit is the key of a percentile.
func limit(name string, percent float64) key[Latency] {
	return key[Latency]{name: name, read: func(v val, l *Latency) {
		l.Limits = append(l.Limits, Limit{Key: name, Percent: percent, Max: v.duration()})
	}}
}

func neverKeys() []key[Never] {
	return []key[Never]{
		needed("channel", val.word, func(n *Never) *Text { return &n.Channel }),
		needed("when", val.expr, func(n *Never) *Text { return &n.When }),
	}
}

func everyKeys() []key[Every] {
	return []key[Every]{
		needed("channel", val.word, func(e *Every) *Text { return &e.Channel }),
		field("per", val.expr, func(e *Every) *Text { return &e.Per }),
		needed("within", val.duration, func(e *Every) *Duration { return &e.Within }),
	}
}

// rules reads rules:, a list of maps of one key each.
func (v val) rules() []Rule {
	var out []Rule
	v.each(func(v val) {
		if r, ok := v.rule(); ok {
			out = append(out, r)
		}
	})
	return out
}

func (v val) rule() (Rule, bool) {
	var r Rule
	kinds := ruleKinds()
	known := make([]string, len(kinds))
	for i, k := range kinds {
		known[i] = k.name
	}
	if !v.isMap("a rule") {
		return r, false
	}
	var found int
	for _, m := range v.Members {
		i := slices.Index(known, m.Name.Value)
		switch {
		case i >= 0 && found == 0:
			r.Kind = m.Name
			kinds[i].read(v.under(m.Name.Value, m.Value), &r)
			found++
		case i >= 0:
			v.errs.add(Errorf(m.Name.Pos, "two rules in one entry of the list").
				WithHint("begin %s with a `-` of its own", quote(m.Name.Value)))
		case m.Name.Value == "name":
			v.errs.add(Errorf(m.Name.Pos, "the `name` of a rule stands inside of it").
				WithHint("write - never: { name: …, channel: … }"))
		case !strings.HasPrefix(m.Name.Value, "x-"):
			v.unknownKey(m, "a rule", known)
		}
	}
	if found == 0 && len(v.Members) == 0 {
		v.failHint("it is one of: "+list(known), "this rule is empty")
	}
	if r.Latency != nil && v.Member("latency").Kind == Map {
		v.under("latency", v.Member("latency")).checkLimits()
	}
	return r, found > 0
}

// checkLimits wants at least one limit in a rule latency.
func (v val) checkLimits() {
	known := names(latencyKeys())
	for _, limit := range known {
		if limit != "from" && limit != "to" && v.meant(limit, known) {
			return
		}
	}
	v.failHint("add p95: 2s, or another of p50 p75 p90 p99 p99.9 p99.99 max", "rule `latency` has no limit")
}
