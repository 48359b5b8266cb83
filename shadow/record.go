package shadow

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/flowcheck/flowcheck/flows"
)

// The events of a findings file.
const (
	EventFinding   = "finding"
	EventWithdrawn = "withdrawn" // what a finding said does not hold any more
	EventUnknown   = "unknown"
	EventChains    = "chains" // how many chains have closed since the last of these lines
)

// Record is a line of the findings file.
type Record struct {
	// Time is when it was told, by this machine's clock.
	Time  time.Time `json:"time"`
	Event string    `json:"event"`
	Flow  string    `json:"flow"`
	// ID is the same for the same finding, whoever finds it and however often: see
	// flows.FindingID. Of a withdrawal it is the finding's.
	ID       string            `json:"id,omitempty"`
	Kind     string            `json:"kind,omitempty"`
	Chain    string            `json:"chain,omitempty"`
	IDs      map[string]string `json:"ids,omitempty"`
	Step     string            `json:"step,omitempty"`
	Rule     string            `json:"rule,omitempty"`
	Text     string            `json:"text,omitempty"`
	Expected string            `json:"expected,omitempty"`
	Actual   string            `json:"actual,omitempty"`
	Evidence []Place           `json:"evidence,omitempty"`
	// Rests are messages that a rule's finding rests on beside its evidence, and From
	// and Until the time in which all messages count, where it is judged by windows.
	Rests []Place    `json:"rests,omitempty"`
	From  *time.Time `json:"from,omitempty"`
	Until *time.Time `json:"until,omitempty"`
	// Timeline are the messages of the chain, where it has any.
	Timeline []Moment `json:"timeline,omitempty"`
	// Reason is why something is unknown.
	Reason string `json:"reason,omitempty"`
	// Chains are counted by an EventChains: those of which no line before has told.
	// One that is judged anew moves from one number to another, so that a number may
	// be below zero. All are those that have closed since the journal began.
	Chains *Tally `json:"chains,omitempty"`
	All    *Tally `json:"all,omitempty"`
}

// Place is where a message is.
type Place struct {
	Channel  string `json:"channel"`
	Position string `json:"position"`
}

// Moment is a message of a chain.
type Moment struct {
	Place
	Step string    `json:"step,omitempty"`
	Time time.Time `json:"time"`
	Note string    `json:"note,omitempty"`
}

// Tally counts chains.
type Tally struct {
	Total   int `json:"total"`
	Pass    int `json:"pass"`
	Fail    int `json:"fail"`
	Unknown int `json:"unknown"`
}

// maxTimeline bounds the messages of a chain that a record has.
const maxTimeline = 200

// recordsOf are the lines that a judgement makes.
func recordsOf(flow string, j *flows.Judgement, now time.Time) []Record {
	var all []Record
	for i := range j.Withdrawn {
		all = append(all, findingRecord(flow, EventWithdrawn, &j.Withdrawn[i], now))
	}
	for i := range j.Found {
		r := findingRecord(flow, EventFinding, &j.Found[i], now)
		r.Timeline = timelineOf(j)
		all = append(all, r)
	}
	for _, reason := range j.Unknowns {
		all = append(all, Record{
			Time: now, Event: EventUnknown, Flow: flow, ID: reasonID(flow, j.Chain, reason),
			Chain: j.Chain, IDs: j.IDs, Reason: reason, Timeline: timelineOf(j),
		})
	}
	return all
}

func findingRecord(flow, event string, f *flows.Finding, now time.Time) Record {
	r := Record{
		Time: now, Event: event, Flow: flow, ID: flows.FindingID(flow, f), Kind: string(f.Kind), Chain: f.Chain, IDs: f.IDs,
		Step: f.Step, Rule: f.Rule, Text: f.Text, Expected: f.Expected, Actual: f.Actual,
	}
	for _, e := range f.Evidence {
		r.Evidence = append(r.Evidence, Place{e.Channel, e.Position.String()})
	}
	rests := f.Rests()
	for _, e := range rests.On {
		r.Rests = append(r.Rests, Place{e.Channel, e.Position.String()})
	}
	if !rests.From.IsZero() {
		r.From, r.Until = &rests.From, &rests.Until
	}
	return r
}

func timelineOf(j *flows.Judgement) []Moment {
	all := j.Timeline()
	moments := make([]Moment, 0, min(len(all), maxTimeline))
	for _, m := range all[:min(len(all), maxTimeline)] {
		at := m.Time.Time()
		if at.IsZero() {
			at = m.Seen.Time()
		}
		moments = append(moments, Moment{Place{m.Channel, m.Position.String()}, m.Step, at, m.Note})
	}
	return moments
}

// reasonID names an unknown as FindingID does a finding.
func reasonID(flow, chain, reason string) string {
	sum := sha256.Sum256([]byte(flow + "\x00" + chain + "\x00" + reason))
	return hex.EncodeToString(sum[:12])
}
