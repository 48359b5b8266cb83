package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/report"
)

// repro writes, for each scenario and probe that failed in a run, a flow file with
// that scenario alone and what the run saw of it:
//
//	recording of the run → events of one scenario and probe → NAME.jsonl
//	flow file → one scenario, one probe                     → NAME.flow.yaml
type repro struct {
	*app
	dir, file, recording string // the folder, the run's flow file and recording
	flow                 *flows.Flow
	flags                flowFlags
	taken                map[string]bool // names in the folder
}

// tapeOf is where a run is recorded for the sake of repro: the recording that was
// asked for, else a file in the folder, which goes in the end.
func (f *runFlags) tapeOf(dir string) (name string, temporary bool, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", false, err
	}
	if f.record != "" {
		return f.record, false, nil
	}
	tape, err := os.CreateTemp(dir, ".run-*.jsonl")
	if err != nil {
		return "", false, err
	}
	return tape.Name(), true, tape.Close()
}

// write writes what each failure needs. One that cannot be told apart is named in
// notes.
func (r *repro) write(ctx context.Context, result *flows.Result) (all []report.Repro, notes []string, err error) {
	for i := range result.Scenarios {
		s := &result.Scenarios[i]
		probes := []string{}
		if s.State == flows.Fail {
			probes = append(probes, "")
		}
		for _, p := range s.Probes {
			if p.State == flows.Fail {
				probes = append(probes, p.Name)
			}
		}
		for _, probe := range probes {
			one, err := r.one(ctx, s, probe)
			switch {
			case ctx.Err() != nil:
				return all, notes, ctx.Err()
			case err != nil:
				notes = append(notes, fmt.Sprintf("--repro: %s: %v", strings.TrimSuffix(s.Name+", probe "+probe, ", probe "), err))
			default:
				all = append(all, *one)
			}
		}
	}
	return all, notes, nil
}

// one writes the flow file and the recording of one failure.
func (r *repro) one(ctx context.Context, s *flows.ScenarioResult, probe string) (*report.Repro, error) {
	if s.Mark == nil {
		return nil, errors.New("nothing was sent")
	}
	base := filepath.Join(r.dir, r.name(s.Mark.Name, probe))
	out := &report.Repro{Scenario: s.Name, Probe: probe, Flow: base + ".flow.yaml", Recording: base + ".jsonl"}
	text, err := readBounded(r.file)
	if err != nil {
		return nil, err
	}
	if text, err = alone(text, r.file, out.Flow, s.Mark, probe); err != nil {
		return nil, err
	}
	if err := os.WriteFile(out.Flow, text, 0o600); err != nil {
		return nil, err
	}
	flow, err := r.load(out.Flow, &r.flags)
	switch {
	case err != nil:
		return nil, errors.Join(err, os.Remove(out.Flow))
	case len(flow.Scenarios) != 1:
		return nil, errors.Join(fmt.Errorf("it has %d scenarios, not one", len(flow.Scenarios)), os.Remove(out.Flow))
	}
	for _, all := range []bool{false, true} {
		if err := r.extract(s.Mark, probe, out.Recording, all); err != nil {
			return nil, err
		}
		again, err := r.verify(ctx, flow, out.Recording, true)
		if err != nil {
			return nil, err
		}
		if len(again.Scenarios) > 0 && failedIn(&again.Scenarios[0], probe) {
			return out, nil
		}
	}
	return nil, errors.Join(errors.New("by itself it does not show: it rests on what else was under way"), os.Remove(out.Flow), os.Remove(out.Recording))
}

// failedIn reports whether the scenario, or the probe of it, failed.
func failedIn(s *flows.ScenarioResult, probe string) bool {
	if probe == "" {
		return s.State == flows.Fail
	}
	return slices.ContainsFunc(s.Probes, func(p flows.ProbeResult) bool { return p.Name == probe && p.State == flows.Fail })
}

// maxName bounds the part of a file's name that comes from a scenario.
const maxName = 48

