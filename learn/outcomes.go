package learn

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/infer"
	"github.com/flowcheck/flowcheck/message"
)

func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

// maxEnds bounds the outcomes of a draft.
const maxEnds = 40

// learnOutcomes makes an outcome of each set of steps in which chains ended, the
// most frequent first.
func (l *lesson) learnOutcomes(c *chains) {
	type ending struct {
		steps []int
		n     int
	}
	ends := map[string]*ending{}
	for _, chain := range c.all {
		var steps []int
		for i := range l.draft.steps {
			if count(chain, i) > 0 {
				steps = append(steps, i)
			}
		}
		key := fmt.Sprint(steps)
		if ends[key] == nil {
			ends[key] = &ending{steps: steps}
		}
		ends[key].n++
	}
	all := slices.SortedFunc(maps.Values(ends), func(a, b *ending) int {
		if a.n != b.n {
			return b.n - a.n
		}
		return strings.Compare(fmt.Sprint(a.steps), fmt.Sprint(b.steps))
	})
	if len(all) == 1 {
		return
	}
	if len(all) > maxEnds {
		l.draft.notes = append(l.draft.notes, fmt.Sprintf("Chains ended in %d sets of steps; only the %d most frequent are outcomes. Perhaps some steps are optional.", len(all), maxEnds))
		all = all[:maxEnds]
	}
	for _, e := range all {
		o := &draftOutcome{because: fmt.Sprintf("%d of %d chains, %.1f %%", e.n, len(c.all), 100*float64(e.n)/float64(len(c.all)))}
		for _, i := range e.steps {
			o.steps = append(o.steps, l.draft.steps[i].name)
		}
		if part := slices.ContainsFunc(all, func(other *ending) bool { return other != e && other.n > 20*e.n && within(e.steps, other.steps) }); part {
			o.because += "; perhaps cut off by an end of the recording, or a fault"
		}
		o.name = l.outcomeName(o, e.steps, c)
		l.draft.outcomes = append(l.draft.outcomes, o)
	}
}

func within(part, whole []int) bool {
	return !slices.ContainsFunc(part, func(i int) bool { return !slices.Contains(whole, i) })
}

// outcomeName is the name of the rarest step of an outcome that no outcome has
// yet.
func (l *lesson) outcomeName(o *draftOutcome, steps []int, c *chains) string {
	steps = slices.Clone(steps)
	slices.SortStableFunc(steps, func(a, b int) int {
		if c.has[a] != c.has[b] {
			return c.has[a] - c.has[b]
		}
		return b - a
	})
	for _, i := range steps {
		name := l.draft.steps[i].name
		if !slices.ContainsFunc(l.draft.outcomes, func(o *draftOutcome) bool { return o.name == name }) {
			return name
		}
	}
	return fmt.Sprintf("outcome-%d", len(l.draft.outcomes)+1)
}

// learnRules finds sequences, and ids that never come twice.
func (l *lesson) learnRules() {
	for _, ch := range l.channels {
		l.learnSequence(ch)
		l.learnUnique(ch)
	}
}

// learnSequence looks for a number that rises by one, for each value of a field
// or key that tells its messages together.
func (l *lesson) learnSequence(ch *channel) {
	for _, per := range l.groups(ch) {
		keys := map[string][]*message.Observation{}
		for _, i := range ch.samples {
			if v, ok := l.samples[i].value[per]; ok {
				keys[v] = append(keys[v], l.samples[i].o)
			}
		}
		by := infer.Sequence(keys)
		if by == "" {
			continue
		}
		l.draft.rules = append(l.draft.rules, &draftRule{
			kind: "ordered", name: by + " of " + ch.name, text: fmt.Sprintf("channel: %s, by: %s, per: %s, gapless: true", ch.name, by, infer.Quote(per)),
			because: fmt.Sprintf("%s rises by one for each of the %d values of %s", by, len(keys), per),
		})
		return
	}
}

// groups are the fields with repeated values: the names first that are not the
// key.
func (l *lesson) groups(ch *channel) []string {
	values, n := map[string]map[string]bool{}, map[string]int{}
	for _, i := range ch.samples {
		for _, f := range l.samples[i].fields {
			if f.Path != "key" && (!strings.HasPrefix(f.Path, "body.") || f.Value == "" || f.Value[0] != '"' || strings.ContainsAny(f.Path, "[")) {
				continue
			}
			if values[f.Path] == nil {
				values[f.Path] = map[string]bool{}
			}
			values[f.Path][f.Value] = true
			n[f.Path]++
		}
	}
	var all []string
	for path, v := range values {
		if n[path] == len(ch.samples) && len(v) < n[path] {
			all = append(all, path)
		}
	}
	// The finest first: a sequence for each customer is one for each country, too.
	slices.SortFunc(all, func(a, b string) int {
		if len(values[a]) != len(values[b]) {
			return len(values[b]) - len(values[a])
		}
		return strings.Compare(a, b)
	})
	return all
}

// leastUnique is from how many messages on an id that never repeats is told.
const leastUnique = 10

// maxUnique bounds the ids of a channel that are told.
const maxUnique = 2

// learnUnique finds fields named like ids of which no value came twice.
func (l *lesson) learnUnique(ch *channel) {
	if len(ch.samples) < leastUnique || l.draft.channel(ch.name).deadLetters != "" || l.draft.channel(ch.name).redeliveries {
		return
	}
	told := 0
	for _, c := range l.columns() {
		own := l.channels[c.channel] == ch
		name := strings.ToLower(c.path)
		if !own || !strings.HasPrefix(c.path, "body.") || !strings.HasSuffix(name, "id") || c.messages != len(ch.samples) || len(c.values) != c.messages {
			continue
		}
		if told == maxUnique || slices.ContainsFunc(l.draft.ids, func(id draftID) bool { return strings.Contains(id.expr, c.path) }) {
			continue
		}
		told++
		l.draft.rules = append(l.draft.rules, &draftRule{
			kind: "unique", name: c.path + " of " + ch.name, text: fmt.Sprintf("channel: %s, id: %s", ch.name, c.path),
			because: fmt.Sprintf("no value of %s came twice in %d messages", c.path, c.messages),
		})
	}
}
