package flows

import (
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/expression"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// Scenario is a trigger and the outcome that it must have.
type Scenario struct {
	Name, About string
	Covers      []string
	// Outcome is the index of the expected outcome, -1 for any.
	Outcome int
	// Cases are the values of `case`, one run each; one nil where there are none.
	Cases []Case
	// Probes are those that the file asks for or switches off.
	Probes []Probe
	// Timeout bounds the wait for the scenario; 0 is the flow's deadlines alone.
	Timeout time.Duration

	sends  []send
	call   *callPlan        // it begins with a call
	ids    []templateMember // of its chain, from the reply
	heal   *callPlan
	checks []*program
	named  bool // it has cases
}

// Case is a value of `case`: one run of a scenario. The zero Case is none.
type Case struct{ value payload.Value }

// CaseOf is the case that a mark tells of, in JSON types.
func CaseOf(data map[string]any) Case { return Case{payload.FromAny(data)} }

// Data is the case as JSON has it; nil for none.
func (c Case) Data() map[string]any {
	data, _ := payload.ToAny(c.value).(map[string]any)
	return data
}

// send is one message of a trigger.
type send struct {
	to         int
	outcome    int // -1: the scenario's
	key        template
	headers    []templateMember
	properties []templateMember
	partition  template
	body       template
	text       template
	base64     template
	tombstone  bool
}

// Trigger is a message to be sent.
type Trigger struct {
	Channel   int
	Message   message.Message
	Partition *int32
	// IDs are the ids of the message by the flow's correlate: those of the chain
	// that it begins. None: its chain could not be recognised.
	IDs map[string]string
	// Outcome is the name of the outcome that its chain must have; "" for any.
	Outcome string
	// Origin is where the message is that this one repeats, if the broker told.
	Origin message.Position
}

// indices of the names that come later, in every scenario's scope.
const (
	nameVars = iota
	nameEnv
	nameID
	nameCase
	nameChannels // known when the file is compiled
	nameCount
)

// Triggers evaluates what the scenario sends, for one fresh id and one case.
func (s *Scenario) Triggers(f *Flow, id string, kase Case) ([]Trigger, error) {
	frame := scenarioFrame(id, kase.value)
	frame.Random = rand.NewPCG(f.seed, s.number(kase))
	in := newIntake(f)
	triggers := make([]Trigger, 0, len(s.sends))
	for i := range s.sends {
		t, err := s.sends[i].trigger(f, frame)
		if err != nil {
			return nil, fmt.Errorf("scenario %q: message %d to %s: %w", s.Name, i+1, f.Channels[s.sends[i].to].Name, err)
		}
		t.IDs = in.idsOf(t)
		outcome := s.Outcome
		if s.sends[i].outcome >= 0 {
			outcome = s.sends[i].outcome
		}
		if outcome >= 0 {
			t.Outcome = f.Outcomes[outcome].Name
		}
		triggers = append(triggers, *t)
	}
	return triggers, nil
}

// number tells one scenario and case from the others, so that the test data of
// each is its own, whichever of them are run.
func (s *Scenario) number(kase Case) uint64 {
	h := fnv.New64a()
	h.Write(payload.AppendJSON([]byte(s.Name+"\x00"), kase.value))
	return h.Sum64()
}

func scenarioFrame(id string, kase payload.Value) *expression.Frame {
	names := make([]payload.Value, nameCount)
	names[nameID], names[nameCase] = payload.OfString(id), kase
	return &expression.Frame{Names: names}
}

// SendsTo names the channels of a broker that scenarios send to.
func (f *Flow) SendsTo(broker int) []string {
	var names []string
	for i := range f.Scenarios {
		for _, s := range f.Scenarios[i].sends {
			ch := &f.Channels[s.to]
			if ch.Broker == broker && !slices.Contains(names, ch.Name) {
				names = append(names, ch.Name)
			}
		}
	}
	return names
}

// Label is the scenario's name in a report: with its case, if it has cases.
func (s *Scenario) Label(kase Case) string {
	if !s.named {
		return s.Name
	}
	return s.Name + " " + payload.Short(kase.value, shortValue)
}

// idsOf are the tying ids that the flow's correlate finds in a trigger.
func (in *intake) idsOf(t *Trigger) map[string]string {
	ids, _ := in.identity(t)
	return ids
}

// identity is the ids and the step of a trigger.
func (in *intake) identity(t *Trigger) (map[string]string, int16) {
	ch := &in.flow.Channels[t.Channel]
	o := &message.Observation{Message: t.Message, Channel: ch.Name, Seen: time.Unix(0, 0)}
	if ch.intake.keyless {
		o.Properties = map[string]any{"exchange": ch.Exchange}
		if len(ch.RoutingKeys) > 0 {
			o.Properties["routing-key"] = ch.RoutingKeys[0]
		}
		for name, v := range t.Message.Properties {
			o.Properties[name] = v
		}
	}
	in.reduced.reset()
	m, mine := in.read(t.Channel, in.flow.Masked(o))
	if !mine || m.Entry.Step == correlate.NoStep {
		return nil, correlate.NoStep
	}
	var ids map[string]string // nil where it has none, as a recording has it
	for _, id := range m.IDs {
		if ids == nil {
			ids = map[string]string{}
		}
		ids[in.flow.IDs[id.Name].Name] = id.Value
	}
	return ids, m.Entry.Step
}

func (s *send) trigger(f *Flow, frame *expression.Frame) (*Trigger, error) {
	t := &Trigger{Channel: s.to}
	ch := &f.Channels[s.to]
	var err error
	body, err := s.payload(ch, frame)
	if err != nil {
		return nil, err
	}
	key, err := s.keyBytes(ch, frame)
	if err != nil {
		return nil, err
	}
	t.Message.Payload, t.Message.Key = body.Data, key.Data
	for i := range s.headers {
		name, v, err := s.headers[i].eval(frame)
		if err != nil {
			return nil, err
		}
		t.Message.Headers = append(t.Message.Headers, message.Header{Name: name, Value: headerValue(v, ch.intake.keyless)})
	}
	for i := range s.properties {
		name, v, err := s.properties[i].eval(frame)
		if err != nil {
			return nil, err
		}
		if t.Message.Properties == nil {
			t.Message.Properties = map[string]any{}
		}
		t.Message.Properties[name] = headerValue(v, true)
	}
	t.Message.Headers = append(append(t.Message.Headers, key.Headers...), body.Headers...)
	t.say(ch, body.ContentType)
	t.Partition, err = s.partitionNumber(frame)
	return t, err
}

func (m *templateMember) eval(frame *expression.Frame) (string, payload.Value, error) {
	name, err := m.name.eval(frame)
	if err != nil {
		return "", name, err
	}
	v, err := m.value.eval(frame)
	return payload.Plain(name), v, err
}

func (s *send) partitionNumber(frame *expression.Frame) (*int32, error) {
	if !s.partition.set {
		return nil, nil
	}
	v, err := s.partition.eval(frame)
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseInt(payload.Plain(v), 10, 32)
	if err != nil || n < 0 || n > math.MaxInt32 {
		return nil, fmt.Errorf("partition %s is no partition number", payload.Plain(v))
	}
	p := int32(n)
	return &p, nil
}

// say tells what a body is, unless the scenario does.
func (t *Trigger) say(ch *Channel, contentType string) {
	const name = "content-type"
	if contentType == "" {
		return
	}
	if ch.intake.keyless {
		if t.Message.Properties == nil {
			t.Message.Properties = map[string]any{}
		}
		if _, ok := t.Message.Properties[name]; !ok {
			t.Message.Properties[name] = contentType
		}
		return
	}
	if _, ok := t.Message.Header(name); !ok {
		t.Message.Headers = append(t.Message.Headers, message.Header{Name: name, Value: contentType})
	}
}

// keyBytes is the key as the channel's key-format has it; the zero Encoded is
// none.
func (s *send) keyBytes(ch *Channel, frame *expression.Frame) (payload.Encoded, error) {
	if !s.key.set {
		return payload.Encoded{}, nil
	}
	v, err := s.key.eval(frame)
	switch {
	case err != nil || v.IsNil():
		return payload.Encoded{}, err
	case ch.intake.key != nil:
		e, err := ch.intake.key.Encode(v)
		if err != nil {
			return e, fmt.Errorf("key: %w", err)
		}
		return e, nil
	}
	return payload.Encoded{Data: []byte(payload.Plain(v))}, nil
}

// payload is the body as the channel's format has it.
func (s *send) payload(ch *Channel, frame *expression.Frame) (payload.Encoded, error) {
	if s.body.set && !s.tombstone && ch.intake.body != nil {
		v, err := s.body.eval(frame)
		if err != nil {
			return payload.Encoded{}, err
		}
		return ch.intake.body.Encode(v)
	}
	data, err := s.plainPayload(ch, frame)
	return payload.Encoded{Data: data}, err
}

// plainPayload is the body where the channel has no codec, or the scenario has
// the bytes.
func (s *send) plainPayload(ch *Channel, frame *expression.Frame) ([]byte, error) {
	switch {
	case s.tombstone:
		return nil, nil
	case s.text.set:
		v, err := s.text.eval(frame)
		return []byte(payload.Plain(v)), err
	case s.base64.set:
		v, err := s.base64.eval(frame)
		if err != nil {
			return nil, err
		}
		return base64.StdEncoding.DecodeString(v.Text())
	case !s.body.set:
		return []byte{}, nil
	}
	v, err := s.body.eval(frame)
	switch {
	case err != nil:
		return nil, err
	case ch.intake.format == formatText && v.Kind() == payload.String:
		return []byte(v.Text()), nil
	case ch.intake.format == formatBytes:
		return base64.StdEncoding.DecodeString(v.Text())
	}
	return payload.AppendJSON(nil, v), nil
}

// headerValue is a value as a message has it: typed where the broker has types.
func headerValue(v payload.Value, typed bool) any {
	if v.IsNil() {
		return nil
	}
	if typed {
		return payload.ToAny(v)
	}
	return payload.Plain(v)
}
