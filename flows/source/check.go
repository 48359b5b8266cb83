package source

import (
	"slices"
	"strings"
)

// checkNames reports names that two files, or two scenarios or rules, define.
func checkNames(f *File, errs *collector) {
	define := func(what string) func(Text) {
		first := map[string]Position{}
		return func(name Text) {
			if !name.IsSet() {
				return
			}
			if at, ok := first[name.Value]; ok {
				errs.add(twice(what+" "+quote(name.Value), name.Pos, at))
				return
			}
			first[name.Value] = name.Pos
		}
	}
	all(f.Vars, func(x Var) Text { return x.Name }, define("variable"))
	all(f.Brokers, func(x Broker) Text { return x.Name }, define("broker"))
	all(f.Channels, func(x Channel) Text { return x.Name }, define("channel"))
	all(f.Correlate, func(x ID) Text { return x.Name }, define("id"))
	all(f.Steps, func(x Step) Text { return x.Name }, define("step"))
	all(f.Outcomes, func(x Outcome) Text { return x.Name }, define("outcome"))
	all(f.Rules, func(x Rule) Text { return x.Name }, define("rule"))
	all(f.Scenarios, func(x Scenario) Text { return x.Name }, define("scenario"))
	all(f.Hooks, func(x Hook) Text { return x.Name }, define("hook"))
}

func all[T any](items []T, name func(T) Text, do func(Text)) {
	for _, item := range items {
		do(name(item))
	}
}

// references checks what refers to what.
type references struct {
	errs *collector

	brokers, channels, ids, steps, outcomes known
}

// known is the names that something has, in the order of the file.
type known struct {
	names []string
	has   map[string]bool
}

func knownNames[T any](items []T, name func(T) Text) known {
	k := known{has: map[string]bool{}}
	all(items, name, func(t Text) {
		k.names = append(k.names, t.Value)
		k.has[t.Value] = true
	})
	return k
}

// checkReferences reports names that nothing defines, cycles, and what the file
// as a whole lacks. Where a part of the file could not be read, nothing is
// reported as unknown.
func checkReferences(f *File, errs *collector) {
	checkCycles(f.Steps, errs)
	checkTwice(f, errs)
	if f.Incomplete {
		return
	}
	r := &references{
		errs:     errs,
		brokers:  knownNames(f.Brokers, func(x Broker) Text { return x.Name }),
		channels: knownNames(f.Channels, func(x Channel) Text { return x.Name }),
		ids:      knownNames(f.Correlate, func(x ID) Text { return x.Name }),
		steps:    knownNames(f.Steps, func(x Step) Text { return x.Name }),
		outcomes: knownNames(f.Outcomes, func(x Outcome) Text { return x.Name }),
	}
	r.whole(f)
	for _, c := range f.Channels {
		r.to("broker", r.brokers, c.Broker)
		r.to("channel", r.channels, c.DeadLetters...)
		r.to("channel", r.channels, c.Retries...)
	}
	for _, s := range f.Steps {
		r.to("channel", r.channels, s.Channel)
		r.to("step", r.steps, s.After...)
	}
	for _, o := range f.Outcomes {
		r.to("step", r.steps, o.Steps...)
	}
	for _, rule := range f.Rules {
		r.rule(rule)
	}
	for _, s := range f.Scenarios {
		r.scenario(s)
	}
	r.to("id", r.ids, f.PartitionBy)
	for _, id := range f.Correlate {
		if f.PartitionBy.IsSet() && id.Name.Value == f.PartitionBy.Value && !id.Ties {
			errs.add(Errorf(f.PartitionBy.Pos, "the id %s ties no chains together, so that chains cannot be told apart by it", quote(id.Name.Value)).
				WithHint("name the id that every step carries, without `ties: false`"))
		}
	}
}

// to reports names that are not among the known. Text with ${…} is not known
// before it is evaluated.
func (r *references) to(what string, k known, names ...Text) {
	for _, name := range names {
		if !name.IsSet() || isDynamic(name.Value) || k.has[name.Value] {
			continue
		}
		if r.errs.full() {
			r.errs.dropped++
			continue
		}
		e := Errorf(name.Pos, "there is no %s %s", what, quote(name.Value))
		if near := nearest(name.Value, k.names); near != "" {
			e.Message += "; did you mean " + quote(near) + "?"
		} else if len(k.names) > 0 {
			e = e.WithHint("the file has: %s", list(k.names))
		}
		r.errs.add(e)
	}
}

