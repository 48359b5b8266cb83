package mutate

import (
	"fmt"
	"slices"
	"strconv"
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
			s.stranger(v, step)
		case Corrupt, Strip:
			s.field(v, step)
		case Alter:
			s.copies(v, step)
		case Join:
			v.Why = "the id is not what ties " + v.Step + " to its chain: see correlate"
		}
	}
}

// stranger tells a message on the wrong channel from those that belong there.
func (s *suggester) stranger(v *Survivor, step int) {
	f := s.t.cfg.Flow
	for i := range f.Steps {
		if f.Channels[f.Steps[i].Channel].Name != v.Other || len(s.examples[i]) == 0 || s.stepOn(v, step) != i {
			continue
		}
		if own := infer.Distinct(s.examples[i], s.examples[step]); own != "" {
			v.Add = inStep(f.Steps[i].Name, "when: "+infer.Quote(own+" != nil"))
			v.Why = "there it passes for " + f.Steps[i].Name
			return
		}
	}
	v.Add = "channels: { " + v.Other + ": { only: true } }"
	v.Why = "on " + v.Other + " it is no step, and its own chain may end without it"
}

// stepOn is the step for which the survivor's message passes on the other channel.
func (s *suggester) stepOn(v *Survivor, step int) int {
	for i := range s.t.chains {
		for _, e := range s.t.chains[i].entries {
			if int(e.step) == step {
				o := *s.t.messages[e.number]
				o.Channel = v.Other
				return flows.NewAudit(s.t.cfg.Flow, flows.AuditConfig{}).Reducer().Step(&o)
			}
		}
	}
	return -1
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
		v.Why = "copies on a dead-letter channel are never doubles; an outcome may count them"
		if !f.Steps[step].Counted {
			v.Add = inStep(v.Step, `count: ">=1"`) + ", outcomes: { OUTCOME: { check: [ len(" + v.Step + ") == 1 ] } }"
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
	switch {
	case v.Survived < v.Mutants:
		v.Why = "the flow file reads it, but not in every chain does a change of it contradict anything"
		return
	case len(s.examples[step]) < 2:
		v.Why = "one message is too few to tell what it must be: record more of them"
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
