package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/compare"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/replay"
	"github.com/flowcheck/flowcheck/scenarios"
	"github.com/flowcheck/flowcheck/scenarios/call"
)

// exercise is a replay on a connected system.
type exercise struct {
	*replaying
	app    *app
	drill  *scenarios.Drill
	sender *replay.Sender
	come   *arrivals
	whole  bool // a report shows whole messages
}

// side is a view of the taps with the set that grows beside it.
type side struct {
	*scenarios.View
	set     *compare.Set
	letters *compare.Letters
	// mid and own are the numbers and the places of what was sent in the middle of
	// chains.
	mid map[int]bool
	own map[flows.Evidence]bool
	// sent is how many of them were sent by fingerprint, alike what came of those.
	sent   sendings
	alike  map[uint64][]sighted
	result *flows.Result
}

// sighted is a message that a tap saw: its number, and its place.
type sighted struct {
	number int
	at     flows.Evidence
}

// drill connects, arms the taps, and carries the replay out.
func (a *app) drill(ctx context.Context, d *replaying) (result *flows.Result, err error) {
	c := &connector{adapters: a.adapters, runID: newRunID(), log: a.logger(d.flags.verbose)}
	sys, err := c.connect(ctx, d.flow, true)
	defer sys.close()
	if err != nil {
		return nil, err
	}
	if err := d.remap(sys.channels); err != nil {
		return nil, err
	}
	if err := d.otherTarget(ctx, sys); err != nil {
		return nil, err
	}
	closeCutter, err := d.openCutter(ctx)
	defer closeCutter()
	if err != nil {
		return nil, err
	}
	progress := a.newProgress()
	defer progress.clear()
	cfg := scenarios.DrillConfig{
		Flow: d.flow, Tappers: sys.tappers, Channels: sys.channels, Schemas: a.registries(), Now: a.now, Log: c.log,
	}
	e := &exercise{replaying: d, app: a, whole: d.reports.whole(), sender: &replay.Sender{
		Plan: d.plan, Publishers: sys.publishers, Channels: sys.channels, Pace: d.pace, State: d.state, Run: d.run, Now: a.now,
		Call: func(ctx context.Context, c *flows.Call) error {
			_, err := call.Do(ctx, c)
			return err
		},
	}}
	e.come = newArrivals(d.flow, d.plan)
	e.sender.Await, e.sender.AwaitHeal = e.come.shipment, e.come.heal
	if d.flags.plain {
		e.sender.Run = ""
	}
	cfg.Progress = func(p scenarios.DrillProgress) {
		progress.line(fmt.Sprintf("%d of %d sent, %d of %d chains decided, %d findings", e.sender.Sent(), len(d.plan.Shipments), p.Decided, p.Chains, p.Found))
	}
	if d.flags.record != "" {
		tape, tapeErr := a.newTape(d.flags.record)
		if tapeErr != nil {
			return nil, input(tapeErr)
		}
		defer func() {
			if closeErr := tape.close(); closeErr != nil {
				err = errors.Join(err, closeErr)
			}
		}()
		cfg.Record = tape
	}
	e.drill, err = scenarios.OpenDrill(ctx, cfg)
	defer func() {
		switch closeErr := e.drill.Close(); {
		case closeErr == nil:
		case err == nil:
			result.Warnings = append(result.Warnings, closeErr.Error())
		default:
			err = fmt.Errorf("%w; and %w", err, closeErr)
		}
	}()
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(a.err, "flowcheck: sending %s, %s%s\n", count(len(d.plan.Shipments), "message"), d.pace, d.lasts())
	return e.carryOut(ctx)
}

// otherTarget refuses the brokers that the recording came from.
func (d *replaying) otherTarget(ctx context.Context, sys *system) error {
	if d.flags.same {
		return nil
	}
	if len(d.was.header.Brokers) == 0 {
		return input(fmt.Errorf("%s does not say which brokers it came from: --same-target sends to these all the same", d.recording))
	}
	ids := scenarios.Identities(ctx, d.flow, sys.tappers)
	var places []replay.Place
	for i := range sys.publishers {
		b := &d.flow.Brokers[i]
		places = append(places, replay.Place{Name: b.Name, Is: ids[b.Name], Hosts: brokers.Hosts(b.URL, b.Endpoint)})
	}
	if same := replay.SameTarget(&d.was.header, places); len(same) > 0 {
		return input(fmt.Errorf("%s: nothing was sent; another broker: --broker NAME=URL, or --same-target if it is meant", same[0]))
	}
	return nil
}

// newSide begins an audit of the chains that are set off, and of nothing else.
func (e *exercise) newSide() *side {
	set := compare.NewSet(e.flow, e.was.names)
	audit := flows.NewAudit(e.flow, flows.AuditConfig{Mode: "replay", Started: e.drill.Started(), OwnOnly: true, Probes: e.whole, Grace: e.grace(), Judged: set.Judged})
	letters := compare.NewLetters(e.flow)
	s := &side{set: set, letters: letters, mid: map[int]bool{}, own: map[flows.Evidence]bool{}, alike: map[uint64][]sighted{}}
	s.sent = e.sendings(func(s *replay.Shipment) bool { return s.Mid })
	n := 0
	take := func(o *message.Observation) {
		set.Take(o)
		letters.Take(o)
		e.come.take(o)
		n++
		if k := o.Fingerprint(); s.sent[k] > 0 {
			s.alike[k] = append(s.alike[k], sighted{n, flows.Evidence{Channel: o.Channel, Position: o.Position}})
		}
	}
	s.View = &scenarios.View{Audit: audit, Take: take}
	return s
}

