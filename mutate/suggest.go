package mutate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/compare"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/infer"
	"github.com/flowcheck/flowcheck/message"
)

// suggester finds, for what survived, the line that would have noticed.
type suggester struct {
	t        *traffic
	examples map[int][]*infer.Example // by step
	counts   map[int]map[int]int      // by step: how often it came, and in how many chains
	waits    map[int]time.Duration    // by step: the longest time since what it follows
}

// maxExamples bounds the chains that suggestions rest on.
const maxExamples = 2000

func newSuggester(t *traffic, _ []*site) *suggester {
	s := &suggester{t: t, examples: map[int][]*infer.Example{}, counts: map[int]map[int]int{}, waits: map[int]time.Duration{}}
	chains := t.set.Chains()
	for i := range chains[:min(len(chains), maxExamples)] {
		s.learn(chains[i].Messages())
	}
	return s
}

func (s *suggester) learn(messages []compare.Message) {
	steps := s.t.cfg.Flow.Steps
	count := map[int]int{}
	for i := range messages {
		m := &messages[i]
		if m.Step < 0 {
			continue
		}
		count[m.Step]++
		e := infer.NewExample(m.Fields)
		for _, before := range messages {
			if before.Step >= 0 && s.follows(m.Step, before.Step) {
				s.waits[m.Step] = max(s.waits[m.Step], m.At().Sub(before.At()))
				if !steps[before.Step].Counted {
					e.After(steps[before.Step].Name, before.Fields)
				}
			}
		}
		s.examples[m.Step] = append(s.examples[m.Step], e)
	}
	for step, n := range count {
		if s.counts[step] == nil {
			s.counts[step] = map[int]int{}
		}
		s.counts[step][n]++
	}
}

// follows reports whether a step is, over others perhaps, after another.
func (s *suggester) follows(step, before int) bool {
	for _, a := range s.t.cfg.Flow.Steps[step].After {
		if a == before || s.follows(a, before) {
			return true
		}
	}
	return false
}

func (s *suggester) suggest(all []Survivor) {
	for i := range all {
		v := &all[i]
		step := slices.IndexFunc(s.t.cfg.Flow.Steps, func(f flows.Step) bool { return f.Name == v.Step })
		switch v.Fault {
		case Drop, Duplicate:
			s.count(v, step)
		case Delay:
			s.within(v, step)
		case Swap:
			s.order(v, step)
		case Reroute:
			v.Add = "channels: { " + v.Other + ": { only: true } }"
			v.Why = "a message of " + v.Step + " on " + v.Other + " is no step there, and " + v.Step + " may be absent"
		case Corrupt, Strip:
			s.field(v, step)
		case Alter:
			s.copies(v, step)
		case Join:
			v.Why = "the id is not what ties " + v.Step + " to its chain: see correlate"
		}
	}
}

func inStep(step, line string) string { return "steps: { " + step + ": { " + line + " } }" }

// count suggests how often a step comes.
func (s *suggester) count(v *Survivor, step int) {
	f := s.t.cfg.Flow
	came := s.counts[step]
	least, most, chains := 1<<30, 0, 0
	for n, of := range came {
		least, most, chains = min(least, n), max(most, n), chains+of
	}
	switch {
	case v.Fault == Duplicate && len(f.Channels[f.Steps[step].Channel].DeadLetters) > 0:
		v.Why = "copies on a dead-letter channel are never doubles; a rule says that they are"
		if id := s.idField(step); id != "" {
			v.Add = "rules: [ { unique: { channel: " + v.Channel + ", id: " + id + " } } ]"
		}
	case f.Steps[step].Optional && v.Fault == Drop:
		v.Add = inStep(v.Step, "optional: false")
		v.Why = "it is optional, so nobody misses it; an outcome of its own says when it must come"
	case f.Steps[step].Counted:
		v.Add = inStep(v.Step, "count: "+strconv.Itoa(least)+".."+strconv.Itoa(most))
		if least == most {
			v.Add = inStep(v.Step, "count: "+strconv.Itoa(most))
		}
		v.Why = fmt.Sprintf("it came %d to %d times in %d chains", least, most, chains)
	default:
		v.Why = "the chain has an outcome without it: if that is right, an outcome of its own says when it must come"
	}
}

