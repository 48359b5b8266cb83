package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/compare"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/replay"
)

// loneName names a message that is in no chain, such as one that nobody can read.
const loneName = "message "

// addLone has the dead letters of messages in no chain compared as chains.
func (e *exercise) addLone(now *side) {
	if e.plan.Alone == 0 {
		return
	}
	var was, is []compare.Lone
	for i := range e.plan.Shipments {
		s := &e.plan.Shipments[i]
		if s.Chain != replay.Alone || e.state.Earlier(s.Number) {
			continue
		}
		name := fmt.Sprintf("%s%d of the recording", loneName, s.Number)
		one := compare.Lone{Name: name, Message: s.Was}
		two := compare.Lone{Name: name, Message: message.Message{Key: s.Message.Key, Payload: s.Message.Payload}}
		for n, id := range s.Rewritten {
			as := fmt.Sprintf("id %d", n+1)
			one.Aliases = append(one.Aliases, compare.Alias{Value: id.Old, As: as})
			two.Aliases = append(two.Aliases, compare.Alias{Value: id.Fresh, As: as})
		}
		was, is = append(was, one), append(is, two)
		e.was.sent[name] = true
	}
	e.was.set.AddLone(was, e.was.letters)
	now.set.AddLone(is, now.letters)
}

// renamed gives ids their new values, and leaves names that are none.
func renamed(r *replay.Renamer) compare.Renamed {
	return func(v string) string {
		if strings.HasPrefix(v, loneName) {
			return v
		}
		return r.New(v)
	}
}

// asBefore takes out of what the flow says now what it says of the recording, too:
// that has not changed; and what it says of messages that were sent in the middle
// of a chain. It returns how many findings and unknowns that were.
func asBefore(now *side, was *flows.Result, names map[string]string) (findings, unknowns int) {
	type about struct{ chain, kind, step, rule string }
	before := map[about]bool{}
	for _, f := range was.Findings {
		before[about{names[f.Chain], string(f.Kind), f.Step, f.Rule}] = true
	}
	open := map[flows.Unknown]bool{}
	for _, u := range was.Unknowns {
		open[flows.Unknown{Chain: names[u.Chain], Reason: u.Reason}] = true
	}
	r := now.result
	findings, unknowns = len(r.Findings), len(r.Unknowns)
	r.Findings = slices.DeleteFunc(r.Findings, func(f flows.Finding) bool {
		return f.Chain != "" && before[about{f.Chain, string(f.Kind), f.Step, f.Rule}] ||
			slices.ContainsFunc(f.Evidence, func(e flows.Evidence) bool { return now.own[e] })
	})
	r.Unknowns = slices.DeleteFunc(r.Unknowns, func(u flows.Unknown) bool {
		return u.Chain != "" && open[flows.Unknown{Chain: u.Chain, Reason: u.Reason}]
	})
	return findings - len(r.Findings), unknowns - len(r.Unknowns)
}