func (r *references) rule(rule Rule) {
	switch {
	case rule.Ordered != nil:
		r.to("channel", r.channels, rule.Ordered.Channel)
	case rule.Unique != nil:
		r.to("channel", r.channels, rule.Unique.Channel)
	case rule.Latency != nil:
		r.to("step", r.steps, rule.Latency.From, rule.Latency.To)
	case rule.Never != nil:
		r.to("channel", r.channels, rule.Never.Channel)
	case rule.Every != nil:
		r.to("channel", r.channels, rule.Every.Channel)
	}
}

func (r *references) scenario(s Scenario) {
	r.to("outcome", r.outcomes, s.Outcome)
	for _, m := range s.Send {
		r.to("channel", r.channels, m.To)
		r.to("outcome", r.outcomes, m.Outcome)
	}
	for _, id := range s.IDs {
		r.to("id", r.ids, id.Name)
	}
}

// whole reports what a flow cannot do without.
func (r *references) whole(f *File) {
	at := f.Flow.Pos
	switch {
	case len(f.Channels) == 0:
		r.errs.add(Errorf(at, "the flow has no `channels`").
			WithHint("say where its messages are: channels: { orders: { broker: events, topic: orders } }"))
	case len(f.Steps) == 0 && len(f.Rules) == 0:
		r.errs.add(Errorf(at, "the flow has neither `steps` nor `rules`, so there is nothing to judge").
			WithHint("say which messages it has: steps: { placed: { channel: orders } }"))
	case len(f.Steps) > 0 && len(f.Correlate) == 0:
		r.errs.add(Errorf(at, "the flow has `steps` but no `correlate`, so nothing ties its messages").
			WithHint("name an id that they carry: correlate: { order: body.orderId }"))
	}
}

// checkTwice reports a name that stands twice in a list of names.
func checkTwice(f *File, errs *collector) {
	for _, o := range f.Outcomes {
		checkRepeats("step", o.Steps, errs)
	}
	for _, s := range f.Steps {
		checkRepeats("step", s.After, errs)
	}
	for _, c := range f.Channels {
		checkRepeats("channel", c.DeadLetters, errs)
		checkRepeats("channel", c.Retries, errs)
		for _, from := range append(slices.Clone(c.DeadLetters), c.Retries...) {
			if from.Value == c.Name.Value {
				errs.add(Errorf(from.Pos, "channel %s cannot take copies of its own messages", quote(from.Value)))
			}
		}
	}
}

func checkRepeats(what string, names []Text, errs *collector) {
	seen := map[string]bool{}
	for _, n := range names {
		if seen[n.Value] {
			errs.add(Errorf(n.Pos, "%s %s stands here twice", what, quote(n.Value)))
		}
		seen[n.Value] = true
	}
}

// cycle is the error of a step that comes after itself.
func cycle(a Text, path []string) Error {
	path = path[slices.Index(path, a.Value):]
	if len(path) == 1 {
		return Errorf(a.Pos, "step %s cannot come after itself", quote(a.Value))
	}
	return Errorf(a.Pos, "steps that wait for each other: %s after %s", strings.Join(path, " after "), a.Value)
}

// checkCycles reports steps that come after themselves, each cycle once.
func checkCycles(steps []Step, errs *collector) {
	byName := make(map[string]Step, len(steps))
	for _, s := range steps {
		byName[s.Name.Value] = s
	}
	const visiting, done = 1, 2
	state := map[string]int{}
	var path []string
	var visit func(s Step)
	visit = func(s Step) {
		state[s.Name.Value] = visiting
		path = append(path, s.Name.Value)
		for _, a := range s.After {
			next, ok := byName[a.Value]
			switch {
			case !ok:
			case state[a.Value] == visiting:
				errs.add(cycle(a, path))
			case state[a.Value] != done:
				visit(next)
			}
		}
		path = path[:len(path)-1]
		state[s.Name.Value] = done
	}
	for _, s := range steps {
		if state[s.Name.Value] == 0 {
			visit(s)
		}
	}
}
