package oracle

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// YAML is the flow as a flow file.
func (f *Flow) YAML() string {
	var b strings.Builder
	b.WriteString("flowcheck: 1\nflow: generated\n")
	b.WriteString("brokers: { k: \"kafka://localhost:9092\", r: \"amqp://localhost\", a: \"aws://eu-west-1\" }\n")
	if f.Timeout > 0 {
		fmt.Fprintf(&b, "timeout: %s\n", f.Timeout)
	}
	switch {
	case f.ProducerSkew > 0:
		fmt.Fprintf(&b, "skew: { broker: %s, producer: %s }\n", time.Duration(f.skew()), f.ProducerSkew)
	case f.Skew > 0:
		fmt.Fprintf(&b, "skew: %s\n", f.Skew)
	}
	b.WriteString("channels:\n")
	for i := range f.Channels {
		fmt.Fprintf(&b, "  %s: { %s }\n", f.Name(i), strings.Join(f.channelKeys(i), ", "))
	}
	b.WriteString("correlate:\n")
	for i, id := range f.IDs {
		expr := fmt.Sprintf("body.i%d", i)
		if id.Key {
			expr = "key"
		}
		fmt.Fprintf(&b, "  i%d: { id: %s, ties: %v }\n", i, expr, !id.Loose)
	}
	b.WriteString("steps:\n")
	for i := range f.Steps {
		fmt.Fprintf(&b, "  %s: { %s }\n", f.StepName(i), strings.Join(f.stepKeys(i), ", "))
	}
	f.writeOutcomes(&b)
	f.writeRules(&b)
	return b.String()
}

func (f *Flow) channelKeys(i int) []string {
	c, name := &f.Channels[i], f.Name(i)
	var keys []string
	add := func(format string, args ...any) { keys = append(keys, fmt.Sprintf(format, args...)) }
	switch c.Broker {
	case Kafka:
		add("broker: k, topic: %s", topic(i))
	case AMQP:
		add("broker: r, exchange: %s, routing-key: \"#\"", topic(i))
	case SNS:
		add("broker: a, sns: %s", name)
	}
	if c.Ours {
		add("when: 'body.foreign != true'")
	}
	if c.Only {
		add("only: true")
	}
	if c.JSON {
		add("format: json")
	}
	if c.DeadLetters != nil {
		add("dead-letters: %s", f.list(c.DeadLetters, f.Name))
	}
	if c.Retries != nil {
		add("retries: %s", f.list(c.Retries, f.Name))
	}
	if c.Copy != "" {
		add("copy: %s", c.Copy)
	}
	if c.Redeliveries != "" {
		add("redeliveries: %s", c.Redeliveries)
	}
	if c.MessageID {
		add("message-id: body.mid")
	}
	if c.Clock != "" {
		add("time: %s", c.Clock)
	}
	return keys
}

// topic is the topic or exchange of a channel; -1 is one that the flow lacks.
func topic(channel int) string { return "topic" + strconv.Itoa(channel+1) }

func (f *Flow) list(items []int, name func(int) string) string {
	names := make([]string, len(items))
	for i, item := range items {
		names[i] = name(item)
	}
	return "[ " + strings.Join(names, ", ") + " ]"
}

func (f *Flow) stepKeys(i int) []string {
	s := &f.Steps[i]
	keys := []string{"channel: " + f.Name(s.Channel)}
	add := func(format string, args ...any) { keys = append(keys, fmt.Sprintf(format, args...)) }
	var when []string
	if s.Type != "" {
		when = append(when, fmt.Sprintf("body.t == %q", s.Type))
	}
	if s.AtLeast > 0 {
		when = append(when, fmt.Sprintf("body.n >= %d", s.AtLeast))
	}
	if when != nil {
		add("when: '%s'", strings.Join(when, " and "))
	}
	if s.After != nil {
		add("after: %s", f.list(s.After, f.StepName))
	}
	if s.Within > 0 {
		add("within: %s", s.Within)
	}
	if s.Count != nil {
		add("count: '%s'", f.countText(s.Count))
	}
	if s.Optional {
		add("optional: true")
	}
	if s.Checks != nil {
		add("check: %s", f.checkTexts(s.Checks))
	}
	return keys
}

func (f *Flow) countText(c *Count) string {
	name := f.StepName(c.Step)
	switch {
	case c.Form == "field":
		return name + ".body.c"
	case c.Form == "lines":
		return "len(" + name + ".body.l)"
	case c.Form == "messages":
		return "len(" + name + ")"
	case c.Max < 0:
		return fmt.Sprintf(">=%d", c.Min)
	case c.Min == c.Max:
		return strconv.Itoa(c.Min)
	default:
		return fmt.Sprintf("%d..%d", c.Min, c.Max)
	}
}

func (f *Flow) checkTexts(checks []Check) string {
	texts := make([]string, len(checks))
	for i, c := range checks {
		texts[i] = "'" + f.checkText(c) + "'"
	}
	return "[ " + strings.Join(texts, ", ") + " ]"
}

func (f *Flow) checkText(c Check) string {
	s := f.StepName(c.Step)
	switch c.Form {
	case OwnIs:
		return fmt.Sprintf("body.n == %d", c.K)
	case OwnLeast:
		return fmt.Sprintf("body.n >= %d", c.K)
	case SameAs:
		return fmt.Sprintf("body.n == %s.body.n", s)
	case StepIs:
		return fmt.Sprintf("%s.body.n == %d", s, c.K)
	case LenIs:
		return fmt.Sprintf("len(%s) == %d", s, c.K)
	case AllLeast:
		return fmt.Sprintf("all(%s, .body.n >= %d)", s, c.K)
	case FirstIs:
		return fmt.Sprintf("%s[0].body.n == %d", s, c.K)
	case AbsentOr:
		return fmt.Sprintf("%s == nil or %s.body.n == %d", s, s, c.K)
	case Attempts:
		return fmt.Sprintf("death.attempts == %d", c.K)
	default:
		return `death.reason == "rejected"`
	}
}

func (f *Flow) writeOutcomes(b *strings.Builder) {
	if len(f.Outcomes) == 0 {
		return
	}
	b.WriteString("outcomes:\n")
	for i, o := range f.Outcomes {
		fmt.Fprintf(b, "  %s: { steps: %s", f.OutcomeName(i), f.list(o.Steps, f.StepName))
		if o.Checks != nil {
			fmt.Fprintf(b, ", check: %s", f.checkTexts(o.Checks))
		}
		b.WriteString(" }\n")
	}
}

func (f *Flow) writeRules(b *strings.Builder) {
	if len(f.Rules) == 0 {
		return
	}
	b.WriteString("rules:\n")
	for i, r := range f.Rules {
		keys := []string{"name: " + f.RuleName(i)}
		add := func(format string, args ...any) { keys = append(keys, fmt.Sprintf(format, args...)) }
		if r.Kind == "latency" {
			add("from: %s, to: %s", f.StepName(r.From), f.StepName(r.To))
			for _, l := range r.Limits {
				add("%s: %s", l.Key, l.Max)
			}
		} else {
			add("channel: %s", f.Name(r.Channel))
		}
		switch r.Kind {
		case "ordered":
			add("by: body.seq, gapless: %v", r.Gapless)
		case "unique":
			add("id: body.u")
		case "never":
			add("when: 'body.n < 0'")
		case "every":
			add("within: %s", r.Within)
		}
		if r.Keyed {
			add("per: body.k")
		}
		fmt.Fprintf(b, "  - %s: { %s }\n", r.Kind, strings.Join(keys, ", "))
	}
}
