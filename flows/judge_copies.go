package flows

import (
	"cmp"
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/correlate"
)

// judgeCopies compares dead-lettered copies with their origins, and tells the
// strays.
func (j *judge) judgeCopies() {
	for _, e := range j.order {
		ch := &j.flow.Channels[e.Channel]
		if e.Detail != nil && e.Detail.Stray != correlate.NotStray {
			j.stray(ch, e)
		}
		if ch.DeadLetters == nil || ch.Copy == CopyNone || e.Detail == nil {
			continue
		}
		if origin := j.alteredFrom(ch, e); origin != nil {
			j.altered(ch, e, origin)
		}
	}
}

// stray tells of a message that is no step.
func (j *judge) stray(ch *Channel, e *correlate.Entry) {
	f := strayFinding(ch, e, j.evidence(e))
	if e.Step != correlate.NoStep {
		f.Step = j.flow.Steps[e.Step].Name
	}
	j.find(f)
}

func strayFinding(ch *Channel, e *correlate.Entry, evidence []Evidence) Finding {
	f := Finding{Evidence: evidence, Actual: cmp.Or(e.Detail.Text, "a message that is no step")}
	switch e.Detail.Stray {
	case correlate.DeadLettered:
		f.Kind, f.Text = DeadLettered, "a message was dead-lettered to "+ch.Name+", and no step of the flow is that"
		f.Expected = "no message that is no step"
	case correlate.Malformed:
		f.Kind, f.Text, f.Actual = Malformed, e.Detail.Text, e.Detail.Shown
		f.Expected = "a body in the channel's format"
		if strings.HasPrefix(f.Text, "a key") {
			f.Expected = "a key in the channel's key-format"
		}
	default:
		f.Kind, f.Text = Unexpected, "a message on "+ch.Name+" is no step of the flow"
		f.Expected = "only the flow's steps"
	}
	return f
}

// alteredFrom is the message that e is an altered copy of: by the position in its
// headers, else the chain's last on the origin's channel. Where there is no
// position any of them may be the origin, so that a copy of any is unaltered, and
// one that the chain lacks may be it. nil: it is unaltered, or its origin was not
// seen or is not known.
func (j *judge) alteredFrom(ch *Channel, e *correlate.Entry) *correlate.Entry {
	if e.Detail.OriginAt == (correlate.Entry{}).Position && j.lacksOrigin(ch, e) {
		return nil
	}
	var found *correlate.Entry
	several := false
	for _, o := range j.order {
		if o == e || !slices.Contains(ch.DeadLetters, int(o.Channel)) || o.Step == correlate.NoStep {
			continue
		}
		if e.Detail.Origin != -1 && o.Channel != e.Detail.Origin {
			continue
		}
		if e.Detail.OriginAt != (correlate.Entry{}).Position && o.Position != e.Detail.OriginAt {
			continue
		}
		if j.differs(ch, e, o) == "" {
			return nil
		}
		several = several || found != nil && found.Channel != o.Channel
		found = o
	}
	if several {
		return nil // it may come from either
	}
	return found
}

// lacksOrigin reports whether the chain lacks a message that e may be a copy of.
func (j *judge) lacksOrigin(ch *Channel, e *correlate.Entry) bool {
	if j.partial() {
		return true
	}
	for s := range j.steps {
		step := &j.flow.Steps[s]
		from := e.Detail.Origin == -1 && slices.Contains(ch.DeadLetters, step.Channel) || int16(step.Channel) == e.Detail.Origin
		if from && j.verdict.Outcome < 0 && step.outcomes&j.reach != 0 && j.needs(s) {
			return true
		}
	}
	return false
}

// differs names what of the origin the copy has not kept; "" for nothing.
func (j *judge) differs(ch *Channel, e, origin *correlate.Entry) string {
	differs := ""
	switch {
	case e.Detail.Payloads != nil:
		if !slices.Contains(e.Detail.Payloads, origin.Body) && !slices.Contains(e.Detail.Payloads, origin.Tree) {
			differs = "body"
		}
	case !e.Detail.Lifted:
		differs = "body"
	case e.Body != origin.Body || e.Tombstone != origin.Tombstone:
		differs = "body"
	}
	keyed := ch.Copy == CopyWhole && !ch.intake.keyless && !j.flow.Channels[origin.Channel].intake.keyless
	if keyed && (e.Key != origin.Key || e.HasKey != origin.HasKey) {
		if differs != "" {
			differs += " and "
		}
		differs += "key"
	}
	return differs
}

// altered tells that a copy differs from its origin.
func (j *judge) altered(ch *Channel, e, origin *correlate.Entry) {
	differs := j.differs(ch, e, origin)
	f := Finding{
		Kind: Altered, Text: "the dead-lettered copy differs from its origin in " + differs,
		Expected: "the origin's " + differs + ", unchanged", Actual: "another " + differs,
		Evidence: j.evidence(e, origin),
	}
	if e.Step != correlate.NoStep {
		f.Step = j.flow.Steps[e.Step].Name
	}
	j.find(f)
}
