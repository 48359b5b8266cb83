package oracle

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/message"
)

// Epoch is what the generator's times count from.
var Epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

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

// Event is the event as a tap hands it on.
func (f *Flow) Event(e Event) message.Event {
	switch {
	case e.Gap != nil:
		name := f.Name(e.Gap.Channel)
		return message.Event{Mark: &message.Mark{Kind: message.MarkGap, Channel: name, Seen: at(e.Gap.At), Reason: e.Gap.Reason}}
	case e.End:
		return message.Event{Mark: &message.Mark{Kind: message.MarkEnd, Seen: at(e.At)}}
	}
	return message.Event{Observation: f.observation(e.Message)}
}

func at(t int64) time.Time {
	if t == None {
		return time.Time{}
	}
	return Epoch.Add(time.Duration(t))
}

func (f *Flow) observation(m *Message) *message.Observation {
	o := &message.Observation{
		Message: message.Message{Payload: m.Body.Payload()}, Channel: f.Name(m.Channel),
		Position: f.position(m), Time: at(m.Time), Seen: at(m.Seen), ProducerClock: m.Producer,
	}
	if m.HasKey {
		o.Key = []byte(m.Key)
	}
	if m.Death != nil {
		o.Headers = m.Death.headers()
	}
	switch {
	case m.MessageID == "":
	case m.Channel >= 0 && f.Channels[m.Channel].Broker == AMQP:
		o.Properties = map[string]any{"message-id": m.MessageID}
	default:
		o.Headers = append(o.Headers, message.Header{Name: "ce_id", Value: m.MessageID})
	}
	return o
}

func (f *Flow) position(m *Message) message.Position {
	broker := Kafka
	if m.Channel >= 0 {
		broker = f.Channels[m.Channel].Broker
	}
	switch broker {
	case AMQP:
		return message.Nth(m.Offset)
	case SNS:
		return message.Named(fmt.Sprintf("m-%04d", m.Offset))
	default:
		return message.At(m.Partition, m.Offset)
	}
}

// Place is the message as evidence names it.
func (f *Flow) Place(m *Message) string {
	return f.Name(m.Channel) + " " + f.position(m).String()
}

func (d *Death) headers() []message.Header {
	var all []message.Header
	add := func(name string, value any) { all = append(all, message.Header{Name: name, Value: value}) }
	switch d.Dialect {
	case "x-original":
		add("x-original-topic", topic(d.Origin))
		if d.Placed {
			add("x-original-partition", strconv.Itoa(int(d.Partition)))
			add("x-original-offset", strconv.FormatInt(d.Offset, 10))
		}
	case "spring":
		add("kafka_dlt-original-topic", topic(d.Origin))
		if d.Placed {
			add("kafka_dlt-original-partition", string(binary.BigEndian.AppendUint32(nil, uint32(d.Partition))))
			add("kafka_dlt-original-offset", string(binary.BigEndian.AppendUint64(nil, uint64(d.Offset))))
		}
		if d.Attempts > 0 {
			add("kafka_deliveryAttempt", string(binary.BigEndian.AppendUint32(nil, uint32(d.Attempts))))
		}
	case "x-death":
		add("x-death", []any{map[string]any{
			"queue": "q", "reason": d.Reason, "count": int64(d.Attempts), "exchange": topic(d.Origin), "routing-keys": []any{"k"},
		}})
	}
	return all
}

// Payload is the body as bytes; nil for a tombstone.
func (b *Body) Payload() []byte {
	if b.Tombstone {
		return nil
	}
	var out bytes.Buffer
	out.WriteByte('{')
	field := func(name string, value any) {
		text, err := json.Marshal(value)
		if err != nil {
			text = []byte("null")
		}
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, "%q:%s", name, text)
	}
	if b.Type != "" {
		field("t", b.Type)
	}
	for i, values := range b.IDs {
		switch {
		case b.Listed[i]:
			field(fmt.Sprintf("i%d", i), values)
		case len(values) > 0:
			field(fmt.Sprintf("i%d", i), scalar(values[0]))
		}
	}
	b.writeRest(field)
	if b.Broken {
		out.WriteString(`,"cut`)
		return out.Bytes()
	}
	out.WriteByte('}')
	return out.Bytes()
}

func (b *Body) writeRest(field func(string, any)) {
	if b.N != nil {
		field("n", *b.N)
	}
	switch c := b.Count.(type) {
	case nil:
	case float64:
		field("c", json.RawMessage(strconv.FormatFloat(c, 'f', 1, 64)))
	default:
		field("c", c)
	}
	if b.Lines >= 0 {
		field("l", make([]int, b.Lines))
	}
	if b.Seq != nil {
		field("seq", *b.Seq)
	}
	for _, text := range [][2]string{{"k", b.K}, {"u", b.U}, {"mid", b.MID}} {
		if text[1] != "" {
			field(text[0], text[1])
		}
	}
	if b.Foreign {
		field("foreign", true)
	}
	if b.At != None {
		field("at", at(b.At).Format(time.RFC3339Nano))
	}
	if b.Noise != 0 {
		field("noise", b.Noise)
	}
}

// scalar writes ids of digits as numbers: as text they are the same id.
func scalar(id string) any {
	if n, err := strconv.Atoi(id); err == nil && strconv.Itoa(n) == id {
		return n
	}
	return id
}

// Time is a time of the generator as the taps tell it; the zero time for None.
func Time(t int64) time.Time { return at(t) }

// Line is the event in a line, for people.
func (f *Flow) Line(e Event) string {
	switch {
	case e.Gap != nil:
		return fmt.Sprintf("gap %s %v", f.Name(e.Gap.Channel), time.Duration(e.Gap.At))
	case e.End:
		return fmt.Sprintf("end %v", time.Duration(e.At))
	}
	m := e.Message
	o := f.observation(m)
	line := fmt.Sprintf("%s time=%s seen=%v", f.Place(m), spell(m.Time), time.Duration(m.Seen))
	if m.Producer {
		line += " producer"
	}
	if m.HasKey {
		line += " key=" + m.Key
	}
	for _, h := range o.Headers {
		line += fmt.Sprintf(" %s=%q", h.Name, fmt.Sprint(h.Value))
	}
	if o.Properties != nil {
		line += fmt.Sprint(" ", o.Properties)
	}
	return line + " " + string(o.Payload)
}

func spell(t int64) string {
	if t == None {
		return "none"
	}
	return time.Duration(t).String()
}
