package flows

import (
	"encoding/base64"

	"github.com/flowcheck/flowcheck/expression"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// body fills the slots that are paths into the body.
func (in *intake) body(plan *intakePlan, o *message.Observation) problem {
	data := o.Payload
	if plan.body != nil {
		for _, slot := range plan.order {
			in.slots[slot] = expression.Walk(in.decoded.body, plan.fields[slot].Path)
		}
		return in.decoded.problem
	}
	if plan.format == formatText || plan.format == formatBytes {
		in.plainBody(plan, data)
		return in.keyProblem(plan)
	}
	if data == nil || len(plan.order) == 0 && plan.format == formatAny {
		return in.keyProblem(plan)
	}
	if o.Scan == 0 || o.Scan != in.scan {
		if err := plan.paths.Extract(data, in.bodySlots(plan)); err != nil {
			return problem{text: "cannot be decoded: " + err.Error(), shown: payload.Dump(data)}
		}
	}
	for i, slot := range plan.order {
		in.slots[slot] = in.bodies[i]
	}
	return in.keyProblem(plan)
}

func (in *intake) bodySlots(plan *intakePlan) []payload.Value {
	if n := len(plan.order); cap(in.bodies) < n {
		in.bodies = make([]payload.Value, n)
	} else {
		in.bodies = in.bodies[:n]
	}
	return in.bodies
}

func (in *intake) plainBody(plan *intakePlan, data []byte) {
	if data == nil {
		return
	}
	text := string(data)
	if plan.format == formatBytes {
		text = base64.StdEncoding.EncodeToString(data)
	}
	for _, slot := range plan.order {
		in.slots[slot] = expression.Walk(payload.OfString(text), plan.fields[slot].Path)
	}
}

// field reads one part of a message that is not its body.
func (in *intake) field(ch *Channel, f expression.Field, o *message.Observation) payload.Value {
	switch f.Source {
	case expression.Text:
		if o.Payload == nil {
			return payload.Value{}
		}
		return textOf(string(o.Payload))
	case expression.Tombstone:
		return payload.OfBool(o.Payload == nil)
	case expression.Key:
		return in.keyField(ch, f, o)
	case expression.Channel:
		return payload.OfString(ch.Name)
	case expression.Position:
		return payload.OfString(o.Position.String())
	case expression.Time:
		if t := in.time(&ch.intake, o); t.Known() {
			return payload.OfTime(t.Time())
		}
		return payload.Value{}
	case expression.Seen:
		return payload.OfTime(o.Seen.UTC())
	case expression.Redelivered:
		return payload.OfBool(o.Redelivered)
	case expression.Properties:
		return propertyField(f, o)
	case expression.Death:
		return in.deathField(ch, f)
	default:
		return headerField(f, o)
	}
}

func (in *intake) keyField(ch *Channel, f expression.Field, o *message.Observation) payload.Value {
	switch {
	case o.Key == nil:
		return payload.Value{}
	case ch.intake.key != nil:
		return expression.Walk(in.decoded.key, f.Path)
	default:
		return textOf(string(o.Key))
	}
}
