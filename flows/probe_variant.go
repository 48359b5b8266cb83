package flows

import (
	"maps"
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/deadletter"
	"github.com/flowcheck/flowcheck/expression"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// transportIDs are the names under which libraries carry a message's id beside
// its body: CloudEvents' in the bindings for Kafka, AMQP and SQS, and properties
// of AMQP, SQS and SNS.
var transportIDs = []string{
	"message-id", "MessageDeduplicationId", "ce_id", "ce-id", "cloudEvents:id", "cloudEvents_id", "id", "message_id", "messageId", "x-message-id",
}

// WithNewTransportID is the trigger as another message with the same business
// ids: what names the message, and not what it is about, is fresh. again is the
// same trigger evaluated once more, so that a header of uuid() or now() is fresh
// as well.
func (f *Flow) WithNewTransportID(t, again *Trigger, fresh func() string) Trigger {
	other := *t
	if len(again.Message.Headers) == len(t.Message.Headers) {
		other.Message.Headers = slices.Clone(again.Message.Headers)
	}
	other.Message.Properties = maps.Clone(again.Message.Properties)
	for i := range other.Message.Headers {
		h := &other.Message.Headers[i]
		if slices.Contains(transportIDs, h.Name) && h.Value != nil {
			h.Value = fresh()
		}
	}
	for name := range other.Message.Properties {
		if slices.Contains(transportIDs, name) {
			other.Message.Properties[name] = fresh()
		}
	}
	ch := &f.Channels[t.Channel]
	if ch.intake.keyless && other.Message.Properties["message-id"] == nil {
		other.Message.Properties = maps.Clone(other.Message.Properties)
		if other.Message.Properties == nil {
			other.Message.Properties = map[string]any{}
		}
		other.Message.Properties["message-id"] = fresh()
	}
	if named := f.withMessageID(ch, &other, fresh()); f.sameChain(t, named) {
		return *named
	}
	return other
}

// withMessageID puts another id where the channel's `message-id:` finds it.
func (f *Flow) withMessageID(ch *Channel, t *Trigger, id string) *Trigger {
	other := *t
	field := ch.intake.idField
	if field == nil {
		field = &expression.Field{Source: expression.Body, Path: []payload.Elem{{Name: "id"}}}
		if tree, err := payload.Decode(t.Message.Payload); err != nil || tree.Member("specversion").IsNil() {
			return &other // no CloudEvent
		}
	}
	switch field.Source {
	case expression.Properties:
		other.Message.Properties = maps.Clone(other.Message.Properties)
		if len(field.Path) == 1 && other.Message.Properties != nil {
			other.Message.Properties[field.Path[0].Name] = id
		}
	case expression.Headers:
		other.Message.Headers = slices.Clone(other.Message.Headers)
		for i := range other.Message.Headers {
			if h := &other.Message.Headers[i]; len(field.Path) == 1 && h.Name == field.Path[0].Name {
				h.Value = id
			}
		}
	case expression.Body:
		tree, err := payload.Decode(t.Message.Payload)
		if err != nil {
			return &other
		}
		if tree, ok := setAt(tree, field.Path, payload.OfString(id)); ok {
			other.Message.Payload = payload.AppendJSON(nil, tree)
		}
	default:
	}
	return &other
}

// setAt puts a value where the path leads to.
func setAt(v payload.Value, path []payload.Elem, to payload.Value) (payload.Value, bool) {
	if len(path) == 0 {
		return to, true
	}
	members := slices.Clone(v.Object())
	for i := range members {
		if members[i].Name != path[0].Name {
			continue
		}
		inner, ok := setAt(members[i].Value, path[1:], to)
		members[i].Value = inner
		return payload.OfObject(members), ok
	}
	return v, false
}

// sameChain reports whether another message would be the same step of the same
// chain.
func (f *Flow) sameChain(t, other *Trigger) bool {
	in := newIntake(f)
	ids, step := in.identity(t)
	otherIDs, otherStep := in.identity(other)
	return step != correlate.NoStep && step == otherStep && maps.Equal(ids, otherIDs)
}

// WithOtherContent is the trigger with one value of its body changed, such that
// its ids and its step stay; what says which. A number goes before a text, a
// text before a flag.
func (f *Flow) WithOtherContent(t *Trigger) (other Trigger, what string, ok bool) {
	tree, err := payload.Decode(t.Message.Payload)
	if err != nil {
		return *t, "", false
	}
	for _, wanted := range []func(payload.Value) (payload.Value, bool){otherNumber, otherText, otherFlag} {
		for n := range maxLeaves {
			changed, path, found := editLeaf(tree, n, wanted)
			if !found {
				break
			}
			if path == "" {
				continue
			}
			other = *t
			other.Message.Payload = payload.AppendJSON(nil, changed)
			if f.sameChain(t, &other) {
				return other, "body" + path, true
			}
		}
	}
	return *t, "", false
}

func otherNumber(v payload.Value) (payload.Value, bool) {
	switch v.Kind() {
	case payload.Int:
		return payload.OfInt(v.Int() + 1), true
	case payload.Float:
		return payload.OfFloat(v.Float() + 1), true
	default:
		return v, false
	}
}

func otherText(v payload.Value) (payload.Value, bool) {
	return payload.OfString(v.Text() + "-changed"), v.Kind() == payload.String
}

func otherFlag(v payload.Value) (payload.Value, bool) {
	return payload.OfBool(!v.Bool()), v.Kind() == payload.Bool
}

// editLeaf changes the nth leaf of a tree; path is "" where edit would not have
// it, found false where there are no more.
func editLeaf(v payload.Value, n int, edit func(payload.Value) (payload.Value, bool)) (changed payload.Value, path string, found bool) {
	e := editor{left: n, edit: edit}
	changed = e.walk(v, "")
	return changed, e.path, e.done
}

type editor struct {
	left int
	edit func(payload.Value) (payload.Value, bool)
	path string
	done bool
}

func (e *editor) walk(v payload.Value, path string) payload.Value {
	switch members, items := v.Object(), v.List(); {
	case e.done:
	case len(members) > 0:
		members = slices.Clone(members)
		for i := range members {
			members[i].Value = e.walk(members[i].Value, path+"."+members[i].Name)
		}
		return payload.OfObject(members)
	case len(items) > 0:
		items = slices.Clone(items)
		for i := range items {
			items[i] = e.walk(items[i], path+"[]")
		}
		return payload.OfList(items)
	case e.left > 0:
		e.left--
	default:
		e.done = true
		if other, ok := e.edit(v); ok {
			e.path = path
			return other
		}
	}
	return v
}

// Resent is a message that a tap saw as a trigger that sends it again: byte for
// byte, with its headers, to its own channel and partition.
func (f *Flow) Resent(channel int, o *message.Observation) Trigger {
	t := Trigger{Channel: channel, Message: o.Message, Origin: o.Position}
	t.Message.Properties = maps.Clone(o.Properties)
	if o.Position.Kind == message.PartitionOffset {
		t.Partition = &o.Position.Partition
	}
	// What flowcheck or a broker adds to a copy is not the message's.
	t.Message.Headers = slices.DeleteFunc(slices.Clone(t.Message.Headers), func(h message.Header) bool {
		return strings.EqualFold(h.Name, "x-delivery-count") || strings.EqualFold(h.Name, "x-acquired-count")
	})
	return t
}

// Replayed is a dead letter as a trigger that sends it to where it came from, as
// if it had never failed; false where that is not known.
func (f *Flow) Replayed(channel int, o *message.Observation) (Trigger, bool) {
	ch := &f.Channels[channel]
	origin := -1
	death, dead := deadletter.Read(o)
	if dead {
		origin = f.channelOf(&death.Origin, ch)
	}
	if origin < 0 && len(ch.DeadLetters) == 1 {
		origin = ch.DeadLetters[0]
	}
	if origin < 0 {
		return Trigger{}, false
	}
	t := f.Resent(origin, o)
	t.Partition = nil
	t.Message.Headers = deadletter.Strip(t.Message.Headers)
	delete(t.Message.Properties, "exchange")
	delete(t.Message.Properties, "routing-key")
	delete(t.Message.Properties, "MessageDeduplicationId") // else it is swallowed for five minutes
	if dead && death.Origin.RoutingKey != "" {
		if t.Message.Properties == nil {
			t.Message.Properties = map[string]any{}
		}
		t.Message.Properties["routing-key"] = death.Origin.RoutingKey
	}
	return t, true
}
