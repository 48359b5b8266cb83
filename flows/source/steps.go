package source

// ID is one entry of correlate:.
type ID struct {
	Name Text
	Expr Text
	Ties bool // true unless the file says ties: false
}

// Step is one entry of steps:.
type Step struct {
	Name       Text
	Channel    Text
	When       Text   // expression
	After      []Text // steps
	Within     Duration
	Count      Count
	Optional   bool
	Repeatable bool
	Check      []Text // expressions
}

// Count is how often a step may occur. Where it is set and Expr is not, Min and
// Max are the bounds.
type Count struct {
	Text Text
	Min  int
	Max  int  // -1: no bound
	Expr Text // expression on earlier steps
}

// IsSet reports whether the step has a count.
func (c Count) IsSet() bool { return c.Text.IsSet() }

// Outcome is one entry of outcomes:.
type Outcome struct {
	Name  Text
	Steps []Text
	Check []Text // expressions
}

func idKeys() []key[ID] {
	return []key[ID]{
		needed("id", val.expr, func(i *ID) *Text { return &i.Expr }),
		field("ties", val.flag, func(i *ID) *bool { return &i.Ties }),
	}
}

func stepKeys() []key[Step] {
	return []key[Step]{
		needed("channel", val.word, func(s *Step) *Text { return &s.Channel }),
		field("when", val.expr, func(s *Step) *Text { return &s.When }),
		field("after", val.texts, func(s *Step) *[]Text { return &s.After }),
		field("within", val.duration, func(s *Step) *Duration { return &s.Within }),
		field("count", val.count, func(s *Step) *Count { return &s.Count }),
		field("optional", val.flag, func(s *Step) *bool { return &s.Optional }),
		field("repeatable", val.flag, func(s *Step) *bool { return &s.Repeatable }),
		field("check", val.exprs, func(s *Step) *[]Text { return &s.Check }),
	}
}

func outcomeKeys() []key[Outcome] {
	return []key[Outcome]{
		needed("steps", val.texts, func(o *Outcome) *[]Text { return &o.Steps }),
		field("check", val.exprs, func(o *Outcome) *[]Text { return &o.Check }),
	}
}

// correlate reads correlate:. An entry is an expression, or a map.
func (v val) correlate() []ID {
	var out []ID
	v.named(func(name Text, v val) {
		v.checkName("an id", name)
		id := ID{Name: name, Ties: true}
		if v.Kind == Map {
			object(v, "id "+quote(name.Value), idKeys(), &id)
		} else {
			id.Expr = v.expr()
		}
		out = append(out, id)
	})
	return out
}

// steps reads steps:.
func (v val) steps() []Step {
	var out []Step
	v.named(func(name Text, v val) {
		v.checkIdentifier("a step", name)
		s := Step{Name: name}
		object(v, "step "+quote(name.Value), stepKeys(), &s)
		out = append(out, s)
	})
	return out
}

// outcomes reads outcomes:. An entry is a list of steps, or a map.
func (v val) outcomes() []Outcome {
	var out []Outcome
	v.named(func(name Text, v val) {
		v.checkName("an outcome", name)
		o := Outcome{Name: name}
		if v.Kind == Map {
			object(v, "outcome "+quote(name.Value), outcomeKeys(), &o)
		} else {
			o.Steps = v.texts()
		}
		out = append(out, o)
	})
	return out
}
