package flows

import (
	"errors"
	"fmt"

	"github.com/flowcheck/flowcheck/expression"
	"github.com/flowcheck/flowcheck/flows/source"
	"github.com/flowcheck/flowcheck/payload"
)

// template is free data of the file with ${…} in it, to be evaluated for each
// message that a scenario sends. The zero template is absent.
type template struct {
	set     bool
	value   payload.Value       // a constant, or
	program *expression.Program // a text with ${…}, or
	source  string
	items   []template // a list, or
	members []templateMember
	kind    source.Kind
}

type templateMember struct{ name, value template }

// template compiles data of a scenario.
func (c *compiler) template(d source.Data, scope *expression.Scope) template {
	t := template{set: d.IsSet(), kind: d.Kind}
	switch d.Kind {
	case source.String:
		return c.textTemplate(d.Text, scope)
	case source.List:
		for i := range d.Items {
			t.items = append(t.items, c.template(d.Items[i], scope))
		}
	case source.Map:
		for _, m := range d.Members {
			t.members = append(t.members, templateMember{c.textTemplate(m.Name, scope), c.template(m.Value, scope)})
		}
	default:
		t.value = c.data(d)
	}
	return t
}

func (c *compiler) textTemplate(text source.Text, scope *expression.Scope) template {
	t := template{set: text.IsSet(), kind: source.String, source: text.Value}
	if !t.set {
		return t
	}
	expr, err := expression.ParseTemplate(text.Value, scope)
	if expr = c.parsed(text, expr, err); expr == nil {
		return t
	}
	c.flow.Draws = c.flow.Draws || expr.Draws()
	t.program = expr.Compile(noSlot)
	return t
}

// eval evaluates the template.
func (t *template) eval(frame *expression.Frame) (payload.Value, error) {
	switch {
	case t.program != nil:
		frame.Err, frame.Exceeded = nil, false
		v := t.program.Eval(frame)
		if frame.Err != nil {
			return v, fmt.Errorf("%s: %w", t.source, frame.Err)
		}
		if frame.Exceeded {
			return v, fmt.Errorf("%s: %w", t.source, errTooCostly)
		}
		return v, nil
	case t.kind == source.List:
		items := make([]payload.Value, len(t.items))
		for i := range t.items {
			v, err := t.items[i].eval(frame)
			if err != nil {
				return v, err
			}
			items[i] = v
		}
		return payload.OfList(items), nil
	case t.kind == source.Map:
		return t.evalMap(frame)
	default:
		return t.value, nil
	}
}

func (t *template) evalMap(frame *expression.Frame) (payload.Value, error) {
	members := make([]payload.Member, len(t.members))
	for i := range t.members {
		name, err := t.members[i].name.eval(frame)
		if err != nil {
			return name, err
		}
		v, err := t.members[i].value.eval(frame)
		if err != nil {
			return v, err
		}
		members[i] = payload.Member{Name: payload.Plain(name), Value: v}
	}
	return payload.OfObject(members), nil
}

var errTooCostly = errors.New("the expression costs more than it may")
