package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/compare"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/feed"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/replay"
)

// past is what the recording says.
type past struct {
	header message.RecordingHeader
	names  *compare.Names
	set    *compare.Set
	sent   map[string]bool // the chains that are set off again, by name
	found  *flows.Result   // by the flow
	// letters are the dead letters; those of no chain belong to messages sent alone.
	letters *compare.Letters
}

// planReplay reads the recording and prepares what is to be sent.
func (a *app) planReplay(ctx context.Context, d *replaying) error {
	names := compare.NewNames()
	d.was = &past{names: names, set: compare.NewSet(d.flow, names), sent: map[string]bool{}, letters: compare.NewLetters(d.flow)}
	if err := a.readSent(d); err != nil {
		return err
	}
	err := a.reading(d.recording, d.flow, func(r *message.Reader) error {
		d.was.header = r.Header()
		return a.readPast(ctx, d, r)
	})
	if err == nil {
		err = a.readTriggers(d)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	d.plan = d.planner.Plan()
	if len(d.plan.Shipments) == 0 {
		return &failure{exitUnknown, fmt.Errorf("%s: nothing to send: no chain of it has a message of the steps that begin one; %s",
			d.recording, "--steps names others")}
	}
	if d.flags.learn {
		d.second = d.plan.Copy()
	}
	if err := a.schemasFor(ctx, d); err != nil {
		return err
	}
	if err := d.open(a); err != nil {
		return err
	}
	return d.prepare(a)
}

// readPast judges the recording.
func (a *app) readPast(ctx context.Context, d *replaying, r *message.Reader) error {
	set := d.was.set
	audit := flows.NewAudit(d.flow, flows.AuditConfig{
		Mode: "verify", Started: r.Header().Started, Probes: r.Header().Probes, Traffic: true,
		Judged: func(j flows.Judged) { set.Judged(j); d.planner.Judged(j) },
	})
	err := feed.Both(ctx, r, audit, &feed.Beside{Scanner: set.Scanner, AddPage: set.AddPage})
	if err = a.whole(d.recording, err); err != nil {
		return err
	}
	d.was.found = audit.Result()
	return a.fits(d.recording, d.flow, set)
}

// readSent reads what the recorded run sent by itself, if probes were asked for.
func (a *app) readSent(d *replaying) error {
	return a.eachPast(d, func(h *message.RecordingHeader) bool { return h.Probes }, func(e *message.Event) {
		if e.Mark != nil {
			d.planner.Marked(e.Mark)
		}
	})
}

// readTriggers reads the recording once more, for the messages to be sent.
func (a *app) readTriggers(d *replaying) error {
	return a.eachPast(d, func(*message.RecordingHeader) bool { return true }, func(e *message.Event) {
		if e.Observation != nil {
			d.planner.Take(e.Observation)
			d.was.letters.Take(e.Observation)
		}
	})
}

// eachPast reads the recording, if its header is to be read on.
func (a *app) eachPast(d *replaying, on func(*message.RecordingHeader) bool, take func(*message.Event)) error {
	in, closeInput, err := a.openRecording(d.recording)
	if err != nil {
		return input(err)
	}
	defer closeInput()
	r, err := message.NewReader(in)
	if err == nil {
		h := r.Header()
		if !on(&h) {
			return nil
		}
	}
	for err == nil {
		var e message.Event
		if e, err = r.Next(); err == nil {
			take(&e)
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, message.ErrCut) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil // that it is cut off was said
	}
	return input(fmt.Errorf("%s: %w", d.recording, err))
}

// schemasFor fetches the schemas by which ids in bodies that are no text are
// rewritten.
func (a *app) schemasFor(ctx context.Context, d *replaying) error {
	if d.flags.ids != "fresh" || d.flags.dryRun {
		return nil
	}
	channels := map[int]bool{}
	for i := range d.plan.Shipments {
		channels[d.plan.Shipments[i].Channel] = true
	}
	return flows.NewLearner(d.flow, a.registries()).PrepareFor(ctx, channels)
}

// open opens the state file.
func (d *replaying) open(a *app) error {
	shift := a.now().Sub(d.plan.Shipments[0].At)
	if d.flags.state == "" || d.flags.dryRun {
		return d.rename(shift)
	}
	f, err := os.Open(filepath.Clean(d.recording))
	if err != nil {
		return input(err)
	}
	defer f.Close()
	digest, err := replay.Digest(f)
	if err != nil {
		return input(err)
	}
	d.state, err = replay.OpenState(d.flags.state, replay.StateHeader{Run: d.run, Recording: digest, Options: d.flags.options(), Shift: shift})
	if errors.Is(err, replay.ErrNotKept) {
		return &failure{exitUnknown, err}
	}
	if err != nil {
		return input(err)
	}
	if d.state.Ended() {
		return input(fmt.Errorf("%s: all of it has been sent; remove the file to send it again", d.flags.state))
	}
	d.run = d.state.Header.Run
	return d.rename(d.state.Header.Shift)
}

// rename gives the messages their ids and times.
func (d *replaying) rename(shift time.Duration) error {
	if d.flags.ids == "fresh" && !(d.flags.dryRun && d.flow.NeedsSchemas()) {
		if err := d.plan.Rewrite(replay.NewRenamer(d.run)); err != nil {
			return input(err)
		}
	}
	if err := d.plan.Times(d.shift, shift); err != nil {
		return input(err)
	}
	return nil
}

// prepare notes the chains, without those of which a part was sent by an earlier
// process: the taps would not have seen all of it.
func (d *replaying) prepare(a *app) error {
	d.plan.Known()
	earlier := map[int]bool{}
	for i := range d.plan.Shipments {
		if s := &d.plan.Shipments[i]; s.Chain != replay.Alone && d.state.Has(s.Number) {
			earlier[s.Chain] = true
		}
	}
	for i := range d.plan.Chains {
		if !earlier[i] {
			d.was.sent[d.plan.Chains[i].Name] = true
		}
	}
	sent, doubtful := d.state.Counts()
	if sent+doubtful > 0 {
		fmt.Fprintf(a.err, "flowcheck: note: %s: %s sent before, and of %d it is not known; none of them is sent again, and their chains are not judged\n",
			d.flags.state, count(sent, "message"), doubtful)
	}
	if len(d.flow.Mask) > 0 {
		fmt.Fprintln(a.err, "flowcheck: warning: the flow masks values: where the recording has a hash, the hash is sent")
	}
	return nil
}

// remap sends and taps elsewhere than the flow file says.
func (d *replaying) remap(channels []brokers.Channel) error {
	for _, m := range d.flags.mapped {
		from, to, _ := strings.Cut(m, "=")
		found := false
		for i := range channels {
			c := &channels[i]
			for _, place := range []*string{&c.Topic, &c.Exchange, &c.Queue, &c.Stream, &c.SNS, &c.SQS} {
				if *place != "" && (*place == from || c.Name == from) {
					*place, found = to, true
				}
			}
		}
		if !found {
			return input(fmt.Errorf("--map %s: no channel has that name, topic, exchange or queue", from))
		}
	}
	return nil
}

// printReplay says what a replay would send.
func (a *app) printReplay(d *replaying) error {
	channels := brokerChannels(d.flow)
	if err := d.remap(channels); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "%s: what a replay would send; nothing of it is sent now\n\n", d.flow.Name)
	table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for i := range channels {
		n := 0
		for j := range d.plan.Shipments {
			if d.plan.Shipments[j].Channel == i {
				n++
			}
		}
		if n > 0 {
			c := &channels[i]
			b := &d.flow.Brokers[d.flow.Channels[i].Broker]
			fmt.Fprintf(table, "  %s\tto %s\ton %s\t%s\n", count(n, "message"), c.Topic+c.Exchange+c.Queue+c.Stream+c.SNS+c.SQS, b.Name, masked(b.URL))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "\nchains    %d set off again, %d of the recording have no trigger in it\n", len(d.plan.Chains), d.plan.Begun)
	if d.plan.Alone > 0 {
		fmt.Fprintf(a.out, "alone     %s of no chain: nobody can read them, or they are no step\n", count(d.plan.Alone, "message"))
	}
	ids := "as recorded"
	if d.flags.ids == "fresh" {
		ids = "fresh"
		for old, known := range d.sampleIDs() {
			ids += fmt.Sprintf(", such as %s → %s", old, known)
		}
	}
	fmt.Fprintf(a.out, "ids       %s\n", ids)
	fmt.Fprintf(a.out, "rate      %s%s\n", d.pace, d.lasts())
	var places []replay.Place
	for i := range d.flow.Brokers {
		b := &d.flow.Brokers[i]
		places = append(places, replay.Place{Name: b.Name, Hosts: brokers.Hosts(b.URL, b.Endpoint)})
	}
	for _, s := range replay.SameTarget(&d.was.header, places) {
		fmt.Fprintf(a.out, "target    %s: it takes --same-target\n", s)
	}
	return nil
}

// lasts says how long the sending takes.
func (d *replaying) lasts() string {
	if t := d.pace.Takes(d.plan); t > 0 {
		return ": " + t.Round(100*time.Millisecond).String()
	}
	return ""
}

// sampleIDs is an id and what it becomes.
func (d *replaying) sampleIDs() map[string]string {
	r := replay.NewRenamer(d.run)
	for i := range d.plan.Chains {
		if ids := slices.Clone(d.plan.Chains[i].IDs); len(ids) > 0 {
			return map[string]string{ids[0]: r.New(ids[0])}
		}
	}
	return nil
}
