package flows

import (
	"github.com/flowcheck/flowcheck/expression"
	"github.com/flowcheck/flowcheck/flows/fake"
	"github.com/flowcheck/flowcheck/flows/source"
	"github.com/flowcheck/flowcheck/payload"
)

func (c *compiler) compileScenarios() {
	for i := range c.file.Scenarios {
		c.flow.Scenarios = append(c.flow.Scenarios, c.compileScenario(&c.file.Scenarios[i]))
	}
}

func (c *compiler) compileScenario(from *source.Scenario) Scenario {
	s := Scenario{
		Name: from.Name.Value, About: from.About.Value, Outcome: c.outcomeIndex(from.Outcome),
		Timeout: c.duration(from.Timeout, 0), Cases: []Case{{}},
	}
	for _, covers := range from.Covers {
		s.Covers = append(s.Covers, covers.Value)
	}
	if from.Cases.IsSet() {
		s.Cases, s.named = c.cases(from.Cases), true
	}
	c.compileCall(from, &s)
	s.Probes = compileProbes(from.Probes)
	scope := c.sendScope(from)
	for i := range from.Send {
		s.sends = append(s.sends, c.compileSend(&from.Send[i], scope))
	}
	for _, check := range from.Check {
		if p := c.chainProgram(check, c.scenarioScope(from), -1); p != nil {
			s.checks = append(s.checks, p)
		}
	}
	return s
}

func (c *compiler) outcomeIndex(name source.Text) int {
	if i, ok := c.outcomes[name.Value]; ok && name.IsSet() {
		return i
	}
	return -1
}

func (c *compiler) compileSend(from *source.Send, scope *expression.Scope) send {
	s := send{
		to: c.channelIndex(from.To), outcome: c.outcomeIndex(from.Outcome), tombstone: from.Tombstone,
		key: c.template(from.Key, scope), body: c.template(from.Body, scope),
		text: c.textTemplate(from.Text, scope), base64: c.textTemplate(from.Base64, scope),
		partition: c.textTemplate(from.Partition, scope),
	}
	if c.flow.Channels[s.to].Own {
		c.fail(from.To.Pos, "%q takes replies: nothing is sent there", from.To.Value)
	}
	for _, h := range from.Headers {
		s.headers = append(s.headers, templateMember{c.textTemplate(h.Name, scope), c.template(h.Value, scope)})
	}
	for _, p := range from.Properties {
		s.properties = append(s.properties, templateMember{c.textTemplate(p.Name, scope), c.template(p.Value, scope)})
	}
	return s
}

// sendScope is the scope of what a scenario sends: it alone may read the clock
// and make ids.
func (c *compiler) sendScope(from *source.Scenario) *expression.Scope {
	s := c.configScope()
	s.Unavailable = nil
	s.Names = append(c.scenarioNames(from), c.replyNames())
	s.Functions = append(s.Functions,
		expression.Function{Name: "now", Call: func([]payload.Value) (payload.Value, error) {
			return payload.OfTime(c.opts.Now().UTC()), nil
		}},
		expression.Function{Name: "uuid", Call: func([]payload.Value) (payload.Value, error) {
			return payload.OfString(c.opts.UUID()), nil
		}})
	for _, fn := range fake.Functions() {
		s.Functions = append(s.Functions, expression.Function{Name: "fake." + fn.Name, Params: fn.Params, Draw: fn.Call})
	}
	return s
}

// replyNames are the queues and topics that replies are to go to, by channel.
func (c *compiler) replyNames() expression.Name {
	members, names := []payload.Member{}, []string{}
	for i := range c.flow.Channels {
		if ch := &c.flow.Channels[i]; ch.Reply != "" {
			members = append(members, payload.Member{Name: ch.Name, Value: payload.OfString(ch.Reply)})
			names = append(names, ch.Name)
		}
	}
	return expression.Name{Name: "channels", Value: payload.OfObject(members), Members: names}
}

// scenarioScope is the scope of a scenario's checks.
func (c *compiler) scenarioScope(from *source.Scenario) *expression.Scope {
	s := c.chainScope(false)
	s.Names = c.scenarioNames(from)
	s.Unavailable = map[string]string{
		"channels": "a check may not read where replies go: a later verify could not repeat it",
		"now":      "a check may not read the clock: a later verify could not repeat it",
		"uuid":     "a check may not make ids: a later verify could not repeat it",
		"fake":     "a check may not make test data: a later verify could not repeat it",
	}
	return s
}

// scenarioNames are vars with the scenario's own, env, id and case: in the order
// of the name… constants.
func (c *compiler) scenarioNames(from *source.Scenario) []expression.Name {
	top := c.vars
	if len(from.Vars) > 0 {
		c.vars = append([]payload.Member(nil), c.vars...)
		own := map[string]bool{}
		for _, v := range from.Vars {
			c.setVar(v.Name.Value, c.data(v.Value))
			own[v.Name.Value] = true
			c.own = own
		}
	}
	names := append(c.names(), expression.Name{Name: "id", Later: true}, expression.Name{Name: "case", Later: true})
	c.vars, c.own = top, nil
	return names
}
