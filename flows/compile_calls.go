package flows

import (
	"net/url"
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/expression"
	"github.com/flowcheck/flowcheck/flows/source"
)

func (c *compiler) compileHooks() {
	c.flow.hooks = map[string]*callPlan{}
	for i := range c.file.Hooks {
		h := &c.file.Hooks[i]
		c.flow.hooks[h.Name.Value] = c.callPlan(&h.Call, c.sendScope(&source.Scenario{}))
	}
	c.flow.Setup = c.calls(c.file.Setup)
	c.flow.Cleanup = c.calls(c.file.Cleanup)
}

// calls are calls that belong to no scenario.
func (c *compiler) calls(all []source.Call) []*Call {
	var made []*Call
	for i := range all {
		if all[i].Errand != nil {
			made = append(made, &Call{Errand: c.errand(all[i].Errand)})
			continue
		}
		plan := c.callPlan(&all[i], c.configScope())
		call, err := plan.make(scenarioFrame("", Case{}.value))
		if err != nil {
			c.fail(all[i].Pos, "%v", err)
			continue
		}
		made = append(made, call)
	}
	return made
}

// errand compiles what is to be done on a broker. Only a queue that the file calls
// one's own is ever purged.
func (c *compiler) errand(from *source.Errand) *Errand {
	if !from.Purge.IsSet() {
		e := &Errand{Broker: c.brokerIndex(from.Broker.Value), SQL: c.texts(from.SQL), about: "sql on " + from.Broker.Value}
		if e.Broker < 0 {
			c.fail(from.Broker.Pos, "there is no broker %q", from.Broker.Value)
		}
		return e
	}
	i, ok := c.channels[from.Purge.Value]
	switch {
	case !ok:
		c.fail(from.Purge.Pos, "there is no channel %q", from.Purge.Value)
	case !c.flow.Channels[i].Purgeable:
		c.fail(from.Purge.Pos, "channel %q is not said to be one's own, and a purge takes away what others may need: say own: true on the channel if nobody does", from.Purge.Value)
	}
	return &Errand{Broker: c.flow.Channels[i].Broker, Channel: i, about: "purge of " + from.Purge.Value}
}

// compileCall compiles how a scenario begins, where that is no message.
func (c *compiler) compileCall(from *source.Scenario, s *Scenario) {
	if from.Heal != nil {
		s.heal = c.callPlan(from.Heal, c.sendScope(from))
	}
	if from.Call == nil {
		return
	}
	s.call = c.callPlan(from.Call, c.sendScope(from))
	if len(from.IDs) == 0 {
		c.fail(from.Call.Pos, "a scenario that begins with a call needs `ids`, by which its chain is known: ids: { %s: \"${reply.body.…}\" }", c.someID())
	}
	scope := c.sendScope(from)
	scope.Names = append(scope.Names, expression.Name{Name: "reply", Later: true, Members: []string{"status", "headers", "body", "text"}})
	for _, id := range from.IDs {
		if !slices.ContainsFunc(c.file.Correlate, func(x source.ID) bool { return x.Name.Value == id.Name.Value }) {
			c.fail(id.Name.Pos, "%q is no id of `correlate`", id.Name.Value)
		}
		s.ids = append(s.ids, templateMember{c.textTemplate(id.Name, scope), c.template(id.Value, scope)})
	}
}

// someID is an id of the file, for a hint.
func (c *compiler) someID() string {
	if len(c.file.Correlate) == 0 {
		return "order"
	}
	return c.file.Correlate[0].Name.Value
}

func (c *compiler) callPlan(from *source.Call, scope *expression.Scope) *callPlan {
	p := &callPlan{
		method: strings.ToUpper(from.Method.Value), url: c.textTemplate(from.URL, scope), body: c.template(from.Body, scope), tls: c.tls(from.TLS),
	}
	if p.tls != nil && p.tls.Insecure {
		c.flow.unverifiedCalls = append(c.flow.unverifiedCalls, hostOf(from.URL.Value))
	}
	for _, h := range from.Headers {
		p.headers = append(p.headers, templateMember{c.textTemplate(h.Name, scope), c.template(h.Value, scope)})
	}
	for _, arg := range from.Run {
		p.run = append(p.run, c.textTemplate(arg, scope))
	}
	if o := from.OAuth; o != nil {
		p.oauth = &OAuth{TokenURL: c.needed(o.TokenURL), ClientID: c.text(o.ClientID), ClientSecret: c.text(o.ClientSecret), Scopes: c.texts(o.Scopes)}
	}
	return p
}

// hostOf is the scheme and host of a URL, whose rest may be an expression.
func hostOf(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return raw
	}
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host[strings.LastIndexByte(host, '@')+1:]
}

// redacted is a URL without its password and its query.
func redacted(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "…"
	}
	u.RawQuery = ""
	return u.Redacted()
}
