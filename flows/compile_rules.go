package flows

import (
	"github.com/flowcheck/flowcheck/expression"
	"github.com/flowcheck/flowcheck/flows/source"
)

func (c *compiler) compileRules() {
	for _, r := range c.file.Rules {
		rule := Rule{Name: r.Name.Value, Kind: r.Kind.Value}
		if rule.Name == "" {
			rule.Name = rule.Kind
		}
		at := len(c.flow.Rules)
		switch {
		case r.Ordered != nil:
			rule.gapless = r.Ordered.Gapless
			c.tapRule(&rule, at, r.Ordered.Channel, ruleTexts{by: r.Ordered.By, per: r.Ordered.Per})
		case r.Unique != nil:
			c.tapRule(&rule, at, r.Unique.Channel, ruleTexts{by: r.Unique.ID, per: r.Unique.Per})
		case r.Never != nil:
			rule.text = r.Never.When.Value
			c.tapRule(&rule, at, r.Never.Channel, ruleTexts{by: r.Never.When})
		case r.Every != nil:
			rule.every = c.duration(r.Every.Within, 0)
			c.tapRule(&rule, at, r.Every.Channel, ruleTexts{per: r.Every.Per})
		case r.Latency != nil:
			rule.from, rule.to = c.steps[r.Latency.From.Value], c.steps[r.Latency.To.Value]
			for _, l := range r.Latency.Limits {
				rule.limits = append(rule.limits, limit{l.Key, l.Percent, c.duration(l.Max, 0)})
			}
		}
		c.flow.Rules = append(c.flow.Rules, rule)
	}
}

// ruleTexts are the expressions of a rule.
type ruleTexts struct{ by, per source.Text }

func (c *compiler) tapRule(rule *Rule, at int, channel source.Text, texts ruleTexts) {
	i, ok := c.channels[channel.Value]
	if !ok {
		return
	}
	rule.Channel = i
	tap := &ruleTap{rule: at, keyed: rule.Kind == "unique", by: c.messageProgram(i, texts.by), per: c.messageProgram(i, texts.per)}
	c.flow.Channels[i].intake.rules = append(c.flow.Channels[i].intake.rules, tap)
}

// ruleTap is what a rule reads of a channel's messages.
type ruleTap struct {
	rule    int
	by, per *expression.Program // nil where the file has none
	keyed   bool                // what both come to is a key of its claims
}
