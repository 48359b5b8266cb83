package mutate

import (
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// site is a chain with what stands about it.
type site struct {
	traffic *traffic
	chain   *chain
	near    []int // messages that rules hold against the chain's
	marks   []*message.Mark
	other   *site // the chain to join with; the same where there is but one

	was   []flows.Spans
	known map[string]bool // what is said of the site as it is
}

// edit is what a mutant does to its site: messages by number, nil for one that
// is dropped, and more of them.
type edit struct {
	changed map[int]*message.Observation
	more    []*message.Observation
	// with brings another chain into the excerpt.
	with *site
}

// mutant is one fault in one place.
type mutant struct {
	what Survivor // without counts
	site *site
	edit func() edit
	fate fate
}

// judgeBase judges the site as it is: what it finds comes of being an excerpt.
func (s *site) judgeBase() {
	result, spans := s.audit(edit{}, nil)
	s.was, s.known = spans, sayings(result)
}

// sayings are the findings and unknowns of a result.
func sayings(r *flows.Result) map[string]bool {
	said := map[string]bool{}
	for i := range r.Findings {
		said[signature(&r.Findings[i])] = true
	}
	for _, u := range r.Unknowns {
		said[u.Chain+"\x00"+u.Reason] = true
	}
	return said
}

// judge tells what becomes of the mutant.
func (m *mutant) judge() fate {
	e := m.edit()
	known, was := m.site.known, m.site.was
	if e.with != nil {
		// Two chains: they are judged together as they are, first.
		result, spans := m.site.audit(edit{with: e.with}, nil)
		known, was = sayings(result), spans
	}
	result, _ := m.site.audit(e, was)
	for i := range result.Findings {
		if !known[signature(&result.Findings[i])] {
			return noticed
		}
	}
	for _, u := range result.Unknowns {
		if !known[u.Chain+"\x00"+u.Reason] {
			return unknown
		}
	}
	return survived
}

// signature tells findings apart.
func signature(f *flows.Finding) string {
	parts := []string{string(f.Kind), f.Chain, f.Step, f.Rule, f.Text, f.Expected, f.Actual}
	for _, e := range f.Evidence {
		parts = append(parts, e.Channel, e.Position.String())
	}
	return strings.Join(parts, "\x00")
}

// audit judges the site after an edit; was are its spans before.
func (s *site) audit(e edit, was []flows.Spans) (*flows.Result, []flows.Spans) {
	t := s.traffic
	audit := flows.NewAudit(t.cfg.Flow, flows.AuditConfig{
		Mode: "verify", Excerpt: &flows.Excerpt{Of: t.baseline, Was: was}, OwnOnly: len(t.marks) > 0,
	})
	numbers := slices.Clone(s.near)
	marks := s.marks
	for _, c := range s.chain.entries {
		numbers = append(numbers, c.number)
	}
	if e.with != nil {
		for _, c := range e.with.chain.entries {
			numbers = append(numbers, c.number)
		}
		numbers = append(numbers, e.with.near...)
		marks = append(slices.Clone(marks), e.with.marks...)
	}
	slices.Sort(numbers)
	all := make([]*message.Observation, 0, len(numbers)+len(e.more))
	for _, n := range slices.Compact(numbers) {
		o := t.messages[n]
		if changed, ok := e.changed[n]; ok {
			o = changed
		}
		if o != nil {
			all = append(all, o)
		}
	}
	all = append(all, e.more...)
	slices.SortStableFunc(all, func(a, b *message.Observation) int { return a.Seen.Compare(b.Seen) })
	for _, m := range marks {
		audit.Add(message.Event{Mark: m})
	}
	for _, o := range all {
		audit.Add(message.Event{Observation: o})
	}
	result := audit.Result()
	return result, audit.Spans()
}
