package flows

import (
	"github.com/flowcheck/flowcheck/expression"
	"github.com/flowcheck/flowcheck/flows/source"
	"github.com/flowcheck/flowcheck/payload"
)

// format is how a channel's body is decoded.
type format uint8

const (
	formatAny  format = iota // JSON where it is JSON, else no body
	formatJSON               // what is no JSON is malformed
	formatText
	formatBytes
)

// clock is what a channel's time is.
type clock uint8

const (
	clockBroker clock = iota
	clockSeen
	clockField
)

// intakePlan is how a channel's messages are reduced to entries.
type intakePlan struct {
	when, time, messageID, original *expression.Program
	// idField is what messageID reads, where it is one field.
	idField *expression.Field

	clock  clock
	format format
	body   payload.Codec // nil: the format alone tells
	key    payload.Codec // nil: the key is text
	// jsonText: a body is JSON text as it is, and the codec but checks it.
	jsonText bool
	unwrap   bool // an SNS envelope
	keyless  bool // the broker's key means nothing: AMQP
	ids      []idPlan
	steps    []stepPlan
	rules    []*ruleTap

	// Fields by slot: the paths into the body, extracted in one pass, stand
	// first.
	paths  *payload.Paths
	fields []expression.Field
	order  []int // slot of the i-th extracted path
	death  bool  // some expression reads death
	tree   bool  // copies of its messages are looked for in envelopes
}

type idPlan struct {
	name uint16
	ties bool
	expr *expression.Program
}

type stepPlan struct {
	step int16
	when *expression.Program // nil: every message
	// opens: the step follows none, so that a list of ids in it begins chains.
	opens bool
}

func (c *compiler) compileIntake(from *source.Channel, to *Channel) {
	at := c.channels[from.Name.Value]
	plan := &to.intake
	plan.when = c.messageProgram(at, from.When)
	plan.messageID = c.messageProgram(at, from.MessageID)
	plan.idField = c.idField(from.MessageID)
	plan.original = c.messageProgram(at, from.Original)
	switch from.Time.Value {
	case "":
	case "seen":
		plan.clock = clockSeen
	default:
		plan.clock, plan.time = clockField, c.messageProgram(at, from.Time)
	}
	plan.format = map[string]format{"json": formatJSON, "text": formatText, "bytes": formatBytes}[from.Format.Value]
	plan.unwrap = (to.SNS != "" || to.SQS != "") && !to.Envelope
	c.compileCodecs(from, to)
	plan.keyless = to.Exchange != "" || to.Queue != "" || to.Stream != ""
	for i, id := range c.file.Correlate {
		if p := c.messageProgram(at, id.Expr); p != nil {
			plan.ids = append(plan.ids, idPlan{name: uint16(i), ties: id.Ties, expr: p})
		}
	}
	for i, s := range c.file.Steps {
		if s.Channel.Value == from.Name.Value {
			plan.steps = append(plan.steps, stepPlan{
				step: int16(i), when: c.messageProgram(at, s.When), opens: len(s.After) == 0,
			})
		}
	}
}

// idField is the field that a `message-id:` is; nil where it is none, or more.
func (c *compiler) idField(t source.Text) *expression.Field {
	if !t.IsSet() {
		return nil
	}
	expr := c.parse(t, c.messageScope())
	if expr == nil || len(expr.Uses) != 1 || expr.Uses[0].Field.String() != t.Value {
		return nil
	}
	return &expr.Uses[0].Field
}

// messageProgram compiles an expression that sees one message of the channel
// only; nil where the file has none, or a wrong one.
func (c *compiler) messageProgram(channel int, t source.Text) *expression.Program {
	if !t.IsSet() {
		return nil
	}
	// An id's expression is compiled for each channel: sorting drops the errors
	// that repeat.
	expr := c.parse(t, c.messageScope())
	if expr == nil {
		return nil
	}
	return expr.Compile(func(_ expression.Ref, f expression.Field) int {
		return c.slots[channel].slot(f)
	})
}

// finishIntake fixes each channel's slots, once all expressions are compiled.
func (c *compiler) finishIntake() {
	for i := range c.flow.Channels {
		plan := &c.flow.Channels[i].intake
		plan.fields = c.slots[i].fields
		var paths [][]payload.Elem
		for slot, f := range plan.fields {
			switch f.Source {
			case expression.Body:
				paths = append(paths, f.Path)
				plan.order = append(plan.order, slot)
			case expression.Death:
				plan.death = true
			default:
			}
		}
		plan.paths = payload.NewPaths(paths)
	}
	for i := range c.flow.Channels {
		if c.flow.Channels[i].intake.original == nil {
			continue
		}
		for _, origin := range c.flow.Channels[i].DeadLetters {
			c.flow.Channels[origin].intake.tree = true
		}
	}
	for _, s := range c.flow.Steps {
		c.flow.longest = max(c.flow.longest, s.Within)
	}
}
