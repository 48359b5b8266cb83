package source

import (
	"slices"
	"strings"
)

// Scenario is one entry of scenarios:. It has Send or Call.
type Scenario struct {
	Pos     Position
	Name    Text
	About   Text
	Covers  []Text
	Send    []Send
	Call    *Call
	IDs     []Var // with Call: the chain's ids, from the reply
	Outcome Text  // an outcome
	Check   []Text
	Probes  []Probe
	Cases   Data // a list of maps, or text: a file
	Vars    []Var
	Timeout Duration
	Heal    *Call
}

// Send is one message of a scenario's trigger.
type Send struct {
	Pos        Position
	To         Text  // a channel, or ${…}
	Key        Data  // absent or null: no key
	Headers    []Var // in the order of the file
	Properties []Var
	Partition  Text

	// One of these is the payload.
	Body      Data
	Text      Text
	Base64    Text
	Tombstone bool

	// Outcome is the outcome of this message's chain, where it is not the
	// scenario's.
	Outcome Text
}

// Probe is one entry of probes:.
type Probe struct {
	Name   Text
	Off    bool
	Reason Text // why it is off, where the file says so
}

func scenarioKeys() []key[Scenario] {
	return []key[Scenario]{
		needed("name", val.word, func(s *Scenario) *Text { return &s.Name }),
		field("about", val.text, func(s *Scenario) *Text { return &s.About }),
		field("covers", val.texts, func(s *Scenario) *[]Text { return &s.Covers }),
		field("send", val.sends, func(s *Scenario) *[]Send { return &s.Send }),
		field("call", val.call, func(s *Scenario) **Call { return &s.Call }),
		field("ids", val.values, func(s *Scenario) *[]Var { return &s.IDs }),
		field("outcome", val.word, func(s *Scenario) *Text { return &s.Outcome }),
		field("check", val.exprs, func(s *Scenario) *[]Text { return &s.Check }),
		field("probes", val.probes, func(s *Scenario) *[]Probe { return &s.Probes }),
		field("cases", val.cases, func(s *Scenario) *Data { return &s.Cases }),
		field("vars", val.values, func(s *Scenario) *[]Var { return &s.Vars }),
		field("timeout", val.duration, func(s *Scenario) *Duration { return &s.Timeout }),
		field("heal", val.call, func(s *Scenario) **Call { return &s.Heal }),
	}
}

func sendKeys() []key[Send] {
	return []key[Send]{
		needed("to", val.word, func(s *Send) *Text { return &s.To }),
		field("key", val.free, func(s *Send) *Data { return &s.Key }),
		field("headers", val.headers, func(s *Send) *[]Var { return &s.Headers }),
		field("properties", val.values, func(s *Send) *[]Var { return &s.Properties }),
		field("partition", val.word, func(s *Send) *Text { return &s.Partition }),
		field("body", val.free, func(s *Send) *Data { return &s.Body }),
		field("text", val.text, func(s *Send) *Text { return &s.Text }),
		field("base64", val.text, func(s *Send) *Text { return &s.Base64 }),
		field("tombstone", val.flag, func(s *Send) *bool { return &s.Tombstone }),
		field("outcome", val.word, func(s *Send) *Text { return &s.Outcome }),
	}
}

// scenarios reads scenarios:.
func (v val) scenarios() []Scenario {
	var out []Scenario
	v.each(func(v val) {
		s := Scenario{Pos: v.Pos}
		if object(v, "this scenario", scenarioKeys(), &s) {
			v.checkTrigger(s)
		}
		out = append(out, s)
	})
	return out
}

// checkTrigger wants one trigger.
func (v val) checkTrigger(s Scenario) {
	known := names(scenarioKeys())
	switch sends, calls := v.meant("send", known), v.meant("call", known); {
	case !sends && !calls:
		v.failHint("add `send:` with a message, or `call:`", "this scenario has no trigger")
	case sends && calls:
		v.fail("this scenario has both `send` and `call`; it begins with one of them")
	case v.has("ids") && !calls:
		v.failHint("the ids of a message are read from it by `correlate`", "`ids` belongs to `call`")
	}
}

// sends reads one message or a list of them.
func (v val) sends() []Send {
	out := []Send{}
	v.oneOrEach(func(v val) {
		s := Send{Pos: v.Pos}
		if object(v, "`send`", sendKeys(), &s) {
			v.checkPayload()
		}
		out = append(out, s)
	})
	if len(out) == 0 {
		v.fail("`send` is empty")
	}
	return out
}

// checkPayload wants one payload.
func (v val) checkPayload() {
	payloads := []string{"body", "text", "base64", "tombstone"}
	var have []string
	known := names(sendKeys())
	for _, p := range payloads {
		if v.meant(p, known) {
			have = append(have, p)
		}
	}
	switch {
	case len(have) == 0:
		v.failHint("add one of: body, text, base64, tombstone: true", "`send` has nothing to send")
	case len(have) > 1:
		v.fail("`send` has several payloads: %s", list(have))
	}
}

// probes reads probes:, a list of names, or a map of names in which false or a
// reason switches one off.
func (v val) probes() []Probe {
	known := ProbeNames()
	var out []Probe
	if v.Kind != Map {
		for _, name := range v.many(oneOf(known...)) {
			out = append(out, Probe{Name: name})
		}
		return out
	}
	for _, m := range v.Members {
		p := Probe{Name: m.Name}
		value := v.under(m.Name.Value, m.Value)
		switch {
		case strings.HasPrefix(m.Name.Value, "x-"):
			continue
		case !slices.Contains(known, m.Name.Value):
			v.unknownKey(m, "`probes`", known)
			continue
		case m.Value.Kind == String:
			p.Off, p.Reason = true, value.word()
		default:
			p.Off = !value.flag()
		}
		out = append(out, p)
	}
	return out
}

// ProbeNames are the names that probes: takes.
func ProbeNames() []string {
	return []string{
		"all", "duplicate", "same-key", "conflict", "redeliver", "late", "reorder", "poison", "replay", "restart", "cut",
	}
}

// cases reads a list of maps, or the name of a file.
func (v val) cases() Data {
	if v.Kind == String {
		return v.free()
	}
	v.each(func(item val) {
		if item.Kind != Map {
			item.failHint("write cases: [ { qty: 1 }, { qty: 2 } ]", "a case must be a map of values, not %s", item.Kind.a())
		}
	})
	if v.Kind != List {
		return Data{}
	}
	return v.free()
}
