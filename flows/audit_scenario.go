package flows

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/message"
)

// scenarioRun is one trigger of a scenario: what was sent, and what came of it.
type scenarioRun struct {
	mark     *message.Mark
	scenario *Scenario // nil where the flow has none of that name
	order    int
	kase     Case
	chain    string
	attempt  *attempt // nil where no probes were asked for
	found    bool
	unsent   string // why not all of it was sent, "" where it was
	state    State
}

// addScenario notes what a run sent and expects.
func (a *Audit) addScenario(m *message.Mark) {
	s := a.newRun(m)
	a.scenarios = append(a.scenarios, s)
	if m.Probe == nil {
		return
	}
	t := a.attempts[m.ID]
	if t == nil {
		t = &attempt{id: m.ID, probe: &message.ProbeMark{}, endedAt: correlate.Never}
		a.attempts[m.ID] = t
	}
	t.runs = append(t.runs, s)
	s.attempt = t
}

// newRun notes a chain that is to be judged for a scenario.
func (a *Audit) newRun(m *message.Mark) *scenarioRun {
	a.cfg.OwnOnly = true
	s := &scenarioRun{mark: m, order: len(a.flow.Scenarios), kase: CaseOf(m.Case)}
	for i := range a.flow.Scenarios {
		if a.flow.Scenarios[i].Name == m.Name {
			s.scenario, s.order = &a.flow.Scenarios[i], i
		}
	}
	a.byMark[m.ID] = append(a.byMark[m.ID], s)
	for i, id := range a.flow.IDs {
		if value, ok := m.IDs[id.Name]; ok {
			key := correlate.Canonical(correlate.ID{Name: uint16(i), Value: value})
			a.byID[key] = append(a.byID[key], s)
		}
	}
	return s
}

// scenariosOf are the scenario runs whose chain has the ids.
func (a *Audit) scenariosOf(ids []correlate.ID) []*scenarioRun {
	if len(a.byID) == 0 {
		return nil
	}
	var mine []*scenarioRun
	for _, id := range ids {
		for _, s := range a.byID[correlate.Canonical(id)] {
			if !slices.Contains(mine, s) {
				mine = append(mine, s)
			}
		}
	}
	return mine
}

// judge adds to the chain's verdict what the scenario says of it.
func (s *scenarioRun) judge(a *Audit, v *Verdict) {
	s.found, s.chain = true, v.Chain
	switch {
	case s.unsent != "":
		s.excuse(v)
	case s.scenario != nil:
		s.judgeOutcome(a, v)
		s.judgeChecks(a, v)
	default:
		s.judgeOutcome(a, v)
	}
	s.state = max(s.state, v.State())
}

// excuse takes back what the chain lacks, since not all that begins it was sent:
// that is not known, then. What was seen stays a finding.
func (s *scenarioRun) excuse(v *Verdict) {
	v.Findings = slices.DeleteFunc(v.Findings, func(f Finding) bool { return f.Kind == Missing })
	v.Unknowns = []string{s.unfound()}
}

func (s *scenarioRun) judgeOutcome(a *Audit, v *Verdict) {
	want := slices.IndexFunc(a.flow.Outcomes, func(o Outcome) bool { return o.Name == s.mark.Outcome })
	if s.mark.Outcome == "" || v.Outcome < 0 || want == v.Outcome {
		return
	}
	j := &a.judge
	if j.partial() {
		v.Unknowns = append(v.Unknowns, "not all messages of the chain were kept: its outcome is not known")
		return
	}
	if want >= 0 && j.reach&(1<<want) != 0 {
		if hopeless, l := j.hopeless(want); !hopeless {
			v.Unknowns = append(v.Unknowns, l.reason)
			j.gaps = append(j.gaps, l.gaps...)
			v.Due = j.verdict.Due
			return
		}
	}
	got := a.flow.outcomeName(v.Outcome)
	v.Findings = append(v.Findings, Finding{
		Kind: WrongOutcome, Chain: v.Chain, IDs: v.IDs,
		Text:     fmt.Sprintf("the scenario %q ended as %s", s.label(), got),
		Expected: s.mark.Outcome, Actual: got, Evidence: s.lastEvidence(j),
	})
}

// lastEvidence is the chain's last message that counts.
func (s *scenarioRun) lastEvidence(j *judge) []Evidence {
	for _, e := range slices.Backward(j.order) {
		if e.Step != correlate.NoStep {
			return j.evidence(e)
		}
	}
	return nil
}

func (s *scenarioRun) judgeChecks(a *Audit, v *Verdict) {
	j := &a.judge
	if s.scenario.Outcome >= 0 && a.flow.Outcomes[s.scenario.Outcome].Name != s.mark.Outcome {
		return // the message has an outcome of its own; the checks are not about it
	}
	own := j.verdict
	j.verdict = *v
	for _, check := range s.scenario.checks {
		if j.lacking(check) >= 0 {
			continue
		}
		frame := j.stepFrame(nil)
		frame.Names = scenarioFrame(s.freshID(), s.kase.value).Names
		j.judgeCheckIn(check, "", nil, frame)
		frame.Names = nil
	}
	*v, j.verdict = j.verdict, own
}

// freshID is what the trigger read as id.
func (s *scenarioRun) freshID() string {
	if p := s.mark.Probe; p != nil && p.As != "" {
		return p.As
	}
	return s.mark.ID
}

func (s *scenarioRun) label() string {
	if s.scenario == nil {
		return s.mark.Name
	}
	return s.scenario.Label(s.kase)
}

