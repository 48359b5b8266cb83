package flows

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/flowcheck/flowcheck/expression"
	"github.com/flowcheck/flowcheck/flows/source"
	"github.com/flowcheck/flowcheck/payload"
)

// The defaults of a flow's top-level keys.
const (
	DefaultSkew     = 10 * time.Millisecond
	DefaultSettle   = 500 * time.Millisecond
	DefaultTimeout  = 30 * time.Second
	DefaultRemember = time.Hour
)

// maxOutcomes is how many outcomes fit a step's set of them.
const maxOutcomes = 64

// compiler turns a source.File into a Flow, collecting every error.
type compiler struct {
	file *source.File
	opts Options
	flow *Flow
	errs source.Errors

	vars     []payload.Member
	own      map[string]bool // the variables of the scenario that is compiled
	channels map[string]int
	steps    map[string]int
	outcomes map[string]int
	slots    []*slotTable // by channel

	lenient bool // what cannot be evaluated is left out, and noted in lacking
	lacking bool
}

func (c *compiler) compile() {
	f := c.flow
	f.Name, f.About = c.file.Flow.Value, c.file.About.Value
	c.compileVars()
	f.Settle = c.duration(c.file.Settle, DefaultSettle)
	f.PartitionBy = c.file.PartitionBy.Value
	f.Timeout = c.duration(c.file.Timeout, DefaultTimeout)
	f.Remember = c.duration(c.file.Remember, DefaultRemember)
	f.Skew = c.duration(c.file.Skew.Broker, DefaultSkew)
	f.ProducerSkew = c.duration(c.file.Skew.Producer, f.Skew)
	c.compileBrokers()
	c.nameChannels()
	c.nameSteps()
	c.compileCorrelate()
	c.compileChannels()
	c.compileSteps()
	c.compileOutcomes()
	c.compileRules()
	c.compileScenarios()
	c.compileHooks()
	c.compileMasks()
	c.compileNoise()
	c.finishIntake()
}

// fail notes an error at a place.
func (c *compiler) fail(at source.Position, format string, args ...any) {
	c.errs = append(c.errs, source.Errorf(at, format, args...))
}

// parse reads an expression and notes its errors; nil where there are any.
func (c *compiler) parse(t source.Text, scope *expression.Scope) *expression.Expr {
	expr, err := expression.Parse(t.Value, scope)
	return c.parsed(t, expr, err)
}

func (c *compiler) parsed(t source.Text, expr *expression.Expr, err error) *expression.Expr {
	var mistakes expression.Errors
	switch {
	case err == nil:
		return expr
	case errors.As(err, &mistakes):
		for _, m := range mistakes {
			c.fail(t.At(m.Offset), "%s", m.Message)
		}
	default:
		c.fail(t.Pos, "%v", err)
	}
	return nil
}

// configScope is the scope of ${…} in configuration: no message, no chain.
func (c *compiler) configScope() *expression.Scope {
	return &expression.Scope{
		Names: c.names(),
		Functions: []expression.Function{
			{Name: "file", Params: 1, Call: c.readFile, Secret: true},
		},
		Unavailable: map[string]string{
			"channels": "only what a scenario sends may name queues for replies",
			"id":       "only scenarios have an id",
			"case":     "only scenarios have cases",
			"now":      "only what a scenario sends may read the clock",
			"uuid":     "only what a scenario sends may make ids",
			"fake":     "only what a scenario sends is made of test data",
		},
	}
}

// names are vars and env, as every expression may read them.
func (c *compiler) names() []expression.Name {
	env := make([]payload.Member, 0, len(c.opts.Env))
	for name, value := range c.opts.Env {
		env = append(env, payload.Member{Name: name, Value: payload.OfString(value)})
	}
	members := make([]string, len(c.vars))
	for i, v := range c.vars {
		members[i] = v.Name
	}
	own := c.own
	read := func(variable string) {
		if !own[variable] {
			c.flow.variables[variable] = true
		}
	}
	return []expression.Name{
		{Name: "vars", Value: payload.OfObject(c.vars), Members: members, Read: read},
		{Name: "env", Value: payload.OfObject(env), Secret: true},
	}
}

// messageScope is the scope of what sees one message only.
func (c *compiler) messageScope() *expression.Scope {
	s := c.configScope()
	s.Own, s.Functions = true, nil
	return s
}

// chainScope is the scope of what is judged at the close of a chain.
func (c *compiler) chainScope(own bool) *expression.Scope {
	s := c.messageScope()
	s.Own = own
	for i := range c.flow.Steps {
		st := &c.flow.Steps[i]
		s.Steps = append(s.Steps, expression.Step{Name: st.Name, Counted: st.Counted})
	}
	s.IDs = make([]string, len(c.flow.IDs))
	for i := range c.flow.IDs {
		s.IDs[i] = c.flow.IDs[i].Name
	}
	return s
}