// name is a fresh name of a file, made of the scenario's and the probe's.
func (r *repro) name(scenario, probe string) string {
	plain := strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return unicode.ToLower(c)
		}
		return '-'
	}, scenario)
	plain = strings.Trim(string([]rune(plain)[:min(maxName, len([]rune(plain)))]), "-")
	for strings.Contains(plain, "--") {
		plain = strings.ReplaceAll(plain, "--", "-")
	}
	plain = strings.TrimSuffix(plain+"-"+probe, "-")
	name := plain
	for n := 2; r.taken[name]; n++ {
		name = fmt.Sprintf("%s-%d", plain, n)
	}
	r.taken[name] = true
	return name
}

// extract copies of the run's recording what belongs to one scenario and probe; with
// all, every message.
func (r *repro) extract(own *message.Mark, probe, to string, all bool) error {
	p := part{own: own.ID, probe: probe, ids: map[string]bool{}, fresh: map[string]bool{own.ID: true}}
	if err := r.each(func(_ message.RecordingHeader, e message.Event) error {
		if e.Mark != nil {
			p.note(e.Mark)
		}
		return nil
	}); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	var w *message.Writer
	err = r.each(func(h message.RecordingHeader, e message.Event) error {
		if w == nil {
			w = message.NewWriter(out, h)
		}
		switch {
		case e.Mark != nil:
			if e.Mark = p.of(e.Mark); e.Mark == nil {
				return nil
			}
		case !all && !p.has(e.Observation):
			return nil
		}
		return w.Write(e)
	})
	return errors.Join(err, out.Close())
}

// each reads the run's recording.
func (r *repro) each(take func(message.RecordingHeader, message.Event) error) error {
	return r.reading(r.recording, r.flow, func(reader *message.Reader) error {
		for {
			e, err := reader.Next()
			switch {
			case errors.Is(err, io.EOF):
				return nil
			case err != nil:
				return err
			}
			if err := take(reader.Header(), e); err != nil {
				return err
			}
		}
	})
}

// part is what of a recording belongs to one scenario and probe.
type part struct {
	own, probe string
	ids        map[string]bool // values of the chains' ids
	fresh      map[string]bool // the fresh ids
}

// note learns from a mark which instances belong to it: marks come before what they
// are about.
func (p *part) note(m *message.Mark) {
	mine := m.Kind == message.MarkScenario && m.ID == p.own || m.Kind == message.MarkProbe && p.fresh[m.ID]
	if b := m.Probe; b != nil && b.Does == message.ProbeBegin && b.Of == p.own && p.probe != "" && (b.Kind == p.probe || b.Kind == "") {
		mine = true
	}
	if !mine {
		return
	}
	p.fresh[m.ID] = true
	if m.Probe != nil && m.Probe.As != "" {
		p.fresh[m.Probe.As] = true
	}
	for _, value := range m.IDs {
		p.ids[value] = true
	}
}

// of is the mark as the part has it; nil for one that is not of it.
func (p *part) of(m *message.Mark) *message.Mark {
	switch {
	case m.Kind == message.MarkScenario:
		if m.ID != p.own {
			return nil
		}
		c := *m
		c.Probe = nil
		if p.probe != "" {
			c.Probe = &message.ProbeMark{Kinds: []string{p.probe}}
		}
		return &c
	case m.Kind != message.MarkProbe:
		return m
	case p.probe == "":
		return nil
	case m.Probe.Does == message.ProbeSkip && m.Probe.Of == p.own && m.Probe.Kind == p.probe, p.fresh[m.ID]:
		return m
	default:
		return nil
	}
}

// has reports whether a fresh id, or an id of the chains, is in the message.
func (p *part) has(o *message.Observation) bool {
	in := func(text string) bool {
		if p.ids[text] {
			return true
		}
		for id := range p.fresh {
			if strings.Contains(text, id) {
				return true
			}
		}
		return false
	}
	if in(string(o.Key)) {
		return true
	}
	for id := range p.fresh {
		if bytes.Contains(o.Payload, []byte(id)) {
			return true
		}
	}
	for id := range p.ids {
		if len(id) >= minSearched && bytes.Contains(o.Payload, []byte(id)) {
			return true
		}
	}
	return slices.ContainsFunc(o.Headers, func(h message.Header) bool { return in(fmt.Sprint(h.Value)) })
}

// minSearched is how long an id must be to be looked for in the midst of a payload.
const minSearched = 6