// end judges what the side has seen.
func (s *side) end(mark *message.Mark) {
	if mark != nil {
		s.Audit.Add(message.Event{Mark: mark})
	}
	s.result = s.Audit.Result()
	for k, all := range s.alike { // of messages that are alike, what was sent is the last
		for _, one := range all[max(0, len(all)-s.sent[k]):] {
			s.mid[one.number], s.own[one.at] = true, true
		}
	}
}

// known are the ids of the chains that are judged.
func (e *exercise) known(p *replay.Plan) []map[string]string {
	var all []map[string]string
	for i := range p.Chains {
		if e.was.sent[p.Chains[i].Name] {
			all = append(all, p.Chains[i].Known)
		}
	}
	return all
}

// carryOut sends everything, as often as is asked for, and says what came of it.
func (e *exercise) carryOut(ctx context.Context) (*flows.Result, error) {
	now, doubled := e.newSide(), e.newSide()
	views := []*scenarios.View{now.View}
	if e.flags.twice {
		views = append(views, doubled.View)
	}
	end, stopped, err := e.drill.Go(ctx, &scenarios.Leg{
		Views: views, Chains: e.known(e.plan), Send: e.sender.Send, Limits: e.flags.limits,
		Disturb: e.disturbances(), Sent: func() float64 { return float64(e.sender.Sent()) / float64(len(e.plan.Shipments)) },
	})
	if err != nil {
		return nil, err
	}
	now.end(end)
	e.undone(now.result)
	e.addLone(now)
	e.was.set.Without(e.planner.Mid())
	now.set.Without(now.mid)
	cfg := compare.Config{
		Flow: e.flow, Was: e.was.set, Now: now.set, Slower: e.flags.slower, WasName: filepath.Base(e.recording), NowName: "the replay",
		Only: func(c *compare.Chain) bool { return e.was.sent[c.Name] }, Steps: e.planner.Steps(), Renamed: func(v string) string { return v },
	}
	if e.flags.ids == "fresh" {
		cfg.Renamed = renamed(replay.NewRenamer(e.run))
	}
	var effects []flows.Finding
	if e.flags.twice && stopped == nil {
		if end, stopped, err = e.secondTime(ctx, doubled); err != nil {
			return nil, err
		}
		effects = e.effects(now, doubled)
	}
	if e.flags.learn && stopped == nil {
		if end, stopped, err = e.learnNoise(ctx, &cfg); err != nil {
			return nil, err
		}
	}
	if err := e.drill.End(end); err != nil {
		return nil, err
	}
	merged := merge(now, &cfg, e.was, newCutShort(e.flow, stopped != nil, end == nil))
	merged.Findings = append(merged.Findings, effects...)
	e.conclude(merged, stopped)
	return merged, nil
}

// secondTime sends the same once more.
func (e *exercise) secondTime(ctx context.Context, doubled *side) (*message.Mark, error, error) {
	own := e.sendings(func(*replay.Shipment) bool { return true })
	doubled.Skip = own.is
	again := &replay.Sender{
		Plan: e.plan, Publishers: e.sender.Publishers, Channels: e.sender.Channels, Pace: e.pace, Run: e.sender.Run, Now: e.app.now,
	}
	end, stopped, err := e.drill.Go(ctx, &scenarios.Leg{
		Views: []*scenarios.View{doubled.View}, Chains: e.known(e.plan), Send: again.Send, Limits: e.flags.limits, NoEffect: true,
	})
	if err == nil {
		doubled.end(end)
	}
	return end, stopped, err
}

// learnNoise sends everything under ids of its own.
func (e *exercise) learnNoise(ctx context.Context, cfg *compare.Config) (*message.Mark, error, error) {
	other := replay.NewRenamer(e.run + "-2")
	plan := e.second
	if err := plan.Rewrite(other); err != nil {
		return nil, nil, input(err)
	}
	plan.Known()
	twin := e.newSide()
	send := &replay.Sender{
		Plan: plan, Publishers: e.sender.Publishers, Channels: e.sender.Channels, Pace: e.pace, Run: e.sender.Run, Now: e.app.now,
	}
	end, stopped, err := e.drill.Go(ctx, &scenarios.Leg{
		Views: []*scenarios.View{twin.View}, Chains: e.known(plan), Send: send.Send, Limits: e.flags.limits,
	})
	if err != nil {
		return nil, stopped, err
	}
	twin.end(end)
	cfg.Again, cfg.AgainRenamed, cfg.AgainOfNow = twin.set, other.New, true
	return end, stopped, nil
}

// conclude adds what is known beside the chains.
func (e *exercise) conclude(r *flows.Result, stopped error) {
	if stopped != nil {
		reason := fmt.Sprintf("%d of %d messages were sent: %v", e.sender.Sent(), len(e.plan.Shipments), stopped)
		if e.state != nil {
			reason += "; the same command goes on from there"
		}
		fmt.Fprintf(e.app.err, "flowcheck: %s\n", reason) // a report of many chains shows not all that is unknown
		r.Unknowns = append(r.Unknowns, flows.Unknown{Reason: reason})
	}
	if _, doubtful := e.state.Counts(); doubtful > 0 {
		r.Unknowns = append(r.Unknowns, flows.Unknown{Reason: fmt.Sprintf("of %s it is not known whether they were sent", count(doubtful, "message"))})
	}
	if n := e.sender.Fallback(); n > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%s went to another partition than recorded, by the key: the topic has fewer", count(n, "message")))
	}
	if e.plan.Begun > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%s of the recording have no message that begins one: they were not replayed", count(e.plan.Begun, "chain")))
	}
	slices.Sort(r.Warnings)
	settleCounts(r)
}
