package source

import (
	"slices"
	"strings"
)

func fileKeys() []key[File] {
	return []key[File]{
		{name: "flowcheck", read: func(v val, _ *File) { v.version() }},
		field("flow", val.flowName, func(f *File) *Text { return &f.Flow }),
		field("about", val.text, func(f *File) *Text { return &f.About }),
		field("use", val.texts, func(f *File) *[]Text { return &f.Use }),
		field("vars", val.vars, func(f *File) *[]Var { return &f.Vars }),
		field("skew", val.skew, func(f *File) *Skew { return &f.Skew }),
		field("settle", val.durationOrZero, func(f *File) *Duration { return &f.Settle }),
		field("timeout", val.duration, func(f *File) *Duration { return &f.Timeout }),
		field("remember", val.durationOrZero, func(f *File) *Duration { return &f.Remember }),
		field("partition-by", val.word, func(f *File) *Text { return &f.PartitionBy }),
		field("mask", val.maskPaths, func(f *File) *[]Text { return &f.Mask }),
		field("noise", val.texts, func(f *File) *[]Text { return &f.Noise }),
		field("brokers", val.brokers, func(f *File) *[]Broker { return &f.Brokers }),
		field("channels", val.channels, func(f *File) *[]Channel { return &f.Channels }),
		field("correlate", val.correlate, func(f *File) *[]ID { return &f.Correlate }),
		field("steps", val.steps, func(f *File) *[]Step { return &f.Steps }),
		field("outcomes", val.outcomes, func(f *File) *[]Outcome { return &f.Outcomes }),
		field("rules", val.rules, func(f *File) *[]Rule { return &f.Rules }),
		field("scenarios", val.scenarios, func(f *File) *[]Scenario { return &f.Scenarios }),
		field("hooks", val.hooks, func(f *File) *[]Hook { return &f.Hooks }),
		field("setup", val.errands, func(f *File) *[]Call { return &f.Setup }),
		field("cleanup", val.errands, func(f *File) *[]Call { return &f.Cleanup }),
	}
}

func skewKeys() []key[Skew] {
	return []key[Skew]{
		field("broker", val.durationOrZero, func(s *Skew) *Duration { return &s.Broker }),
		field("producer", val.durationOrZero, func(s *Skew) *Duration { return &s.Producer }),
	}
}

// version wants the version of the language that this package reads.
func (v val) version() {
	if v.Kind != Number || v.Text.Value != "1" {
		v.failHint("write flowcheck: 1, or update flowcheck", "this is version %s of the language; only 1 is known", v.describe())
	}
}

// flowName reads the name of the flow, which reports and recordings bear.
func (v val) flowName() Text {
	t := v.word()
	if t.IsSet() {
		v.checkName("a flow", t)
	}
	return t
}

// vars reads the variables, which expressions read as vars.NAME.
func (v val) vars() []Var {
	var out []Var
	v.named(func(name Text, v val) {
		v.checkName("a variable", name)
		out = append(out, Var{Name: name, Value: v.free()})
	})
	return out
}

// skew reads one duration for all clocks of brokers, or a map.
func (v val) skew() Skew {
	var s Skew
	if v.Kind == Map {
		object(v, "`skew`", skewKeys(), &s)
	} else {
		s.Broker = v.durationOrZero()
	}
	return s
}

// maskPaths reads paths of what must not leave memory in the clear.
func (v val) maskPaths() []Text {
	return v.many(func(item val) Text {
		t := item.word()
		root, _, _ := strings.Cut(t.Value, ".")
		root, _, _ = strings.Cut(root, "[")
		switch root {
		case "body", "headers", "key", "":
			return t
		}
		item.failHint("write body.card.number, headers[\"authorization\"] or key",
			"%s is no path in a message", quote(t.Value))
		return Text{}
	})
}

// homesOf returns the kinds of mapping that have a key.
func homesOf(word string) []string {
	var out []string
	for _, s := range sections() {
		if slices.Contains(s.keys, word) && !slices.Contains(out, s.name) {
			out = append(out, s.name)
		}
	}
	return out
}

// section is a kind of mapping with fixed keys.
type section struct {
	name string // for messages
	def  string // in the JSON Schema
	keys []string
}

func sections() []section {
	out := []section{
		{"the file's top level", "", names(fileKeys())},
		{"`skew`", "skew", names(skewKeys())},
		{"a broker", "broker", names(brokerKeys())},
		{"`tls`", "tls", names(tlsKeys())},
		{"`sasl`", "sasl", names(saslKeys())},
		{"a channel", "channel", names(channelKeys())},
		{"`registry`", "registry", names(registryKeys())},
		{"`schema`", "schema", names(schemaKeys())},
		{"`answer`", "answer", names(answerKeys())},
		{"an id", "id", names(idKeys())},
		{"a step", "step", names(stepKeys())},
		{"an outcome", "outcome", names(outcomeKeys())},
		{"a scenario", "scenario", names(scenarioKeys())},
		{"`send`", "send", names(sendKeys())},
		{"`call`", "call", names(callKeys())},
		{"`oauth`", "oauth", names(oauthKeys())},
		{"`setup` and `cleanup`", "errand", names(errandKeys())},
	}
	for _, k := range ruleKinds() {
		out = append(out, section{"a rule", k.name, k.keys})
	}
	return out
}