// text evaluates a configuration value. nil alone is as if the key were not
// there; nil within a text is an error.
func (c *compiler) text(t source.Text) string {
	c.lenient = c.opts.Offline
	v, ok := c.value(t)
	c.lenient = false
	if !ok {
		return ""
	}
	if v.Kind() == payload.Nil {
		c.lacking = c.lacking || c.opts.Offline
		return ""
	}
	return payload.Plain(v)
}

// needed is text where there must be one.
func (c *compiler) needed(t source.Text) string {
	errs := len(c.errs)
	text := c.text(t)
	if text == "" && t.IsSet() && !c.opts.Offline && len(c.errs) == errs {
		c.errs = append(c.errs, source.Errorf(t.Pos, "%s comes to nothing", t.Value).
			WithHint(`give it a default: ${env.NAME ?? "value"}`))
	}
	return text
}

// value evaluates a configuration value and keeps its type.
func (c *compiler) value(t source.Text) (payload.Value, bool) {
	if !t.IsSet() {
		return payload.Value{}, false
	}
	expr, err := expression.ParseTemplate(t.Value, c.configScope())
	if expr = c.parsed(t, expr, err); expr == nil {
		return payload.Value{}, false
	}
	var frame expression.Frame
	v := expr.Compile(noSlot).Eval(&frame)
	if frame.Err != nil && c.lenient {
		c.lacking = true
		return payload.Value{}, false
	}
	if frame.Err != nil {
		c.fail(t.Pos, "%v", frame.Err)
		return payload.Value{}, false
	}
	if frame.Exceeded {
		c.fail(t.Pos, "this expression costs too much")
		return payload.Value{}, false
	}
	return v, true
}

func noSlot(expression.Ref, expression.Field) int { return -1 }

// duration evaluates a duration of the file.
func (c *compiler) duration(d source.Duration, otherwise time.Duration) time.Duration {
	switch {
	case !d.IsSet():
		return otherwise
	case !d.Dynamic:
		return d.Value
	}
	value, err := source.ParseDuration(c.text(d.Text))
	if err != nil {
		c.fail(d.Text.Pos, "%v", err)
		return otherwise
	}
	return value
}

// compileVars evaluates vars: each may read those before it. What overrides one is
// seen by those that read it, too.
func (c *compiler) compileVars() {
	places := [][]source.Var{c.file.Vars}
	for _, file := range c.opts.VarFiles {
		vars, errs := source.LoadVars(file.Name, file.Data)
		c.errs = append(c.errs, errs...)
		places = append(places, vars)
	}
	last := map[string]int{} // the place that has the last word
	errs := len(c.errs)
	for i, vars := range places {
		for _, v := range vars {
			last[v.Name.Value] = i
			c.flow.variables[v.Name.Value] = true
			c.setVar(v.Name.Value, c.data(v.Value))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.opts.Vars)) {
		last[name] = len(places)
		c.setVar(name, scalar(c.opts.Vars[name]))
	}
	if len(c.errs) > errs {
		return
	}
	for i, vars := range places {
		for _, v := range vars {
			if last[v.Name.Value] == i {
				c.setVar(v.Name.Value, c.data(v.Value))
			}
		}
	}
}

func (c *compiler) setVar(name string, v payload.Value) {
	for i := range c.vars {
		if c.vars[i].Name == name {
			c.vars[i].Value = v
			return
		}
	}
	c.vars = append(c.vars, payload.Member{Name: name, Value: v})
}

// data evaluates free data of the file, ${…} included.
func (c *compiler) data(d source.Data) payload.Value {
	switch d.Kind {
	case source.Bool:
		return payload.OfBool(d.Text.Value == "true")
	case source.Number:
		return scalar(d.Text.Value)
	case source.String:
		v, _ := c.value(d.Text)
		return v
	case source.List:
		items := make([]payload.Value, len(d.Items))
		for i := range d.Items {
			items[i] = c.data(d.Items[i])
		}
		return payload.OfList(items)
	case source.Map:
		members := make([]payload.Member, len(d.Members))
		for i, m := range d.Members {
			members[i] = payload.Member{Name: c.text(m.Name), Value: c.data(m.Value)}
		}
		return payload.OfObject(members)
	default:
		return payload.Value{}
	}
}

// scalar types a text as JSON does; what is no JSON scalar is text.
func scalar(text string) payload.Value {
	v, err := payload.Decode([]byte(text))
	if err != nil || v.Kind() == payload.Object || v.Kind() == payload.List {
		return payload.OfString(text)
	}
	return v
}
