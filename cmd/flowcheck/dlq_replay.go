package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/flowcheck/flowcheck/dlq"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/scenarios"
)

// replay sends the chosen letters, judges them, and removes what has healed.
func (s *sorting) replay(ctx context.Context, plan *reportPlan) error {
	letters, of := s.chosen()
	if len(letters) == 0 {
		return &failure{exitUnknown, errors.New("no dead letter lies there that the flags choose: nothing was sent")}
	}
	verdicts, err := s.retry(ctx, letters)
	if err != nil {
		return err
	}
	r := s.result(verdicts)
	if s.flags.remove {
		r.Warnings = append(r.Warnings, s.removeHealed(context.WithoutCancel(ctx), verdicts, of)...)
	}
	for _, v := range verdicts {
		fmt.Fprintf(s.app.err, "%-12s  %s %s: %s\n", v.State, v.Letter.Channel, v.Letter.Position, printable(v.Text))
	}
	return s.app.reportOne(r, plan)
}

// retry sends letters while the taps watch.
func (s *sorting) retry(ctx context.Context, letters []*dlq.Letter) (verdicts []dlq.Verdict, err error) {
	// A tap that takes what it reads would take the letters, from here and from where
	// they are sent.
	taking := map[string]bool{}
	for i := range s.flow.Channels {
		taking[s.flow.Channels[i].Name] = s.flow.Channels[i].Intrusive
	}
	drill, err := scenarios.OpenDrill(ctx, scenarios.DrillConfig{
		Untapped: taking, Flow: s.flow, Tappers: s.sys.tappers, Channels: s.sys.channels, Schemas: s.app.registries(), Now: s.app.now, Log: s.app.logger(s.flags.verbose),
	})
	defer func() { err = errors.Join(err, drill.Close()) }()
	if err != nil {
		return nil, err
	}
	trial := dlq.NewRetrial(s.flow, letters)
	send := trial.Sender(s.sys.publishers, s.sys.channels, s.app.now)
	send.Run = newRunID()
	audit := flows.NewAudit(s.flow, flows.AuditConfig{Mode: "dlq", Started: drill.Started(), OwnOnly: true})
	_, stopped, err := drill.Go(ctx, &scenarios.Leg{
		Views: []*scenarios.View{{Audit: audit, Take: trial.Take}}, Send: send.Send, Done: trial.Done, Patience: trial.Patience(),
	})
	if err == nil && stopped != nil {
		fmt.Fprintf(s.app.err, "flowcheck: only %d of %d were sent: %v\n", send.Sent(), len(letters), stopped)
	}
	if err != nil {
		return nil, err
	}
	if err := s.lookAgain(ctx, trial, taking); err != nil {
		return nil, err
	}
	return trial.Verdicts(), nil
}

// lookAgain shows the trial what has come to the queues that are not tapped since
// their letters are held.
func (s *sorting) lookAgain(ctx context.Context, trial *dlq.Retrial, untapped map[string]bool) error {
	for i, p := range s.place {
		if !untapped[s.names[i]] {
			continue
		}
		box, err := dlq.Look(ctx, p, s.flags.most)
		if err != nil {
			return err
		}
		for j := range box.Letters {
			trial.Take(box.Letters[j].Observation)
		}
		if err := box.Close(ctx); err != nil {
			return err
		}
	}
	return nil
}

// removeHealed removes what has healed, and tells what it could not.
func (s *sorting) removeHealed(ctx context.Context, verdicts []dlq.Verdict, of map[*dlq.Letter]*dlq.Box) (warnings []string) {
	removed := 0
	for _, v := range verdicts {
		if v.State != dlq.Healed {
			continue
		}
		if err := of[v.Letter].Remove(ctx, v.Letter); err != nil {
			warnings = append(warnings, fmt.Sprintf("%s %s stays: %v", v.Letter.Channel, v.Letter.Position, err))
			continue
		}
		removed++
	}
	fmt.Fprintf(s.app.err, "flowcheck: %s removed\n", count(removed, "dead letter"))
	return warnings
}

// result says it as any report does: each letter is a chain.
func (s *sorting) result(verdicts []dlq.Verdict) *flows.Result {
	r := &flows.Result{
		Flow: s.flow.Name, About: s.flow.About, Mode: "dlq", Timelines: map[string][]flows.Moment{},
		Chains: flows.ChainCounts{Total: len(verdicts), Outcomes: map[string]int{}},
	}
	for _, v := range verdicts {
		name := v.Letter.Channel + " " + v.Letter.Position.String()
		r.Chains.Outcomes[string(v.State)]++
		kind := flows.NotReplayed
		switch v.State {
		case dlq.Healed:
			r.Chains.Pass++
			continue
		case dlq.Silent, dlq.Unsent:
			r.Chains.Unknown++
			r.Unknowns = append(r.Unknowns, flows.Unknown{Chain: name, Reason: v.Text})
			continue
		case dlq.Doubled:
			kind = flows.NotIdempotent
		case dlq.Parked:
		}
		r.Chains.Fail++
		r.Findings = append(r.Findings, flows.Finding{Kind: kind, Chain: name, Text: v.Text, Expected: "healed", Actual: string(v.State), Evidence: v.Seen})
	}
	r.Conclude()
	return r
}