// idField is a field of the step that is in no two messages the same.
func (s *suggester) idField(step int) string {
	chains := s.t.set.Chains()
	seen := map[string]map[string]bool{}
	repeats := map[string]bool{}
	n := 0
	for i := range chains[:min(len(chains), maxExamples)] {
		for _, m := range chains[i].Messages() {
			if m.Step != step {
				continue
			}
			n++
			for _, f := range m.Fields {
				if seen[f.Path] == nil {
					seen[f.Path] = map[string]bool{}
				}
				repeats[f.Path] = repeats[f.Path] || seen[f.Path][f.Value]
				seen[f.Path][f.Value] = true
			}
		}
	}
	var ids []string
	for path, values := range seen {
		if !repeats[path] && len(values) == n && strings.HasPrefix(path, "body.") {
			ids = append(ids, path)
		}
	}
	slices.SortFunc(ids, func(a, b string) int {
		x, y := strings.HasSuffix(strings.ToLower(a), "id"), strings.HasSuffix(strings.ToLower(b), "id")
		if x != y {
			if x {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	if len(ids) == 0 {
		return ""
	}
	return ids[0]
}

// within suggests a deadline: twice the longest time seen.
func (s *suggester) within(v *Survivor, step int) {
	v.Add = inStep(v.Step, "within: "+infer.Deadline(s.waits[step]))
	v.Why = "it came at most " + s.waits[step].Round(time.Millisecond).String() + " after what it follows"
}

func (s *suggester) order(v *Survivor, step int) {
	if v.Other == v.Step {
		by, per := s.t.sequence(int16(s.t.cfg.Flow.Steps[step].Channel))
		v.Add = "rules: [ { ordered: { channel: " + v.Channel + ", by: " + by + ", per: " + per + " } } ]"
		v.Why = by + " rises by one for each " + per
		return
	}
	v.Add = inStep(v.Other, "after: "+v.Step)
	v.Why = "nothing says that " + v.Other + " comes after " + v.Step
}

// field suggests what a field must be.
func (s *suggester) field(v *Survivor, step int) {
	if v.Field == "failure headers" {
		v.Add = inStep(v.Step, "check: [ 'death.reason != nil', 'death.attempts >= 1' ]")
		v.Why = "no check reads what the headers say of the failure"
		return
	}
	if g, ok := infer.Field(v.Field, s.examples[step]); ok {
		v.Add, v.Why = inStep(v.Step, "check: [ "+infer.Quote(g.Check)+" ]"), g.Why
		return
	}
	if v.Fault == Strip {
		v.Add = inStep(v.Step, "check: [ "+infer.Quote(v.Field+" != nil")+" ]")
		v.Why = "its value varies"
		return
	}
	v.Add = "noise: [ " + infer.Quote(v.Step+"."+v.Field) + " ]"
	v.Why = "it is like nothing before it: if that is its nature, say so; else write the check that it must pass"
}

func (s *suggester) copies(v *Survivor, step int) {
	f := s.t.cfg.Flow
	ch := &f.Channels[f.Steps[step].Channel]
	switch {
	case ch.Copy == flows.CopyNone:
		v.Add = "channels: { " + v.Channel + ": { copy: body } }"
		v.Why = "copy: none compares nothing"
	default:
		v.Why = "its origin is on no channel of the flow, so that there is nothing to compare it with"
	}
}

// sequence finds a field of a channel's messages that rises by one with each
// message of a key, and what the key is.
func (t *traffic) sequence(channel int16) (by, per string) {
	name := t.cfg.Flow.Channels[channel].Name
	lanes := map[string][]*message.Observation{}
	for l, numbers := range t.byKey {
		if l.channel == name {
			for _, n := range numbers {
				lanes[l.key] = append(lanes[l.key], t.messages[n])
			}
		}
	}
	field := infer.Sequence(lanes)
	if field == "" {
		return "", ""
	}
	return field, "key"
}
