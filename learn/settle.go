package learn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/flows"
)

// maxRounds bounds how often the draft is mended.
const maxRounds = 40

// settle judges the traffic by the draft and takes back what it contradicts,
// until it passes or nothing is left to take back.
func (l *lesson) settle() (*flows.Result, error) {
	for range maxRounds {
		result, err := l.judge()
		if err != nil {
			return nil, err
		}
		if len(result.Findings) == 0 || !l.relax(result) {
			l.remark(result)
			return result, nil
		}
	}
	result, err := l.judge()
	if err == nil {
		l.remark(result)
	}
	return result, err
}

func (l *lesson) judge() (*flows.Result, error) {
	f, errs := flows.Load("learnt.flow.yaml", []byte(l.render()), flows.Options{Offline: true})
	if len(errs) > 0 {
		return nil, fmt.Errorf("what was learnt is no flow file: %w", errs)
	}
	audit := flows.NewAudit(f, flows.AuditConfig{Mode: "verify", Started: l.header.Started})
	for _, e := range l.events {
		audit.Add(e)
	}
	return audit.Result(), nil
}

// remark says above the file what the traffic does not pass.
func (l *lesson) remark(r *flows.Result) {
	if n := len(r.Findings); n > 0 {
		l.draft.notes = append(l.draft.notes, fmt.Sprintf("%d findings are left: the traffic has faults, or this file has. The first: %s.", n, r.Findings[0].Text))
	}
	if n := len(r.Unknowns); n > 0 {
		l.draft.notes = append(l.draft.notes, fmt.Sprintf("Of %d chains it is not known how they end. The first: %s.", n, r.Unknowns[0].Reason))
	}
}

// relax takes back what findings contradict; false where nothing was.
func (l *lesson) relax(r *flows.Result) bool {
	changed := false
	done := map[string]bool{}
	for i := range r.Findings {
		f := &r.Findings[i]
		key := string(f.Kind) + "\x00" + f.Step + "\x00" + f.Rule + "\x00" + f.Expected
		if f.Kind == flows.Missing || f.Kind == flows.Duplicate {
			key = string(f.Kind) + "\x00" + f.Step + "\x00" + f.Rule
		}
		if done[key] {
			continue
		}
		done[key] = true
		changed = l.relaxOne(f) || changed
	}
	return changed
}

func (l *lesson) relaxOne(f *flows.Finding) bool {
	if f.Rule != "" {
		return l.relaxRule(f)
	}
	s := l.draft.step(f.Step)
	if s == nil {
		return false
	}
	because := func(text string, args ...any) { s.because = append(s.because, fmt.Sprintf(text, args...)) }
	switch f.Kind {
	case flows.Late, flows.OutOfOrder:
		if len(s.after) == 0 && s.within == "" {
			return false
		}
		because("not always after %s: %s", strings.Join(s.after, ", "), f.Text)
		s.after, s.within = nil, ""
	case flows.Mismatch:
		n := len(s.checks)
		s.checks = slices.DeleteFunc(s.checks, func(c draftCheck) bool { return c.check == f.Expected })
		return len(s.checks) < n
	case flows.Altered:
		ch := l.draft.channel(s.channel)
		if ch.copy == "none" {
			return false
		}
		ch.copy = map[string]string{"": "body", "body": "none"}[ch.copy]
		ch.because = append(ch.because, "copies differ from their origins: "+f.Text)
	case flows.Duplicate, flows.Missing:
		if s.count == "0..1000" {
			return false
		}
		because("it does not always come so often: %s", f.Text)
		s.count = "0..1000"
	case flows.Conflict:
		return false
	default:
		return false
	}
	return true
}

func (l *lesson) relaxRule(f *flows.Finding) bool {
	i := slices.IndexFunc(l.draft.rules, func(r *draftRule) bool { return r.name == f.Rule })
	if i < 0 {
		return false
	}
	r := l.draft.rules[i]
	if f.Kind == flows.SequenceGap && strings.HasSuffix(r.text, ", gapless: true") {
		r.text = strings.TrimSuffix(r.text, ", gapless: true")
		r.because += ", but for gaps"
		return true
	}
	l.draft.rules = slices.Delete(l.draft.rules, i, i+1)
	return true
}