// reportScenarios gives each scenario its verdict: the worst of its triggers'.
func (a *Audit) reportScenarios() {
	slices.SortStableFunc(a.scenarios, func(x, y *scenarioRun) int {
		return cmp.Or(cmp.Compare(x.order, y.order), cmp.Compare(x.label(), y.label()))
	})
	var last *scenarioRun
	var firsts []*scenarioRun // of each instance
	for _, s := range a.scenarios {
		if !s.found {
			s.state = NotKnown
			a.result.Unknowns = append(a.result.Unknowns, Unknown{Chain: a.mainID(s.mark.IDs), Reason: s.unfound(), OfScenario: s.mark.Name != ""})
		}
		if s.mark.Name == "" {
			continue // a message that was replayed: it is of no scenario
		}
		if last == nil || last.label() != s.label() || last.mark.ID != s.mark.ID {
			a.result.Scenarios = append(a.result.Scenarios, ScenarioResult{Name: s.label(), Mark: s.mark})
			firsts = append(firsts, s)
		}
		last = s
		r := &a.result.Scenarios[len(a.result.Scenarios)-1]
		r.State = max(r.State, s.state)
		if s.found {
			r.Chains = append(r.Chains, s.chain)
		}
	}
	a.blameScenarios()
	for i, own := range firsts {
		a.reportProbes(own, &a.result.Scenarios[i])
	}
	a.tellAfter()
}

// unfound says that the trigger came into no chain, or was not sent.
func (s *scenarioRun) unfound() string {
	if s.unsent != "" {
		return fmt.Sprintf("the trigger of scenario %q failed: %s", s.label(), s.unsent)
	}
	if s.mark.Name == "" {
		return "what was sent for it is in no chain"
	}
	return fmt.Sprintf("the trigger of scenario %q is in no chain", s.label())
}

// blameScenarios fails each scenario in whose chains a rule found something: the
// chain may pass for itself.
func (a *Audit) blameScenarios() {
	for i := range a.result.Scenarios {
		s := &a.result.Scenarios[i]
		for j := range a.result.Findings {
			if chain := a.result.Findings[j].Chain; chain != "" && slices.Contains(s.Chains, chain) {
				s.State = Fail
			}
		}
	}
}

// mainID is the value of the first id, in the order of correlate.
func (a *Audit) mainID(ids map[string]string) string {
	for _, id := range a.flow.IDs {
		if v, ok := ids[id.Name]; ok {
			return v
		}
	}
	return ""
}

// Wait is what a scenario of a live run waits for.
type Wait struct {
	// Decided: nothing that may still come, except a double, can change the
	// verdict.
	Decided bool
	// Due is the next deadline after which more can be said; Never where only a
	// message can help.
	Due correlate.Instant
	// Last is when the newest message of its chains was seen; Never where none was.
	Last correlate.Instant
	// Messages is how many messages its chains have.
	Messages int
	// Found counts the findings so far; what is missing is none before its time.
	Found int
	// Reason is what is waited for.
	Reason string
}

// Wait looks at the scenario run with the given id, as if every tap had read up
// to the instant.
func (a *Audit) Wait(id string, readTo correlate.Instant) Wait {
	w := Wait{Decided: true, Due: correlate.Never, Last: correlate.Never}
	a.asIf(readTo, func() {
		for _, s := range a.byMark[id] {
			a.waitFor(s, &w)
		}
	})
	return w
}

// Stirred returns the ids of the scenario runs whose chains have grown since it
// was called last; all is true where it may be any of them. A live run asks only
// for these what they wait for.
func (a *Audit) Stirred() (ids map[string]bool, all bool) {
	ids, all = a.stirred, a.allStir || a.stirred == nil
	a.stirred, a.allStir = map[string]bool{}, false
	return ids, all
}

// stir notes whose chain a message is in.
func (a *Audit) stir(m *correlate.Message, n correlate.Number) {
	switch {
	case a.stirred == nil || a.allStir:
	case len(m.Listed)+len(m.Loose) > 0: // it may be in many
		a.allStir = true
	case n != 0:
		for _, s := range a.scenariosOf(a.engine.IDs(n)) {
			a.stirred[s.mark.ID] = true
		}
		for _, id := range a.engine.IDs(n) {
			if t := a.poisons[correlate.Canonical(id)]; t != nil {
				a.stirred[t.id] = true
			}
		}
	}
}

func (a *Audit) waitFor(s *scenarioRun, w *Wait) {
	c := a.chainOf(s)
	if c == nil {
		w.Decided, w.Reason = false, "its trigger has not been seen"
		return
	}
	w.Messages += len(c.Entries)
	for i := range c.Entries {
		w.Last = max(w.Last, c.Entries[i].Seen)
	}
	c, _ = a.parted(c, attemptsOf([]*scenarioRun{s}))
	v := a.verdict(c, []*scenarioRun{s})
	a.flow.name(c, &v)
	trial := *s
	trial.judge(a, &v)
	w.Found += len(v.Findings)
	if !v.Due.Known() {
		return
	}
	w.Decided = false
	if n := len(v.Unknowns); n > 0 {
		w.Reason = v.Unknowns[n-1]
	}
	if !w.Due.Known() || v.Due < w.Due {
		w.Due = v.Due
	}
}

func (a *Audit) chainOf(s *scenarioRun) *correlate.Chain { return a.chainOfIDs(s.mark.IDs) }

// chainOfIDs is the chain that is still open and has one of the ids, by their names.
func (a *Audit) chainOfIDs(ids map[string]string) *correlate.Chain {
	for i, id := range a.flow.IDs {
		if value, ok := ids[id.Name]; ok {
			if c := a.engine.Lookup(correlate.ID{Name: uint16(i), Value: value}); c != nil {
				return c
			}
		}
	}
	return nil
}
